/** From an answer to the node's output, or to the error that it means. */
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { ConnectorError, type ConnectorErrorCode, parseRetryAfter } from '../errors.ts';
import type { OutboundResponse } from '../outbound.ts';
import { isSafe } from './compose.ts';
import type { RequestInput, RequestOutput } from './schema.ts';

type Body = RequestOutput['body'];

/** Larger answers belong in a file store, not in a workflow's history. */
export const MAX_RESPONSE_BYTES = 1_048_576;

/** Passing troubles, named by the server: https://www.rfc-editor.org/rfc/rfc9110#section-15 */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * 5xx answers which say that the request was not carried out: 501 and 505 that the server can't,
 * 503 that it can't now, 511 (RFC 6585) that a network in between asks for a login. A 500 may come
 * from halfway through the work, and 502 and 504 tell only that a gateway lost sight of it.
 */
const REFUSING_STATUSES: ReadonlySet<number> = new Set([501, 503, 505, 511]);

const TEXT_TYPES =
  /^(text\/|application\/(.+\+)?(xml|javascript|x-www-form-urlencoded|yaml|x-yaml|graphql|sql)$)/;
const JSON_TYPES = /^(application|text)\/(.+\+)?json$/;

const DECODERS: ReadonlyMap<
  string,
  (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>
> = new Map([
  ['gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['x-gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['deflate', promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)],
  ['br', promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress)],
]);

/**
 * Is the answer what the node wants?
 * @param wasInDoubt true if an earlier attempt may have acted. A DELETE that finds nothing is done
 *   then: what was to go is gone.
 */
export function isDone(
  input: RequestInput,
  { status }: OutboundResponse,
  wasInDoubt: boolean,
): boolean {
  if (input.method === 'DELETE' && wasInDoubt && (status === 404 || status === 410)) return true;
  return isSuccess(input, status);
}

function isSuccess({ successStatus, redirects }: RequestInput, status: number): boolean {
  if (successStatus === undefined) {
    return status >= 200 && status <= (redirects === 'return' ? 399 : 299);
  }
  return typeof successStatus === 'number'
    ? status === successStatus
    : successStatus.includes(status);
}

/**
 * @throws ConnectorError `invalid_response` if what was read can't be understood. A write's answer
 *   is understood in any case: its status is the receipt, and a body that is not what it says it is
 *   does not undo what was done. It is handed on as text then.
 */
export async function toOutput(
  input: RequestInput,
  response: OutboundResponse,
): Promise<RequestOutput> {
  const { status } = response;
  const type = contentType(response.headers);
  const headers = plainHeaders(response.headers);
  if (input.method === 'HEAD' || response.body.length === 0) return { status, headers, body: null };

  const encoding = String(response.headers['content-encoding'] ?? '').toLowerCase();
  const decoded = await decode(response.body, encoding);
  if (decoded === undefined) {
    if (isSafe(input)) throw notUnderstood(response, `its content encoding can't be undone`);
    return { status, headers, body: binary(response.body, type.name) };
  }
  switch (kindOf(input, type.name)) {
    case 'json': {
      const text = toText(decoded, 'utf-8') ?? '';
      const body = parseJson(text);
      if (body !== undefined) return { status, headers, body };
      if (isSafe(input)) throw notUnderstood(response, 'it should be JSON and is not');
      return { status, headers, body: text };
    }
    case 'text': {
      const isGuess = type.name === '' && input.responseType !== 'text';
      const text = toText(decoded, type.charset, isGuess);
      return { status, headers, body: text ?? binary(decoded, type.name) };
    }
    case 'binary':
      return { status, headers, body: binary(decoded, type.name) };
  }
}

/** As what the answer is read: as the node says, else as the server says. */
function kindOf({ responseType }: RequestInput, type: string): 'json' | 'text' | 'binary' {
  if (responseType !== undefined && responseType !== 'auto') return responseType;
  if (JSON_TYPES.test(type)) return 'json';
  return TEXT_TYPES.test(type) || type === '' ? 'text' : 'binary';
}

