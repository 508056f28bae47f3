import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import type { OperationContext } from '../contract.ts';
import { createOutbound } from '../outbound.ts';
import { type Answer, startRecordingServer } from '../recording-server.ts';
import { idempotencyToken } from './compose.ts';
import { createHttpOperations } from './execute.ts';
import { httpManifest } from './manifest.ts';
import {
  type HttpCredential,
  httpCredentialSchema,
  type RequestOutput,
  requestInputSchema,
} from './schema.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A web API, and a way to call it as a node does. */
async function start(answer: Answer) {
  const server = await startRecordingServer(answer);
  const outbound = createOutbound({ allowHosts: [server.host] });
  const operations = createHttpOperations({ outbound });
  cleanups.push(
    () => server.close(),
    () => outbound.close(),
  );
  const call = (
    input: Readonly<Record<string, unknown>> = {},
    credential?: HttpCredential,
    overrides: Partial<OperationContext<HttpCredential | undefined>> = {},
  ): Promise<RequestOutput> =>
    operations.request.execute(
      requestInputSchema.parse({ url: server.url, ...input }),
      testContext({ mode: 'live', ...overrides, credential }),
    );
  return { url: server.url, seen: server.seen, call };
}

const empty: Answer = (_request, response) => {
  response.end();
};

describe('what goes out', () => {
  test('an object goes as JSON, with the query and headers of the config', async () => {
    const api = await start(empty);
    await api.call({
      method: 'POST',
      url: `${api.url}/a?x=1`,
      query: { name: 'ليلى', tag: ['a', 'b'], none: null },
      headers: { 'X-Source': 'masar', 'X-Count': 3 },
      body: { name: 'ليلى' },
    });
    expect(api.seen[0]).toMatchObject({
      method: 'POST',
      path: '/a?x=1&name=%D9%84%D9%8A%D9%84%D9%89&tag=a&tag=b',
      body: '{"name":"ليلى"}',
    });
    expect(api.seen[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-source': 'masar',
      'x-count': '3',
    });
  });

  test('forms and texts', async () => {
    const api = await start(empty);
    const form = { name: 'Layla B', tags: ['a', 'b'], n: 1, none: null };
    await api.call({ method: 'POST', bodyType: 'form', body: form });
    await api.call({ method: 'PUT', body: 'مرحبا' });
    await api.call({ method: 'POST', bodyType: 'json', body: '{"a": 1}' });
    await api.call({ method: 'POST', bodyType: 'json', body: null });
    expect(api.seen.map(({ body, headers }) => [headers['content-type'], body])).toEqual([
      ['application/x-www-form-urlencoded', 'name=Layla+B&tags=a&tags=b&n=1'],
      ['text/plain; charset=utf-8', 'مرحبا'],
      ['application/json', '{"a": 1}'],
      ['application/json', 'null'],
    ]);
  });

  test.each([
    [{ bodyType: 'json', body: '{"name": "Layla"' }, '/body'],
    [{ bodyType: 'form', body: { a: { b: 'Layla' } } }, '/body/a'],
    [{ bodyType: 'form', body: ['Layla'] }, '/body'],
    [{ bodyType: 'text', body: { a: 'Layla' } }, '/body'],
    [{ query: { q: 'Layla'.repeat(2_000) } }, '/query'],
  ])('a body or query that can’t be written is refused, unquoted (%#)', async (input, pointer) => {
    const api = await start(empty);
    const error = await failureOf(api.call({ method: 'POST', ...input }));
    expect(error).toMatchObject({
      code: 'invalid_config',
      effect: 'none',
      permanent: true,
      pointer,
    });
    expect(error.cause).toBeUndefined();
    expect(error.message).not.toContain('Layla');
    expect(api.seen).toEqual([]);
  });

  test('credentials', async () => {
    const api = await start(empty);
    await api.call({ headers: { authorization: 'mine' } }, { bearerToken: 'token-1' });
    await api.call({}, { basic: { user: 'layla', password: 'كلمة' } });
    await api.call({}, { headers: { 'X-Api-Key': 'key-1' } });
    expect(api.seen.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual([
      ['Bearer token-1', undefined],
      [`Basic ${Buffer.from('layla:كلمة').toString('base64')}`, undefined],
      [undefined, 'key-1'],
    ]);
    expect(httpCredentialSchema.safeParse({ bearerToken: 'a\r\nb: c' }).success).toBe(false);
  });

  test('the key is the same on every attempt, another for another node, and a UUID', async () => {
    const api = await start(empty);
    const input = { method: 'POST', idempotencyHeader: 'Idempotency-Key' };
    await api.call(input, undefined, { attempt: 1 });
    await api.call(input, undefined, { attempt: 2 });
    await api.call(input, undefined, { key: 'execution-1/node-2/' });
    await api.call({ ...input, headers: { 'idempotency-key': 'order-7' } });
    await api.call({ ...input, method: 'GET' });
    const sent = api.seen.map(({ headers }) => headers['idempotency-key']);
    expect(sent).toEqual([
      idempotencyToken('execution-1/node-1/'),
      idempotencyToken('execution-1/node-1/'),
      idempotencyToken('execution-1/node-2/'),
      'order-7',
      undefined,
    ]);
    expect(sent[0]).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test.each([
    { url: 'ftp://example.com' },
    { url: 'example.com' },
    { url: 'https://example.com', headers: { Host: 'inner' } },
    { url: 'https://example.com', headers: { 'Content-Length': 1 } },
    { url: 'https://example.com', headers: { 'X-A': 'a\r\nX-B: c' } },
    { url: 'https://example.com', headers: { 'X A': 'a' } },
    { url: 'https://example.com', idempotencyHeader: 'transfer-encoding' },
    { url: 'https://example.com', method: 'TRACE' },
    { url: 'https://example.com', extra: 1 },
  ])('the schema refuses %j', (input) => {
    expect(requestInputSchema.safeParse(input).success).toBe(false);
  });
});

describe('what comes back', () => {
  const reply =
    (body: string | Buffer, type?: string, headers: Record<string, string> = {}): Answer =>
    (_request, response) => {
      response.writeHead(200, {
        ...(type === undefined ? {} : { 'content-type': type }),
        ...headers,
      });
      response.end(body);
    };
  const latin = Buffer.from([0x63, 0x61, 0x66, 0xe9]);
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

  test.each([
    ['JSON', reply('{"a":["ب"]}', 'application/json; charset=utf-8'), { a: ['ب'] }],
    ['JSON with a byte order mark', reply('\ufeff{"a":1}', 'application/json'), { a: 1 }],
    ['a kind of JSON', reply('{"a":1}', 'application/vnd.api+json'), { a: 1 }],
    ['text', reply('مرحبا', 'text/plain; charset=utf-8'), 'مرحبا'],
    ['text of another charset', reply(latin, 'text/html; charset="ISO-8859-1"'), 'café'],
    ['XML', reply('<a/>', 'application/atom+xml'), '<a/>'],
    ['text without a type', reply('plain'), 'plain'],
    ['nothing', reply('', 'application/json'), null],
    [
      'binary content',
      reply(png, 'image/png'),
      { encoding: 'base64', contentType: 'image/png', data: png.toString('base64') },
    ],
    [
      'binary content without a type',
      reply(png),
      { encoding: 'base64', contentType: 'application/octet-stream', data: png.toString('base64') },
    ],
    [
      'packed JSON',
      reply(gzipSync('{"a":1}'), 'application/json', { 'content-encoding': 'gzip' }),
      { a: 1 },
    ],
  ])('%s', async (_name, answer, body) => {
    const api = await start(answer);
    const output = await api.call();
    expect(output).toMatchObject({ status: 200, body });
    expect(httpManifest.operations[0].output.safeParse(output).success).toBe(true);
  });

  test.each([
    ['json', 'text/plain', '{"a":1}', { a: 1 }],
    ['text', 'application/json', '{"a":1}', '{"a":1}'],
    [
      'binary',
      'text/csv',
      'a,b',
      { encoding: 'base64', contentType: 'text/csv', data: Buffer.from('a,b').toString('base64') },
    ],
  ])('responseType %s overrules what the server says', async (responseType, type, text, body) => {
    const api = await start(reply(text, type));
    expect((await api.call({ responseType })).body).toEqual(body);
  });

  test('an answer over the limit fails for good and says the limit', async () => {
    const api = await start(reply('x'.repeat(1_048_577), 'text/plain'));
    const error = await failureOf(api.call());
    expect(error).toMatchObject({ code: 'too_large', permanent: true });
    expect(error.message).toContain('1048576');
  });

  test('cookies stay apart', async () => {
    const api = await start((_request, response) => {
      response.setHeader('set-cookie', ['a=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT', 'b=2']);
      response.end();
    });
    const { headers } = await api.call();
    expect(headers['set-cookie']).toEqual(['a=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT', 'b=2']);
  });

  test('what calls itself JSON and is not: asked again by a GET, a receipt to a POST', async () => {
    const api = await start(reply('OK', 'application/json'));
    expect(await failureOf(api.call())).toMatchObject({
      code: 'invalid_response',
      permanent: false,
    });
    expect((await api.call({ method: 'POST' })).body).toBe('OK');
  });

  test('a small answer that unpacks into a huge one is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const api = await start(reply(bomb, 'text/plain', { 'content-encoding': 'gzip' }));
    expect((await failureOf(api.call())).code).toBe('invalid_response');
  });
});

describe('what a status means', () => {
  test.each([
    [304, 'rejected', 'possible', true],
    [400, 'rejected', 'none', true],
    [401, 'credential_rejected', 'none', true],
    [403, 'permission_denied', 'none', true],
    [404, 'not_found', 'none', true],
    [408, 'timeout', 'none', false],
    [409, 'rejected', 'none', true],
    [410, 'not_found', 'none', true],
    [422, 'rejected', 'none', true],
    [425, 'unavailable', 'none', false],
    [429, 'rate_limited', 'none', false],
    [500, 'unavailable', 'possible', false],
    [501, 'unavailable', 'none', false],
    [502, 'unavailable', 'possible', false],
    [503, 'unavailable', 'none', false],
    [504, 'unavailable', 'possible', false],
  ] as const)('%i: %s, effect %s, permanent %s', async (status, code, effect, permanent) => {
    const api = await start((_request, response) => {
      response.writeHead(status, { 'retry-after': '2' });
      response.end(status === 304 ? undefined : '{"error":"layla@example.com is unknown"}');
    });
    const error = await failureOf(api.call({ method: 'POST', body: {} }));
    expect(error).toMatchObject({ code, effect, permanent, status });
    expect(error.retryAfterMs).toBe(permanent ? undefined : 2_000);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('layla');
  });

  test('after a 303 the answer is about the result, not about the POST', async () => {
    const api = await start((request, response) => {
      if (request.method === 'POST') response.writeHead(303, { location: '/result' }).end();
      else response.writeHead(404).end();
    });
    expect(await failureOf(api.call({ method: 'POST' }))).toMatchObject({
      code: 'not_found',
      effect: 'possible',
    });
  });

  test('successStatus decides alone', async () => {
    const api = await start((_request, response) => {
      response.writeHead(404).end('none');
    });
    expect(await api.call({ successStatus: [200, 404] })).toMatchObject({ status: 404 });
    const created = await start((_request, response) => {
      response.writeHead(200).end();
    });
    expect(await failureOf(created.call({ method: 'POST', successStatus: 201 }))).toMatchObject({
      code: 'rejected',
      effect: 'possible',
      permanent: true,
    });
    const moved = await start((_request, response) => {
      response.writeHead(302, { location: 'https://example.com/' }).end();
    });
    expect(await moved.call({ successStatus: 302 })).toMatchObject({
      status: 302,
      headers: { location: 'https://example.com/' },
    });
  });

  test.each(['return', 'refuse'])('a redirect under %s is not followed', async (redirects) => {
    const api = await start((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/there' }).end();
      else response.end('there');
    });
    const call = api.call({ redirects });
    if (redirects === 'return') {
      expect(await call).toMatchObject({ status: 302, headers: { location: '/there' } });
    } else {
      expect(await failureOf(call)).toMatchObject({ code: 'rejected', status: 302 });
    }
    expect(api.seen).toHaveLength(1);
  });

  describe('a DELETE that finds nothing', () => {
    const since = { inDoubtSince: new Date() };

    test.each([404, 410])('is done after an attempt in doubt (%i)', async (status) => {
      const api = await start((_request, response) => {
        response.writeHead(status).end();
      });
      const output = await api.call({ method: 'DELETE' }, undefined, since);
      expect(output).toMatchObject({ status, body: null });
      expect(await failureOf(api.call({ method: 'DELETE' }))).toMatchObject({ code: 'not_found' });
    });

    test('but no other refusal is, and no other method', async () => {
      const api = await start((request, response) => {
        response.writeHead(request.method === 'DELETE' ? 403 : 404).end();
      });
      for (const method of ['DELETE', 'PUT', 'GET']) {
        expect((await failureOf(api.call({ method }, undefined, since))).permanent).toBe(true);
      }
    });
  });
});
