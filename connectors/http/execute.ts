import type { Operation, OperationContext } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import type { Outbound, OutboundResponse } from '../outbound.ts';
import { createClientTokens } from './client-tokens.ts';
import {
  type ComposedRequest,
  composeRequest,
  isSafe,
  type UsableCredential,
  withSecretQuery,
} from './compose.ts';
import { type Item, itemsOf, nextPage } from './pagination.ts';
import type { Pagination } from './pagination-schema.ts';
import { isDone, MAX_RESPONSE_BYTES, toError, toOutput } from './response.ts';
import { SANDBOX_HEADERS } from './sandbox-headers.ts';
import type { HttpCredential, RequestInput, RequestOutput } from './schema.ts';

export interface HttpDeps {
  /** The guarded client. In sandbox mode it still reaches the hosts that the operator listed. */
  readonly outbound: Outbound;
  /** Where all other requests go in sandbox mode; asked each time, since emulators may move. */
  readonly emulatorUrl?: () => Promise<string | undefined>;
}

export interface HttpOperations {
  readonly request: Operation<RequestInput, RequestOutput, HttpCredential | undefined>;
  /** Closes the connections to the emulator. */
  close(): Promise<void>;
}

type Context = OperationContext<HttpCredential | undefined>;
type Send = (url: URL) => Promise<OutboundResponse>;

/** How the operations of the HTTP connector act. */
export function createHttpOperations({ outbound, emulatorUrl }: HttpDeps): HttpOperations {
  // A client of its own: nodes must not reach the emulator just because the product does.
  const toEmulator = createEmulatorOutbound();
  const tokens = createClientTokens(outbound);

  async function execute(input: RequestInput, context: Context): Promise<RequestOutput> {
    const deadline = performance.now() + context.timeoutMs;
    const remaining = (): number => Math.max(1, deadline - performance.now());
    const isReal = context.mode === 'live' || outbound.isAllowed(input.url);
    // The emulator keeps what it gets for people to see, so it gets no secrets.
    const credential = isReal ? context.credential : undefined;
    const { usable, isAged } = await login(credential, context);
    const composed = await composeRequest(input, usable, context.key, (url, maxBytes) =>
      outbound.fetchBytes(url, { maxBytes, signal: context.signal, timeoutMs: remaining() }),
    );
    const common = {
      method: input.method,
      body: composed.body,
      signal: context.signal,
      maxResponseBytes: MAX_RESPONSE_BYTES,
    };
    const send: Send = async (url) => {
      if (isReal) {
        return outbound.request({
          ...common,
          timeoutMs: remaining(),
          url: withSecretQuery(url, usable),
          headers: composed.headers,
          secretHeaders: composed.secretHeaders,
          followRedirects: followsRedirects(input),
          onlyAllowed: context.mode === 'sandbox',
        });
      }
      const emulator = await emulatorUrl?.();
      if (emulator === undefined) throw noEmulator(url);
      return toEmulator.request({
        ...common,
        timeoutMs: remaining(),
        url: emulator,
        headers: sandboxHeaders(input, url, composed, context),
        followRedirects: false,
      });
    };
    const ask = async (url: URL): Promise<OutboundResponse> => {
      const response = await send(url);
      if (isDone(input, response, context.inDoubtSince !== undefined)) return response;
      if (response.status === 401 && isAged && credential?.oauth2 !== undefined) {
        tokens.forget(credential.oauth2);
        throw agedToken(response);
      }
      throw toError(input, response, credential !== undefined);
    };
    return input.pagination === undefined
      ? toOutput(input, await ask(composed.url))
      : readPages(input, input.pagination, composed.url, ask, isReal);
  }

  /** @returns the credential with its token, and whether that token had been in use before */
  async function login(
    credential: HttpCredential | undefined,
    { signal, timeoutMs, mode }: Context,
  ): Promise<{ usable: UsableCredential | undefined; isAged: boolean }> {
    if (credential?.oauth2 === undefined) return { usable: credential, isAged: false };
    const { oauth2, ...rest } = credential;
    const onlyAllowed = mode === 'sandbox';
    const { token, fresh } = await tokens.get(oauth2, { signal, timeoutMs, onlyAllowed });
    return { usable: { ...rest, bearerToken: token }, isAged: !fresh };
  }

  return {
    request: {
      classify: (input) => {
        if (isSafe(input)) return 'read';
        // PUT and DELETE name the state that is to be: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
        if (input.method === 'PUT' || input.method === 'DELETE') return 'native-key';
        return input.idempotencyHeader === undefined ? 'blind' : 'native-key';
      },
      execute,
    },
    close: () => toEmulator.close(),
  };
}

