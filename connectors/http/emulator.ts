/**
 * Stands in for every web API: it keeps what it gets and answers with what it got. A request that
 * carries a key it knows is answered as the first one was and not kept again, as APIs with
 * idempotency keys do (https://docs.stripe.com/api/idempotent_requests).
 */
import { z } from 'zod';
import type { Emulator, EmulatorDeps, Json } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator as startServer,
} from '../http-emulator.ts';
import { SANDBOX_HEADERS } from './sandbox-headers.ts';
import type { HttpCredential } from './schema.ts';

export interface WebApiEmulator extends Emulator<HttpCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

/** Nobody checks it: in sandbox mode no credential is sent. */
const CREDENTIAL: HttpCredential = { bearerToken: 'emulated-bearer-token' };

/** What the connection adds by itself, what tells the emulator things, and what may hold secrets. */
const NOT_KEPT =
  /^(authorization|proxy-authorization|cookie|host|connection|content-length|accept|user-agent|x-masar-.*)$/;

const statusSchema = z.coerce.number().int().min(200).max(599);

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startHttpEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<WebApiEmulator> {
  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    const url = header(request, SANDBOX_HEADERS.originalUrl);
    if (url === undefined || !URL.canParse(url)) {
      return {
        status: 400,
        body: { error: `The header ${SANDBOX_HEADERS.originalUrl} must say where this would go.` },
      };
    }
    const keyHeader = header(request, SANDBOX_HEADERS.idempotencyHeader)?.toLowerCase();
    const key = keyHeader === undefined ? undefined : header(request, keyHeader);
    const body = await readBody(request);
    const { stored } = await store.add(
      {
        connector: 'http',
        operation: 'request',
        ...request.trace,
        to: url,
        ...(key === undefined ? {} : { lookupKey: key }),
        message: { method: request.method, url, headers: keptHeaders(request), body },
      },
      { unique: key !== undefined },
    );
    const status = statusSchema.safeParse(header(request, SANDBOX_HEADERS.status)).data ?? 200;
    if (request.method === 'HEAD' || status === 204 || status === 304) return { status };
    const { message } = stored;
    const echo = {
      sandbox: true,
      method: message.method ?? null,
      url: message.url ?? null,
      body: message.body ?? null,
    };
    const itemsPath = header(request, SANDBOX_HEADERS.itemsPath);
    return { status, body: itemsPath === undefined ? echo : onlyPage(itemsPath, echo) };
  }

  const server = await startServer({ host, port, handle, faultReply });
  return {
    connector: 'http',
    url: server.url,
    credential: CREDENTIAL,
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
    case 'rateLimited':
      return { status: 429, headers: { 'retry-after': String(fault.retryAfterSeconds) } };
    case 'serverError':
      return { status: fault.status ?? 500 };
  }
}

function header(request: EmulatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function keptHeaders(request: EmulatedRequest): Record<string, string> {
  return Object.fromEntries(
    Object.keys(request.headers)
      .filter((name) => !NOT_KEPT.test(name))
      .map((name) => [name, header(request, name) ?? '']),
  );
}

/** A list of one item, where the node looks for it. */
function onlyPage(encodedPath: string, item: Json): Json {
  const path = decodeURIComponent(encodedPath);
  const list: Json = [item];
  return path === ''
    ? list
    : path.split('.').reduceRight<Json>((inner, name) => ({ [name]: inner }), list);
}

async function readBody(request: EmulatedRequest): Promise<Json> {
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('multipart/form-data')) return readParts(request.body, type);
  const text = request.text();
  if (text === '') return null;
  if (!/\bjson\b/.test(type)) return text;
  return z.json().safeParse(request.json()).data ?? text;
}

/** The fields of a form; of a file, what people recognise it by. */
async function readParts(body: Buffer, type: string): Promise<Json> {
  const form = await new Response(Uint8Array.from(body), {
    headers: { 'content-type': type },
  }).formData();
  return [...form].map(([name, value]) =>
    typeof value === 'string'
      ? { name, value }
      : { name, filename: value.name, contentType: value.type, size: value.size },
  );
}
