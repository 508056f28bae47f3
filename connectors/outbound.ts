/**
 * The HTTP client for addresses that users write: HTTP nodes, attachments, media. It reaches the
 * public internet and what the operator listed, follows redirects under the same rule, and states
 * of every failure whether the server may have acted.
 *
 * What is known of a failure:
 *   before undici hands the request to a connected socket, nothing was sent: effect `none`;
 *   from then on the server may have acted on it: effect `possible`. That includes a kept-alive
 *   socket which the server closed at that moment (RFC 9112 §9.5): a POST can't be repeated then.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { ConnectorError } from './errors.ts';
import {
  BlockedDestinationError,
  createAllowList,
  createGuardedConnector,
} from './outbound-destinations.ts';
import {
  connectFailure,
  downloadRefused,
  type Effect,
  type Exchange,
  sentFailure,
  stopped,
  timedOut,
  tooLarge,
} from './outbound-failures.ts';
import { createHostGuard, type GuardHost } from './outbound-sockets.ts';

export type OutboundMethod = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface OutboundRequest {
  readonly method: OutboundMethod;
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** A reason named `TimeoutError` is a time-out, any other a cancellation. */
  readonly signal?: AbortSignal | undefined;
  /** Time limit of the whole exchange with its redirects, in milliseconds. */
  readonly timeoutMs: number;
  /** More than this is refused, except in answers from status 400 on, which are cut there. */
  readonly maxResponseBytes: number;
  /** Headers besides `authorization` and `cookie` that no other origin may see. */
  readonly secretHeaders?: readonly string[];
  /** False: a redirect is returned as it is. True where left out. */
  readonly followRedirects?: boolean;
  /** True: refuses also public hosts unless the operator listed them. */
  readonly onlyAllowed?: boolean;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /**
   * True if a redirect turned a request that acts into a GET (POST, then 303 See Other): the answer
   * is the GET's, and whatever it says, the first server may have acted.
   */
  readonly acted: boolean;
}

export interface Outbound {
  /**
   * @throws ConnectorError `blocked_destination` (not public), `invalid_config` (not a usable URL or
   *   header), `unavailable` (no connection; broken connection), `timeout`, `cancelled`,
   *   `too_large`, `invalid_response` (not HTTP; a redirect to nowhere), `rejected` (endless redirects)
   */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  /**
   * Downloads a file. Nothing is changed by it, so its failures have effect `none`.
   * @returns its bytes and the Content-Type that the server gave
   * @throws ConnectorError as `request`, and for answers other than 2xx
   */
  fetchBytes(
    url: string,
    options: {
      readonly maxBytes: number;
      readonly signal?: AbortSignal | undefined;
      /** 30 seconds where left out. */
      readonly timeoutMs?: number;
    },
  ): Promise<{ bytes: Buffer; contentType: string | undefined }>;
  /** Is the URL's host one that the operator listed? False for what is no URL. */
  isAllowed(url: string | URL): boolean;
  /** The same rule for protocols other than HTTP. */
  readonly guardHost: GuardHost;
  /** Breaks open requests and closes the connections. */
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** `host` or `host:port` that may be reached although private (MASAR_ALLOW_HOSTS). */
  readonly allowHosts: readonly string[];
  /** 5 where left out. */
  readonly maxRedirects?: number;
  /** Resolves names; the system's resolver where left out. */
  readonly lookup?: LookupFunction;
}

const DEFAULT_MAX_REDIRECTS = 5;
const DOWNLOAD_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS_PER_ORIGIN = 128;
/** Below the 5 s after which Node and Apache close idle connections, so that races are rare. */
const KEEP_ALIVE_MS = 4_000;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const ORIGIN_BOUND_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];
const BODY_HEADERS = ['content-type', 'content-length', 'content-encoding', 'content-language'];

/** One exchange with one server. */
interface Hop extends Exchange {
  readonly method: OutboundMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** What a failure proves before, and after, the request was handed to the socket. */
  readonly effectBefore: Effect;
  readonly effectAfter: Effect;
}

