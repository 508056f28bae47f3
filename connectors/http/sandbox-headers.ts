/** How a request tells the emulator what it would have been. */
export const SANDBOX_HEADERS = {
  /** Where it would have gone. */
  originalUrl: 'x-masar-original-url',
  /** The status that the node takes for success. */
  status: 'x-masar-status',
  /** The name of the header that has the idempotency key. */
  idempotencyHeader: 'x-masar-idempotency-header',
  /** Where the node looks for the list of a page, percent-encoded; only with pagination. */
  itemsPath: 'x-masar-items-path',
} as const;
