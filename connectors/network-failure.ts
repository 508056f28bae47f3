/**
 * What a failed HTTP call proves. The question is always the same: can the provider have read the
 * request? Only a failure before the connection stood proves that it can't.
 */
import { ConnectorError } from './errors.ts';

/** Failures before a byte of the request was sent: name resolution, connect, TLS handshake. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export interface FailedCall {
  /** Who was called, as people know it, e.g. "WhatsApp". */
  readonly provider: string;
  readonly error: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** True if the call changes nothing, so that its failure leaves nothing in doubt. */
  readonly readOnly?: boolean;
}

/**
 * Translates what `fetch` threw (nothing was answered) to a ConnectorError.
 * @returns `timeout`, `cancelled` or `unavailable`; a ConnectorError goes through as it is
 */
export function networkFailure(call: FailedCall): ConnectorError {
  const { provider, error, signal, timeoutMs } = call;
  if (error instanceof ConnectorError) return error;
  const effect = call.readOnly === true ? 'none' : 'possible';
  if (signal.aborted || errorChain(error).some(({ name }) => name === 'TimeoutError')) {
    return abortedFailure({ provider, signal, timeoutMs, effect });
  }
  const code =
    errorChain(error)
      .map(codeOf)
      .find((found) => found !== undefined) ?? 'unknown';
  if (NOT_CONNECTED.has(code)) {
    return new ConnectorError(
      'unavailable',
      `${provider} could not be reached (${code}), so nothing was sent. Check the network and the address in the credential.`,
      { effect: 'none', permanent: false, details: { network: code } },
    );
  }
  return new ConnectorError(
    'unavailable',
    effect === 'none'
      ? `The connection to ${provider} broke before it answered (${code}).`
      : `The connection to ${provider} broke before it answered (${code}); it may have acted.`,
    { effect, permanent: false, details: { network: code } },
  );
}

/**
 * The failure of an attempt whose signal fired.
 * @param effect `none` only where no request that acts was under way
 */
export function abortedFailure(options: {
  readonly provider: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly effect: 'none' | 'possible';
}): ConnectorError {
  const { provider, signal, timeoutMs, effect } = options;
  const doubt = effect === 'none' ? 'Nothing was sent.' : 'It may have acted.';
  const reason: unknown = signal.reason;
  const cancelled = signal.aborted && !(isErrorLike(reason) && reason.name === 'TimeoutError');
  return cancelled
    ? new ConnectorError('cancelled', `Cancelled while calling ${provider}. ${doubt}`, {
        effect,
        permanent: false,
      })
    : new ConnectorError(
        'timeout',
        `${provider} did not answer within the ${timeoutMs} ms that this attempt had. ${doubt}`,
        { effect, permanent: false },
      );
}

/** The error and its causes, outermost first. AggregateErrors (happy eyeballs) give their first. */
function errorChain(error: unknown): Error[] {
  const chain: Error[] = [];
  let current: unknown = error;
  while (isErrorLike(current) && chain.length < 8) {
    chain.push(current);
    current =
      'errors' in current && Array.isArray(current.errors) ? current.errors[0] : current.cause;
  }
  return chain;
}

/** Errors of another realm (a test's VM) are no `instanceof Error`. */
function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value;
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
