import type { Operation, OperationContext } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import type { Outbound } from '../outbound.ts';
import { type ComposedRequest, composeRequest, isSafe } from './compose.ts';
import { isSuccess, MAX_RESPONSE_BYTES, toError, toOutput } from './response.ts';
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

/** How the operations of the HTTP connector act. */
export function createHttpOperations({ outbound, emulatorUrl }: HttpDeps): HttpOperations {
  // A client of its own: nodes must not reach the emulator just because the product does.
  const toEmulator = createEmulatorOutbound();

  async function execute(
    input: RequestInput,
    context: OperationContext<HttpCredential | undefined>,
  ): Promise<RequestOutput> {
    const isReal = context.mode === 'live' || outbound.isAllowed(input.url);
    // The emulator keeps what it gets for people to see, so it gets no secrets.
    const credential = isReal ? context.credential : undefined;
    const composed = composeRequest(input, credential, context.key);
    const common = {
      method: input.method,
      body: composed.body,
      signal: context.signal,
      timeoutMs: context.timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
    };
    let response: Awaited<ReturnType<Outbound['request']>>;
    if (isReal) {
      response = await outbound.request({
        ...common,
        url: composed.url,
        headers: composed.headers,
        secretHeaders: composed.secretHeaders,
        followRedirects: !wantsRedirect(input),
        onlyAllowed: context.mode === 'sandbox',
      });
    } else {
      const url = await emulatorUrl?.();
      if (url === undefined) throw noEmulator(composed.url);
      response = await toEmulator.request({
        ...common,
        url,
        headers: sandboxHeaders(input, composed, context),
        followRedirects: false,
      });
    }
    if (!isSuccess(input, response.status)) {
      throw toError(input, response, credential !== undefined);
    }
    return toOutput(input, response);
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

function wantsRedirect({ successStatus }: RequestInput): boolean {
  const statuses = typeof successStatus === 'number' ? [successStatus] : (successStatus ?? []);
  return statuses.some((status) => status >= 300 && status <= 399);
}

function sandboxHeaders(
  input: RequestInput,
  composed: ComposedRequest,
  context: OperationContext<HttpCredential | undefined>,
): Record<string, string> {
  const { successStatus, idempotencyHeader } = input;
  const wanted = typeof successStatus === 'number' ? successStatus : successStatus?.[0];
  return {
    ...composed.headers,
    ...context.traceHeaders,
    [SANDBOX_HEADERS.originalUrl]: composed.url.href,
    ...(wanted === undefined ? {} : { [SANDBOX_HEADERS.status]: String(wanted) }),
    ...(idempotencyHeader === undefined
      ? {}
      : { [SANDBOX_HEADERS.idempotencyHeader]: idempotencyHeader }),
  };
}

function noEmulator(url: URL): ConnectorError {
  return new ConnectorError(
    'unavailable',
    `In sandbox mode requests to ${url.host} go to the local emulator, and none is running. Start it, run in live mode, or ask the operator to add ${url.host} to MASAR_ALLOW_HOSTS.`,
    { effect: 'none', permanent: true },
  );
}
