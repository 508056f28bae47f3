/** One exchange with an API that takes and answers JSON. */
import type { IncomingHttpHeaders } from 'node:http';
import type { OperationContext } from './contract.ts';
import type { Outbound } from './outbound.ts';

export interface JsonRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON by POST; left out: a GET. */
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** undefined if the text is not JSON */
  readonly body: unknown;
}

const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Redirects are not followed: an API that redirects is not at the address that was given.
 * @throws ConnectorError as `Outbound.request`; a status is never an error here
 */
export async function requestJson(
  outbound: Pick<Outbound, 'request'>,
  { url, headers, body }: JsonRequest,
  context: Pick<OperationContext, 'traceHeaders' | 'signal' | 'timeoutMs'>,
): Promise<JsonAnswer> {
  const response = await outbound.request({
    method: body === undefined ? 'GET' : 'POST',
    url,
    headers: {
      ...context.traceHeaders,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: context.signal,
    timeoutMs: context.timeoutMs,
    maxResponseBytes: MAX_ANSWER_BYTES,
    followRedirects: false,
  });
  const text = response.body.toString('utf8');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: parseJson(text),
  };
}

/** @returns undefined if the text is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