/**
 * Reads page after page into one list. A page that fails, fails the whole: nothing was changed.
 * @param hasMore false: there is no page but the first, whatever it looks like
 */
async function readPages(
  input: RequestInput,
  pagination: Pagination,
  first: URL,
  ask: Send,
  hasMore: boolean,
): Promise<RequestOutput> {
  const { maxPages, maxItems } = pagination;
  const { host } = first;
  const items: Item[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let url = first;
  for (let pages = 1; ; pages += 1) {
    seen.add(url.href);
    const response = await ask(url);
    bytes += response.body.length;
    if (bytes > MAX_RESPONSE_BYTES) throw pagesTooLarge(host, pages);
    const page = await toOutput({ ...input, responseType: 'json' }, response);
    const found = itemsOf(pagination, page.body, host);
    items.push(...found);
    const at = { url, headers: response.headers, body: page.body, items: found };
    const next = hasMore ? nextPage(pagination, at, pages, items.length) : undefined;
    const complete = next === undefined && items.length <= maxItems;
    if (next === undefined || pages >= maxPages || items.length >= maxItems) {
      return { ...page, body: items.slice(0, maxItems), pages, complete };
    }
    if (seen.has(next.href)) throw pagesInCircle(host);
    url = next;
  }
}

function followsRedirects({ redirects, successStatus }: RequestInput): boolean {
  if (redirects !== undefined && redirects !== 'follow') return false;
  const statuses = typeof successStatus === 'number' ? [successStatus] : (successStatus ?? []);
  return !statuses.some((status) => status >= 300 && status <= 399);
}

function sandboxHeaders(
  input: RequestInput,
  url: URL,
  composed: ComposedRequest,
  context: Context,
): Record<string, string> {
  const { successStatus, idempotencyHeader, pagination } = input;
  const wanted = typeof successStatus === 'number' ? successStatus : successStatus?.[0];
  return {
    ...composed.headers,
    ...context.traceHeaders,
    [SANDBOX_HEADERS.originalUrl]: url.href,
    ...(wanted === undefined ? {} : { [SANDBOX_HEADERS.status]: String(wanted) }),
    ...(idempotencyHeader === undefined
      ? {}
      : { [SANDBOX_HEADERS.idempotencyHeader]: idempotencyHeader }),
    ...(pagination === undefined
      ? {}
      : { [SANDBOX_HEADERS.itemsPath]: encodeURIComponent(pagination.itemsPath ?? '') }),
  };
}

function noEmulator(url: URL): ConnectorError {
  return new ConnectorError(
    'unavailable',
    `In sandbox mode requests to ${url.host} go to the local emulator, and none is running. Start it, run in live mode, or ask the operator to add ${url.host} to MASAR_ALLOW_HOSTS.`,
    { effect: 'none', permanent: true },
  );
}

/** A token can be withdrawn before its time; the next attempt gets a new one. */
function agedToken({ url, status }: OutboundResponse): ConnectorError {
  return new ConnectorError(
    'credential_rejected',
    `${new URL(url).host} accepts the token no more, although it has not expired; a new one is fetched.`,
    { effect: 'none', permanent: false, status },
  );
}

function pagesTooLarge(host: string, pages: number): ConnectorError {
  return new ConnectorError(
    'too_large',
    `The first ${pages} pages of ${host} together are larger than ${MAX_RESPONSE_BYTES} bytes, the limit here. Lower maxPages, or ask for fewer fields.`,
    {
      effect: 'none',
      permanent: true,
      pointer: '/pagination/maxPages',
      details: { limitBytes: MAX_RESPONSE_BYTES },
    },
  );
}

function pagesInCircle(host: string): ConnectorError {
  return new ConnectorError(
    'invalid_response',
    `${host} names a page as the next one that was read already, so the pages would never end. Check how pagination is set up.`,
    { effect: 'none', permanent: true, pointer: '/pagination' },
  );
}