/** The error that an answer without success means. */
export function toError(
  input: RequestInput,
  response: OutboundResponse,
  hasCredential: boolean,
): ConnectorError {
  const { status } = response;
  const { host } = new URL(response.url);
  const passing = PASSING_STATUSES.has(status) || status >= 500;
  const retryAfterMs = passing
    ? parseRetryAfter(response.headers['retry-after'], Date.now())
    : undefined;
  const { code, hint } = describeStatus(status, hasCredential, input);
  return new ConnectorError(code, `${host} answered the ${input.method} with ${status}. ${hint}`, {
    effect: response.acted || !provesNothingDone(status) ? 'possible' : 'none',
    permanent: !passing,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** A 4xx refuses the request; a 2xx or 3xx that the node does not want has carried it out. */
function provesNothingDone(status: number): boolean {
  return (status >= 400 && status <= 499) || REFUSING_STATUSES.has(status);
}

function describeStatus(
  status: number,
  hasCredential: boolean,
  input: RequestInput,
): { code: ConnectorErrorCode; hint: string } {
  if (status < 400) {
    return {
      code: 'rejected',
      hint:
        input.successStatus === undefined
          ? 'That is neither success nor a redirect that can be followed; if it is success here, name it in successStatus.'
          : 'It is not among the statuses that successStatus names.',
    };
  }
  switch (status) {
    case 401:
      return {
        code: 'credential_rejected',
        hint: hasCredential
          ? 'It does not accept the credential: check that it is right and still valid.'
          : 'It wants a login: name a credential of type http in the node.',
      };
    case 403:
      return {
        code: 'permission_denied',
        hint: 'The request is not allowed: check what the credential may do.',
      };
    case 404:
    case 410:
      return { code: 'not_found', hint: 'There is nothing at this address: check the URL.' };
    case 408:
      return { code: 'timeout', hint: 'It gave up waiting for the request to arrive.' };
    case 425:
      return { code: 'unavailable', hint: 'It wants the request again a little later.' };
    case 429:
      return { code: 'rate_limited', hint: 'It gets too many requests; it is asked again later.' };
    default:
      return status < 500
        ? { code: 'rejected', hint: 'It refuses the request as it is: check the node’s fields.' }
        : { code: 'unavailable', hint: 'The fault is on the server’s side.' };
  }
}

function notUnderstood(response: OutboundResponse, why: string): ConnectorError {
  return new ConnectorError(
    'invalid_response',
    `The answer of ${new URL(response.url).host} can't be read: ${why}.`,
    { effect: 'possible', permanent: false, status: response.status },
  );
}

function contentType(headers: IncomingHttpHeaders): { name: string; charset: string } {
  const [name = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(parameter)?.[1])
    .find((found) => found !== undefined);
  return { name: name.trim(), charset: charset ?? 'utf-8' };
}

/** @returns undefined if the encoding is unknown or the data is not in it */
async function decode(body: Buffer, encoding: string): Promise<Buffer | undefined> {
  if (encoding === '' || encoding === 'identity') return body;
  try {
    return await DECODERS.get(encoding)?.(body, { maxOutputLength: MAX_RESPONSE_BYTES });
  } catch {
    // Damaged, or unpacked larger than the limit: either way there is nothing to hand on.
    return undefined;
  }
}

/** @returns undefined if the charset is unknown or, when strict, the bytes are not in it */
function toText(bytes: Buffer, charset: string, strict = false): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: strict }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): Body | undefined {
  try {
    const parsed: Body = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}

function binary(bytes: Buffer, type: string): Body {
  return {
    encoding: 'base64',
    contentType: type === '' ? 'application/octet-stream' : type,
    data: bytes.toString('base64'),
  };
}

function plainHeaders(headers: IncomingHttpHeaders): RequestOutput['headers'] {
  const plain: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    // Cookies have commas in them, so they stay apart (RFC 9110 §5.3).
    plain[name] = Array.isArray(value) && name !== 'set-cookie' ? value.join(', ') : value;
  }
  return plain;
}
