/**
 * The way from Google's client library to the network: through the guarded client, without the
 * library's own retries, because retries are decided and remembered elsewhere.
 */
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import type { Outbound, OutboundMethod } from '../outbound.ts';

export type GoogleFetch = typeof fetch;

/** `retry: false` alone does not stop retries that are switched on further down. */
export const NO_RETRIES = { retry: false, retryConfig: { retry: 0 } } as const;

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const methodSchema = z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const BODILESS = new Set([204, 205, 304]);

export interface GoogleFetchOptions {
  readonly outbound: Pick<Outbound, 'request'>;
  readonly timeoutMs: () => number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the request goes instead of the address that the library built. */
  readonly url?: string;
}

export function createGoogleFetch(options: GoogleFetchOptions): GoogleFetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    // The library asks for gzip, which only its own transport would unpack.
    headers.delete('accept-encoding');
    const body = bodyText(init?.body);
    if (init?.body instanceof URLSearchParams && !headers.has('content-type')) {
      headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
    }
    const answer = await options.outbound.request({
      method: methodSchema.parse(init?.method?.toUpperCase() ?? 'GET') satisfies OutboundMethod,
      url: options.url ?? (input instanceof Request ? input.url : input),
      headers: { ...Object.fromEntries(headers), ...options.headers },
      body,
      signal: options.signal,
      timeoutMs: options.timeoutMs(),
      maxResponseBytes: MAX_ANSWER_BYTES,
      followRedirects: false,
    });
    const answered = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined) answered.set(name, Array.isArray(value) ? value.join(', ') : value);
    }
    return new Response(BODILESS.has(answer.status) ? null : answer.body.toString('utf8'), {
      status: answer.status,
      headers: answered,
    });
  };
}

function bodyText(body: RequestInit['body']): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError("Google's client sent a body that is neither text nor a form.");
}

/** The ConnectorError inside what the library wrapped around it. */
export function connectorErrorIn(error: unknown): ConnectorError | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current !== undefined && current !== null; depth += 1) {
    if (current instanceof ConnectorError) return current;
    current = typeof current === 'object' && 'cause' in current ? current.cause : undefined;
  }
  return undefined;
}

const responseSchema = z.object({
  response: z.object({
    status: z.number().int(),
    data: z.unknown(),
    headers: z.custom<{ get(name: string): string | null }>(
      (value) => typeof value === 'object' && value !== null && 'get' in value,
    ),
  }),
});

/** The answer that the library turned into an error. */
export function responseIn(
  error: unknown,
): { status: number; data: unknown; retryAfter: string | null } | undefined {
  const parsed = responseSchema.safeParse(error);
  if (!parsed.success) return undefined;
  const { status, data, headers } = parsed.data.response;
  return { status, data, retryAfter: headers.get('retry-after') };
}
