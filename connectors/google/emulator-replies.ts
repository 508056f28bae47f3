import type { EmulatedReply } from '../http-emulator.ts';

/**
 * An error answer in Google's form.
 * @param reason of the ErrorInfo in `details` and of the older `errors`
 */
export function googleError(
  code: number,
  status: string,
  message: string,
  reason?: string,
): EmulatedReply {
  const told =
    reason === undefined
      ? {}
      : {
          errors: [{ message, domain: 'global', reason }],
          details: [
            {
              '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
              reason,
              domain: 'googleapis.com',
            },
          ],
        };
  return { status: code, body: { error: { code, message, status, ...told } } };
}

/** An error answer of the token endpoint (RFC 6749 §5.2). */
export function tokenRefusal(
  status: number,
  error: string,
  error_description: string,
): EmulatedReply {
  return { status, body: { error, error_description } };
}
