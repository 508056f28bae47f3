/** From the node's config to the request as it goes out. Pure. */
import { createHash } from 'node:crypto';
import type { Json } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { type HttpCredential, MAX_URL_LENGTH, type RequestInput } from './schema.ts';

export interface ComposedRequest {
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Headers that came from the credential. */
  readonly secretHeaders: readonly string[];
}

/**
 * @param key `OperationContext.key`
 * @param credential undefined: none is sent
 * @throws ConnectorError `invalid_config` if the body does not fit its type, or the URL is too long
 */
export function composeRequest(
  input: RequestInput,
  credential: HttpCredential | undefined,
  key: string,
): ComposedRequest {
  const { body, contentType } = writeBody(input);
  const headers: Record<string, string> = {};
  if (contentType !== undefined) headers['content-type'] = contentType;
  for (const [name, value] of Object.entries(input.headers ?? {})) {
    headers[name.toLowerCase()] = String(value);
  }
  const idempotencyHeader = input.idempotencyHeader?.toLowerCase();
  // A key that the user chose, such as an order number, is as stable as ours and means more.
  if (idempotencyHeader !== undefined && !isSafe(input)) {
    headers[idempotencyHeader] ??= idempotencyToken(key);
  }
  const secrets = credential === undefined ? {} : secretHeaders(credential);
  return {
    url: writeUrl(input),
    headers: { ...headers, ...secrets },
    body,
    secretHeaders: Object.keys(secrets),
  };
}

/** GET, HEAD and OPTIONS ask for nothing to be changed: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1 */
export function isSafe({ method }: Pick<RequestInput, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * The key of a side effect as servers take it: a UUID, because some accept nothing else, of version
 * 8 (https://www.rfc-editor.org/rfc/rfc9562#section-5.8), cut from the key's SHA-256.
 */
export function idempotencyToken(key: string): string {
  const bytes = createHash('sha256').update(key).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function writeUrl(input: RequestInput): URL {
  const url = new URL(input.url);
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      url.searchParams.append(name, String(item));
    }
  }
  if (url.href.length > MAX_URL_LENGTH) {
    throw invalidConfig(
      `The address with its query is longer than ${MAX_URL_LENGTH} characters. Send the data in the body.`,
      '/query',
    );
  }
  return url;
}

function writeBody({ body, bodyType }: RequestInput): {
  body: string | undefined;
  contentType?: string;
} {
  if (body === undefined) return { body: undefined };
  switch (bodyType ?? (typeof body === 'string' ? 'text' : 'json')) {
    case 'json':
      return { body: toJsonText(body), contentType: 'application/json' };
    case 'form':
      return { body: toFormText(body), contentType: 'application/x-www-form-urlencoded' };
    case 'text':
      if (typeof body === 'object') {
        throw invalidConfig(
          'A body of type text must be a text. For objects and lists use bodyType json.',
          '/body',
        );
      }
      return { body: String(body), contentType: 'text/plain; charset=utf-8' };
  }
}

/** A text under `json` is a document that its author wrote out, not a JSON string. */
function toJsonText(body: Json): string {
  if (typeof body !== 'string') return JSON.stringify(body);
  try {
    JSON.parse(body);
  } catch {
    // The parser's own message quotes the text, which is not ours to tell.
    throw invalidConfig(
      'The body is a text that is not valid JSON. Give the object itself, or set bodyType to text.',
      '/body',
    );
  }
  return body;
}

function toFormText(body: Json): string {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidConfig('A form must be an object of names and values.', '/body');
  }
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    if (value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item === 'object') {
        throw invalidConfig(
          'A form holds texts, numbers and lists of them; it can’t hold objects. Use bodyType json.',
          `/body/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        );
      }
      form.append(name, String(item));
    }
  }
  return form.toString();
}

function secretHeaders(credential: HttpCredential): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(credential.headers ?? {})) {
    headers[name.toLowerCase()] = String(value);
  }
  if (credential.bearerToken !== undefined) {
    headers.authorization = `Bearer ${credential.bearerToken}`;
  }
  if (credential.basic !== undefined) {
    const { user, password } = credential.basic;
    headers.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }
  return headers;
}

function invalidConfig(message: string, pointer: string): ConnectorError {
  return new ConnectorError('invalid_config', message, {
    effect: 'none',
    permanent: true,
    pointer,
  });
}
