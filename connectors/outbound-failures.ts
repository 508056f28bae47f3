/** What a failed exchange over HTTP means, before and after the request was handed to a socket. */
import type { IncomingHttpHeaders } from 'node:http';
import { ConnectorError, type ConnectorErrorOptions, parseRetryAfter } from './errors.ts';
import { BlockedDestinationError } from './outbound-destinations.ts';

/** What a failure proves about the server: `ConnectorError.effect`. */
export type Effect = ConnectorErrorOptions['effect'];

/** What messages need to know of the exchange that failed. */
export interface Exchange {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
}

/** Codes of node:dns, https://nodejs.org/api/dns.html#error-codes */
const NAME_FAILURES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA']);

/**
 * Nothing was sent: the connection did not come about, or the request was never well-formed.
 * @param effect what earlier redirects leave open; `none` without them
 */
export function connectFailure(error: Error, url: URL, effect: Effect): ConnectorError {
  if (error instanceof BlockedDestinationError) {
    return new ConnectorError(
      'blocked_destination',
      `The request to ${url.host} was not sent, because it leads into a private network. If it should, ask the operator to add ${url.host} to MASAR_ALLOW_HOSTS.`,
      { effect, permanent: true, pointer: '/url' },
    );
  }
  const code = codeOf(error);
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new ConnectorError(
      'invalid_config',
      `The request to ${url.host} can't be sent as it is: a header has a name or value that HTTP does not allow.`,
      { effect, permanent: true, pointer: '/headers' },
    );
  }
  return new ConnectorError('unavailable', connectSentence(code, url), {
    effect,
    permanent: false,
    ...(code === undefined ? {} : { details: { reason: code } }),
  });
}

function connectSentence(code: string | undefined, url: URL): string {
  if (code === 'ECONNREFUSED') {
    return `${url.host} refused the connection: nothing listens there. Check host and port.`;
  }
  if (code !== undefined && NAME_FAILURES.has(code)) {
    return `The name ${url.hostname} can't be resolved. Check its spelling.`;
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return `${url.host} can't be reached: the connection timed out.`;
  }
  if (code !== undefined && /CERT|SIGNATURE|ISSUER|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code)) {
    return `No secure connection to ${url.host} came about (${code}): its certificate or TLS setup is at fault.`;
  }
  return `No connection to ${url.host} came about${code === undefined ? '' : ` (${code})`}.`;
}

/** The request, or part of it, was handed to the socket: the server may have acted. */
export function sentFailure(error: Error, url: URL, effect: Effect): ConnectorError {
  const code = codeOf(error);
  const details = code === undefined ? {} : { details: { reason: code } };
  if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new ConnectorError('invalid_response', `What ${url.host} answered is not valid HTTP.`, {
      effect,
      permanent: false,
      ...details,
    });
  }
  return new ConnectorError(
    'unavailable',
    `The connection to ${url.host} broke before its answer was complete.`,
    { effect, permanent: false, ...details },
  );
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The signal fired: a time-out or a cancellation, by its reason. */
export function stopped(reason: unknown, exchange: Exchange, effect: Effect): ConnectorError {
  if (reason instanceof ConnectorError && reason.code === 'timeout')
    return timedOut(exchange, effect);
  // By name: a DOMException of another realm is no instance of this one's Error.
  if (typeof reason === 'object' && reason !== null && 'name' in reason) {
    if (reason.name === 'TimeoutError') return timedOut(exchange, effect);
  }
  return new ConnectorError('cancelled', `The request to ${exchange.url.host} was cancelled.`, {
    effect,
    permanent: true,
  });
}

export function timedOut(exchange: Exchange, effect: Effect): ConnectorError {
  const seconds = Math.round(exchange.timeoutMs / 100) / 10;
  return new ConnectorError(
    'timeout',
    `${exchange.url.host} did not answer within ${seconds} s. If it is slow by nature, give the node a longer timeout.`,
    { effect, permanent: false },
  );
}

export function tooLarge(exchange: Exchange, status: number, effect: Effect): ConnectorError {
  return new ConnectorError(
    'too_large',
    `The answer of ${exchange.url.host} is larger than ${exchange.maxResponseBytes} bytes, the limit here. Ask the server for less, for example page by page.`,
    { effect, permanent: true, status, details: { limitBytes: exchange.maxResponseBytes } },
  );
}

export function downloadRefused({ status, headers, url }: Answer): ConnectorError {
  const { host } = new URL(url);
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
  const code =
    status === 429
      ? 'rate_limited'
      : passing
        ? 'unavailable'
        : status === 404 || status === 410
          ? 'not_found'
          : status === 401 || status === 403
            ? 'permission_denied'
            : 'rejected';
  return new ConnectorError(
    code,
    `The file could not be downloaded: ${host} answered ${status}. ${passing ? 'It is asked again later.' : 'Check that the link opens without a login.'}`,
    {
      effect: 'none',
      permanent: !passing,
      status,
      ...(passing && retryAfterMs !== undefined ? { retryAfterMs } : {}),
    },
  );
}