/** @returns a client with its own pool of kept-alive connections */
export function createOutbound(options: OutboundOptions): Outbound {
  const listed = createAllowList(options.allowHosts);
  const maxRedirects = options.maxRedirects ?? DEFAULT_MAX_REDIRECTS;
  const agent = new Agent({
    connect: createGuardedConnector(listed, options.lookup),
    connections: MAX_CONNECTIONS_PER_ORIGIN,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // One deadline covers the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  const isAllowedUrl = (url: URL): boolean =>
    listed(
      url.hostname.replace(/^\[|\]$/g, ''),
      url.port || (url.protocol === 'https:' ? '443' : '80'),
    );

  async function send(request: OutboundRequest, effectAfter: Effect): Promise<OutboundResponse> {
    const follow = request.followRedirects ?? true;
    let hop: Hop = {
      method: request.method,
      url: toUrl(request.url),
      headers: withDefaults(request.headers ?? {}),
      body: request.body,
      signal: request.signal,
      deadline: performance.now() + request.timeoutMs,
      timeoutMs: request.timeoutMs,
      maxResponseBytes: request.maxResponseBytes,
      effectBefore: 'none',
      effectAfter,
    };
    let acted = false;
    for (let redirects = 0; ; redirects += 1) {
      if (request.onlyAllowed === true && !isAllowedUrl(hop.url)) {
        throw connectFailure(new BlockedDestinationError('not listed'), hop.url, hop.effectBefore);
      }
      const { status, headers, body } = await exchange(agent, hop);
      const location = headers.location;
      if (!follow || location === undefined || !REDIRECT_STATUSES.has(status)) {
        return { status, headers, body, url: hop.url.href, acted };
      }
      if (redirects >= maxRedirects) {
        throw new ConnectorError(
          'rejected',
          `${hop.url.host} redirects more than ${maxRedirects} times. Use the address that the redirects should end at.`,
          { effect: acted ? hop.effectAfter : hop.effectBefore, permanent: true, status },
        );
      }
      const becomesGet = turnsIntoGet(status, hop.method);
      // The server took the POST and sends us to its result: from here on nothing proves the opposite.
      if (becomesGet && !SAFE_METHODS.has(hop.method)) acted = true;
      const effectBefore = acted ? effectAfter : 'none';
      const url = redirectTarget(location, hop.url, effectBefore);
      const dropped = [
        ...(url.origin === hop.url.origin
          ? []
          : [...ORIGIN_BOUND_HEADERS, ...(request.secretHeaders ?? [])]),
        ...(becomesGet ? BODY_HEADERS : []),
      ];
      hop = {
        ...hop,
        method: becomesGet ? 'GET' : hop.method,
        url,
        headers: without(hop.headers, dropped),
        body: becomesGet ? undefined : hop.body,
        effectBefore,
      };
    }
  }

  return {
    request: (request) => send(request, 'possible'),

    async fetchBytes(url, { maxBytes, signal, timeoutMs = DOWNLOAD_TIMEOUT_MS }) {
      const response = await send(
        { method: 'GET', url, signal, timeoutMs, maxResponseBytes: maxBytes },
        'none',
      );
      if (response.status < 200 || response.status > 299) throw downloadRefused(response);
      return { bytes: response.body, contentType: response.headers['content-type'] };
    },

    isAllowed: (url) => {
      if (typeof url !== 'string') return isAllowedUrl(url);
      return URL.canParse(url) && isAllowedUrl(new URL(url));
    },

    guardHost: createHostGuard(options),

    close: () => agent.destroy(),
  };
}

/**
 * Sends one request and reads its answer.
 * @throws ConnectorError
 */
function exchange(
  agent: Agent,
  hop: Hop,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const { url, signal } = hop;
  if (signal?.aborted === true) {
    return Promise.reject(stopped(signal.reason, hop, hop.effectBefore));
  }
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let sent = false;
    let settled = false;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let size = 0;
    const chunks: Buffer[] = [];

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      return true;
    };
    const fail = (error: ConnectorError): void => {
      if (!settle()) return;
      reject(error);
      controller?.abort(error);
    };
    const succeed = (): void => {
      if (settle()) resolve({ status, headers, body: join(chunks) });
    };
    const effect = (): Effect => (sent ? hop.effectAfter : hop.effectBefore);
    const onAbort = (): void => fail(stopped(signal?.reason, hop, effect()));
    const onDeadline = (): void => fail(timedOut(hop, effect()));
    const timer = setTimeout(onDeadline, Math.max(0, hop.deadline - performance.now()));
    signal?.addEventListener('abort', onAbort, { once: true });

    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: hop.method,
        headers: hop.headers,
        body: hop.body ?? null,
      },
      {
        // Called right before the first byte is written, once a connected socket is at hand.
        onRequestStart(started) {
          controller = started;
          if (settled) started.abort(new Error('given up while waiting for a connection'));
          else sent = true;
        },
        onResponseStart(_controller, statusCode, responseHeaders) {
          status = statusCode;
          headers = responseHeaders;
        },
        onResponseData(_controller, chunk) {
          size += chunk.length;
          if (size <= hop.maxResponseBytes) {
            chunks.push(chunk);
          } else if (status >= 400) {
            succeed();
            controller?.abort(new Error('the rest of an error answer is not needed'));
          } else {
            fail(tooLarge(hop, status, effect()));
          }
        },
        onResponseEnd: succeed,
        onResponseError(_controller, error) {
          fail(
            sent
              ? sentFailure(error, url, hop.effectAfter)
              : connectFailure(error, url, hop.effectBefore),
          );
        },
      },
    );
  });
}

function join(chunks: readonly Buffer[]): Buffer {
  const only = chunks[0];
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

function toUrl(text: string | URL): URL {
  if (typeof text === 'string' && !URL.canParse(text)) {
    throw new ConnectorError(
      'invalid_config',
      'The address of the request is not a URL. Write it whole, for example https://example.com/path.',
      { effect: 'none', permanent: true, pointer: '/url' },
    );
  }
  const url = typeof text === 'string' ? new URL(text) : text;
  const problem = urlProblem(url);
  if (problem === undefined) return url;
  throw new ConnectorError('invalid_config', problem, {
    effect: 'none',
    permanent: true,
    pointer: '/url',
  });
}

function urlProblem(url: URL): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `Only http and https addresses can be requested, not ${url.protocol}`;
  }
  if (url.username !== '' || url.password !== '') {
    return 'The address has a user name or password in it, where logs would show them. Store them as a credential and name it in the node.';
  }
  return undefined;
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2 */
function redirectTarget(location: string, from: URL, effect: Effect): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const problem = url === undefined ? 'It is not a URL.' : urlProblem(url);
  if (url !== undefined && problem === undefined) return url;
  throw new ConnectorError(
    'invalid_response',
    `${from.host} redirects to an address that can't be followed. ${problem}`,
    { effect, permanent: true },
  );
}

/** As browsers do: https://fetch.spec.whatwg.org/#http-redirect-fetch */
function turnsIntoGet(status: number, method: OutboundMethod): boolean {
  return (
    (status === 303 && method !== 'GET' && method !== 'HEAD') ||
    ((status === 301 || status === 302) && method === 'POST')
  );
}

function withDefaults(headers: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = { 'user-agent': 'masar', accept: '*/*' };
  for (const [name, value] of Object.entries(headers)) result[name.toLowerCase()] = value;
  return result;
}

function without(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  if (names.length === 0) return headers;
  const dropped = new Set(names.map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
