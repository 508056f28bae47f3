/**
 * What can go wrong while a connector acts, as a closed union. It is translated once to a
 * Temporal failure (activities/to-application-failure.ts) and once to HTTP (api/problem.ts).
 *
 * What decides a retry is not the error's name but two facts it states:
 * - `effect`: does the error prove that the provider did nothing (`none`), or may it have acted
 *   (`possible`)? A refused connection or a documented 429 proves; a time-out does not.
 * - `permanent`: would the same request fail again (bad address, wrong password)?
 */
export const CONNECTOR_ERROR_CODES = [
  'invalid_config',
  'credential_missing',
  'credential_rejected',
  'permission_denied',
  'not_found',
  'rejected',
  // The recipient wrote too long ago: only a message that needs no open conversation may go out.
  'window_closed',
  // The address is well-formed, but nobody can be reached at it.
  'undeliverable',
  // The recipient has shut the sender out.
  'recipient_blocked',
  'rate_limited',
  'unavailable',
  'timeout',
  'invalid_response',
  'blocked_destination',
  'too_large',
  'code_error',
  'code_limit',
  'cancelled',
] as const;
export type ConnectorErrorCode = (typeof CONNECTOR_ERROR_CODES)[number];

export interface ConnectorErrorOptions {
  /** `none`: the provider provably did nothing. `possible`: it may have acted. */
  readonly effect: 'none' | 'possible';
  /** True if the same request would fail again, so that a retry is pointless. */
  readonly permanent: boolean;
  /** The provider's Retry-After, in milliseconds. */
  readonly retryAfterMs?: number;
  /** HTTP or SMTP status of the answer. */
  readonly status?: number;
  /** The provider's own error code, e.g. Meta's 131047. */
  readonly providerCode?: string;
  /** JSON pointer into the node's config, where the cause lies there. */
  readonly pointer?: string;
  /** Small facts for the log. Never secrets, message bodies or personal data. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
}

/** A failure of a connector operation. The message says what happened and what to do about it. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  readonly code: ConnectorErrorCode;
  readonly effect: 'none' | 'possible';
  readonly permanent: boolean;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly providerCode: string | undefined;
  readonly pointer: string | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(code: ConnectorErrorCode, message: string, options: ConnectorErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.effect = options.effect;
    this.permanent = options.permanent;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.providerCode = options.providerCode;
    this.pointer = options.pointer;
    this.details = options.details;
  }
}

/**
 * Reads a Retry-After header.
 * @param value seconds, or an HTTP date (RFC 9110 §10.2.3)
 * @param now the current time in milliseconds since the epoch
 * @returns milliseconds to wait, at least 0, or undefined if the header is absent or unreadable
 */
export function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  if (value === null || value === undefined || value.trim() === '') return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value.trim()) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
