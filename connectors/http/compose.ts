/** From the node's config to the request as it goes out. */
import { createHash } from 'node:crypto';
import { ConnectorError } from '../errors.ts';
import { type FetchFile, writeBody } from './body.ts';
import { firstQuery } from './pagination.ts';
import { type HttpCredential, MAX_URL_LENGTH, type RequestInput } from './schema.ts';

export interface ComposedRequest {
  /** Without what the credential adds to the query. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
  /** Headers that came from the credential. */
  readonly secretHeaders: readonly string[];
}

/** A credential whose token, if it works with one, was fetched. */
export type UsableCredential = Omit<HttpCredential, 'oauth2'>;

/**
 * @param key `OperationContext.key`
 * @param credential undefined: none is sent
 * @throws ConnectorError with effect `none`: `invalid_config` if the body does not fit its type or
 *   the URL is too long, `too_large`, or what the download of a file fails with
 */
export async function composeRequest(
  input: RequestInput,
  credential: UsableCredential | undefined,
  key: string,
  fetchFile: FetchFile,
): Promise<ComposedRequest> {
  const url = writeUrl(input);
  const token = idempotencyToken(key);
  const { body, contentType } = await writeBody(input, `masar-${token}`, fetchFile);
  const headers: Record<string, string> = {};
  if (contentType !== undefined) headers['content-type'] = contentType;
  for (const [name, value] of Object.entries(input.headers ?? {})) {
    // The boundary of a multipart body is ours, and without it no server can read the body.
    if (input.bodyType === 'multipart' && name.toLowerCase() === 'content-type') continue;
    headers[name.toLowerCase()] = String(value);
  }
  const idempotencyHeader = input.idempotencyHeader?.toLowerCase();
  // A key that the user chose, such as an order number, is as stable as ours and means more.
  if (idempotencyHeader !== undefined && !isSafe(input)) {
    headers[idempotencyHeader] ??= token;
  }
  const secrets = credential === undefined ? {} : secretHeaders(credential);
  return {
    url,
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

/** The address with the credential's part of the query, which nothing but the request may hold. */
export function withSecretQuery(url: URL, credential: UsableCredential | undefined): URL {
  const entries = Object.entries(credential?.query ?? {});
  if (entries.length === 0) return url;
  const complete = new URL(url);
  for (const [name, value] of entries) complete.searchParams.set(name, value);
  return complete;
}

function writeUrl(input: RequestInput): URL {
  const url = new URL(input.url);
  const start = input.pagination === undefined ? {} : firstQuery(input.pagination);
  for (const [name, value] of Object.entries({ ...start, ...input.query })) {
    if (value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      url.searchParams.append(name, String(item));
    }
  }
  if (url.href.length > MAX_URL_LENGTH) {
    throw new ConnectorError(
      'invalid_config',
      `The address with its query is longer than ${MAX_URL_LENGTH} characters. Send the data in the body.`,
      { effect: 'none', permanent: true, pointer: '/query' },
    );
  }
  return url;
}

function secretHeaders(credential: UsableCredential): Record<string, string> {
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
