import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import type { OperationContext } from '../contract.ts';
import { createOutbound } from '../outbound.ts';
import { type Answer, startRecordingServer } from '../recording-server.ts';
import { createHttpOperations } from './execute.ts';
import { type HttpCredential, type RequestOutput, requestInputSchema } from './schema.ts';

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

describe('multipart', () => {
  const file = { filename: 'a "b".txt', contentType: 'text/plain', contentBase64: 'aGk=' };

  /** What a server makes of the body. */
  const parse = async (request: { body: string; headers: IncomingHttpHeaders } | undefined) => {
    const type = request?.headers['content-type'] ?? '';
    const form = await new Response(request?.body, {
      headers: { 'content-type': type },
    }).formData();
    return Promise.all(
      [...form].map(async ([name, value]) =>
        typeof value === 'string'
          ? [name, value]
          : [name, value.name, value.type, await value.text()],
      ),
    );
  };

  test('fields and files arrive, alike on every attempt', async () => {
    const api = await start((request, response) => {
      if (request.url === '/files/photo.png') response.setHeader('content-type', 'image/png');
      response.end('bytes');
    });
    const body = {
      name: 'ليلى',
      tags: ['a', 'b'],
      none: null,
      file,
      photo: { url: `${api.url}/files/photo.png` },
    };
    const input = { method: 'POST', bodyType: 'multipart', body };
    await api.call({ ...input, headers: { 'content-type': 'multipart/form-data' } });
    await api.call(input, undefined, { attempt: 2 });
    const [first, second] = api.seen.filter(({ method }) => method === 'POST');
    expect(await parse(first)).toEqual([
      ['name', 'ليلى'],
      ['tags', 'a'],
      ['tags', 'b'],
      ['file', 'a "b".txt', 'text/plain', 'hi'],
      ['photo', 'photo.png', 'image/png', 'bytes'],
    ]);
    expect(second?.body).toBe(first?.body);
  });

  test.each([
    [{ file: { contentBase64: 'no base64!' } }, '/body/file'],
    [{ file: { contentBase64: 'aGk=', url: 'https://example.com/a' } }, '/body/file'],
    [{ file: { filename: 'a' } }, '/body/file'],
    [{ file: { contentBase64: 'aGk=', contentType: 'a\r\nb: c' } }, '/body/file'],
    ['text', '/body'],
  ])('what is no form is refused before anything is sent (%#)', async (body, pointer) => {
    const api = await start(empty);
    const error = await failureOf(api.call({ method: 'POST', bodyType: 'multipart', body }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', pointer });
    expect(api.seen).toEqual([]);
  });

  test('files over the limit are refused, and a download that fails did nothing', async () => {
    const api = await start((request, response) => {
      response.writeHead(request.url === '/gone' ? 404 : 200).end(Buffer.alloc(11_000_000));
    });
    const send = (value: unknown) =>
      failureOf(api.call({ method: 'POST', bodyType: 'multipart', body: { file: value } }));
    expect(await send({ url: `${api.url}/huge` })).toMatchObject({
      code: 'too_large',
      effect: 'none',
      permanent: true,
    });
    const huge = Buffer.alloc(11_000_000).toString('base64');
    expect(await send({ contentBase64: huge })).toMatchObject({
      code: 'too_large',
      effect: 'none',
    });
    expect(await send({ url: `${api.url}/gone` })).toMatchObject({
      code: 'not_found',
      effect: 'none',
    });
    expect(api.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});
