/**
 * The common half of every emulator that speaks HTTP: it listens, reads bodies up to a limit, tells
 * which node a request came from, and does wrong what a test asks it to do wrong.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { EmulatorFault, Json } from './contract.ts';

/** Headers that carry `OperationContext.traceHeaders`, in lower case. */
export const TRACE_HEADERS = {
  executionId: 'x-masar-execution-id',
  nodeId: 'x-masar-node-id',
  iteration: 'x-masar-iteration',
} as const;

/** Which node a request came from, in the form that `SandboxMessage` has. */
export interface RequestTrace {
  readonly executionId?: string;
  readonly nodeId?: string;
  readonly iteration?: string;
}

export interface EmulatedRequest {
  readonly method: string;
  /** Decoded by nobody: as it stood in the request line, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly trace: RequestTrace;
  readonly body: Buffer;
  text(): string;
  /** @returns undefined if the body is not JSON */
  json(): unknown;
  form(): URLSearchParams;
  /** @returns the token of `Authorization: Bearer …`, or undefined */
  bearer(): string | undefined;
}

export interface EmulatedReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is, bytes too, anything else as JSON; nothing where undefined. */
  readonly body?: Json | Buffer;
}

/** The faults that the provider itself would answer, in its own form. */
export type AnsweredFault = Extract<
  EmulatorFault,
  { kind: 'unauthorized' | 'rateLimited' | 'serverError' }
>;

/** `reply` answers with exactly this; nothing is accepted. */
export type HttpFault = EmulatorFault | { readonly kind: 'reply'; readonly reply: EmulatedReply };

export type RequestMatcher = (request: EmulatedRequest) => boolean;

export interface HttpEmulatorOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** 10 MiB where left out; a larger body is answered with 413. */
  readonly maxBodyBytes?: number;
  /** Acts as the provider does. What it stores is stored before the reply goes out. */
  readonly handle: (request: EmulatedRequest) => Promise<EmulatedReply>;
  /** The provider's own answer for a fault. */
  readonly faultReply: (fault: AnsweredFault, request: EmulatedRequest) => EmulatedReply;
  /** Which requests use up what `inject` was given; all where left out. */
  readonly takesFault?: RequestMatcher;
}

export interface HttpEmulator {
  /** http://host:port, without a trailing slash. */
  readonly url: string;
  /** The next requests fail in this way, one fault each, in order. */
  inject(...faults: readonly EmulatorFault[]): void;
  /** The next requests that match fail in this way or get this very answer, one each, in order. */
  injectWhere(matches: RequestMatcher, ...faults: readonly HttpFault[]): void;
  /** Stops listening and breaks the connections that are open; once more does nothing. */
  close(): Promise<void>;
}

const DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024;

interface Injected {
  readonly matches: RequestMatcher;
  readonly fault: HttpFault;
}

/**
 * Starts an HTTP server that plays a provider.
 * @throws Error from listening, e.g. EADDRINUSE
 */
export async function startHttpEmulator(options: HttpEmulatorOptions): Promise<HttpEmulator> {
  const queue: Injected[] = [];

  function takeFault(request: EmulatedRequest): HttpFault | undefined {
    const at = queue.findIndex(({ matches }) => matches(request));
    return at === -1 ? undefined : queue.splice(at, 1)[0]?.fault;
  }

  async function respond(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming, options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES);
    if (body === undefined) {
      write(response, { status: 413, headers: { connection: 'close' }, body: 'Body too large' });
      return;
    }
    const request = toRequest(incoming, body);
    const fault = takeFault(request);
    switch (fault?.kind) {
      case undefined:
        write(response, await options.handle(request));
        return;
      case 'reply':
        write(response, fault.reply);
        return;
      case 'unauthorized':
      case 'rateLimited':
      case 'serverError':
        write(response, options.faultReply(fault, request));
        return;
      case 'garbage':
        write(response, {
          status: 200,
          headers: { 'content-type': 'application/json; charset=utf-8' },
          body: '<html><body>This is not the answer you expected',
        });
        return;
      case 'hang':
        return;
      case 'dropAfterAccept':
        await options.handle(request);
        incoming.socket.destroy();
        return;
      case 'hangAfterAccept':
        await options.handle(request);
        return;
    }
  }

  const server = createServer((incoming, response) => {
    respond(incoming, response).catch((error: unknown) => {
      if (incoming.destroyed && !incoming.complete) return;
      const reason = error instanceof Error ? error.message : String(error);
      write(response, { status: 500, body: { error: `The emulator failed: ${reason}` } });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The emulator listens on no TCP port.');
  }
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;

  return {
    url: `http://${host}:${address.port}`,
    inject: (...faults) => {
      const matches = options.takesFault ?? (() => true);
      queue.push(...faults.map((fault) => ({ matches, fault })));
    },
    injectWhere: (matches, ...faults) => {
      queue.push(...faults.map((fault) => ({ matches, fault })));
    },
    close: () =>
      new Promise((resolve, reject) => {
        if (!server.listening) {
          resolve();
          return;
        }
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        // Requests that hang on purpose would keep the server open for ever.
        server.closeAllConnections();
      }),
  };
}

/** @returns undefined if the body is larger than the limit */
async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    // The rest is still read, so that the client gets the answer rather than a broken pipe.
    if (size <= limit) chunks.push(bytes);
    else chunks.length = 0;
  }
  return size > limit ? undefined : Buffer.concat(chunks);
}

function toRequest(incoming: IncomingMessage, body: Buffer): EmulatedRequest {
  const target = incoming.url ?? '/';
  const at = target.indexOf('?');
  const text = () => body.toString('utf8');
  return {
    method: incoming.method ?? 'GET',
    path: at === -1 ? target : target.slice(0, at),
    query: new URLSearchParams(at === -1 ? '' : target.slice(at + 1)),
    headers: incoming.headers,
    trace: readTrace(incoming.headers),
    body,
    text,
    json: () => {
      try {
        return JSON.parse(text());
      } catch {
        return undefined;
      }
    },
    form: () => new URLSearchParams(text()),
    bearer: () => /^Bearer (\S+)$/i.exec(incoming.headers.authorization ?? '')?.[1],
  };
}

function readTrace(headers: IncomingHttpHeaders): RequestTrace {
  const value = (name: string): string | undefined => {
    const header = headers[name];
    return typeof header === 'string' ? header : undefined;
  };
  const executionId = value(TRACE_HEADERS.executionId);
  const nodeId = value(TRACE_HEADERS.nodeId);
  const iteration = value(TRACE_HEADERS.iteration);
  return {
    ...(executionId === undefined ? {} : { executionId }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(iteration === undefined ? {} : { iteration }),
  };
}

function write(response: ServerResponse, reply: EmulatedReply): void {
  if (response.headersSent || response.destroyed) return;
  const body = reply.body;
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined;
  const type = isRaw ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(reply.status, {
    ...(body === undefined ? {} : { 'content-type': type }),
    ...reply.headers,
  });
  response.end(isRaw ? body : JSON.stringify(body));
}
