import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import { createOutbound } from '../outbound.ts';
import { type Answer, startRecordingServer } from '../recording-server.ts';
import { createHttpOperations } from './execute.ts';
import { httpManifest } from './manifest.ts';
import { type HttpCredential, type RequestOutput, requestInputSchema } from './schema.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Reply = { readonly body: unknown; readonly link?: string; readonly status?: number };

/** An API whose pages `reply` makes from the query of a request. */
async function start(reply: (query: URLSearchParams, url: string) => Reply) {
  let base = '';
  const answer: Answer = (request, response) => {
    const { searchParams } = new URL(request.url ?? '/', base);
    const { body, link, status = 200 } = reply(searchParams, base);
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(link === undefined ? {} : { link }),
    });
    response.end(JSON.stringify(body));
  };
  const server = await startRecordingServer(answer);
  base = server.url;
  const outbound = createOutbound({ allowHosts: [server.host] });
  cleanups.push(
    () => server.close(),
    () => outbound.close(),
  );
  const { request } = createHttpOperations({ outbound });
  const read = (
    pagination: Readonly<Record<string, unknown>>,
    input: Readonly<Record<string, unknown>> = {},
    credential?: HttpCredential,
  ): Promise<RequestOutput> =>
    request.execute(
      requestInputSchema.parse({ url: `${server.url}/leads`, pagination, ...input }),
      testContext({ mode: 'live', credential }),
    );
  return { read, paths: () => server.seen.map(({ path }) => path), seen: server.seen };
}

const upTo = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

describe('every mode reads to the end, each page once', () => {
  test('page', async () => {
    const api = await start((query) => ({ body: query.get('page') === '3' ? [] : [1, 2] }));
    const output = await api.read({ mode: 'page' }, { query: { tag: ['a', 'b'] } });
    expect(output).toMatchObject({ body: [1, 2, 1, 2], pages: 3, complete: true, status: 200 });
    expect(httpManifest.operations[0].output.safeParse(output).success).toBe(true);
    expect(api.paths()).toEqual([1, 2, 3].map((page) => `/leads?page=${page}&tag=a&tag=b`));
  });

  test('page with a size: a short page is the last', async () => {
    const api = await start((query) => ({ body: query.get('p') === '0' ? [1, 2] : [3] }));
    const output = await api.read({
      mode: 'page',
      parameter: 'p',
      first: 0,
      pageSize: 2,
      sizeParameter: 'per_page',
    });
    expect(output).toMatchObject({ body: [1, 2, 3], pages: 2, complete: true });
    expect(api.paths()).toEqual(['/leads?p=0&per_page=2', '/leads?p=1&per_page=2']);
  });

  test('offset', async () => {
    const api = await start((query) => ({
      body: {
        data: {
          items: upTo(250)
            .slice(Number(query.get('offset')))
            .slice(0, 100),
        },
      },
    }));
    const output = await api.read({ mode: 'offset', itemsPath: 'data.items' });
    expect(output).toMatchObject({ body: upTo(250), pages: 3, complete: true });
  });

  test('cursor', async () => {
    const next: Record<string, unknown> = { '': 'b', b: 7, '7': '' };
    const api = await start((query) => {
      const at = query.get('after') ?? '';
      return { body: { rows: [at], meta: { next: next[at] } } };
    });
    const output = await api.read({
      mode: 'cursor',
      parameter: 'after',
      cursorPath: 'meta.next',
      itemsPath: 'rows',
    });
    expect(output).toMatchObject({ body: ['', 'b', '7'], pages: 3, complete: true });
  });

  test('the address of the next page in the body, relative or whole', async () => {
    const api = await start((query, base) => {
      const at = Number(query.get('at') ?? '0');
      const next = [`/leads?at=1`, `${base}/leads?at=2`, null][at];
      return { body: { items: [at], next } };
    });
    const output = await api.read({ mode: 'next-link', nextPath: 'next', itemsPath: 'items' });
    expect(output).toMatchObject({ body: [0, 1, 2], pages: 3, complete: true });
  });

  test.each([
    ['quoted', (url: string) => `<${url}>; rel="next"`],
    ['bare, after another', (url: string) => `<${url}0>; rel=last, <${url}>; rel=next`],
    ['with several relations', (url: string) => `<${url}>; title="a, <b>"; rel="x next"`],
  ])('the header Link, %s', async (_name, link) => {
    const api = await start((query, base) => {
      const at = Number(query.get('at') ?? '0');
      return { body: [at], link: at < 2 ? link(`${base}/leads?at=${at + 1}`) : '<x>; rel="prev"' };
    });
    const output = await api.read({ mode: 'link-header' });
    expect(output).toMatchObject({ body: [0, 1, 2], pages: 3, complete: true });
  });
});

describe('limits', () => {
  const endless = () => start((query) => ({ body: upTo(10, Number(query.get('offset'))) }));

  test('maxPages and maxItems end it and say so', async () => {
    const api = await endless();
    expect(await api.read({ mode: 'offset', pageSize: 10, maxPages: 2 })).toMatchObject({
      body: upTo(20),
      pages: 2,
      complete: false,
    });
    expect(await api.read({ mode: 'offset', pageSize: 10, maxItems: 15 })).toMatchObject({
      body: upTo(15),
      pages: 2,
      complete: false,
    });
  });

  test('what was read in all may not exceed the limit of one answer', async () => {
    const api = await start(() => ({ body: ['x'.repeat(400_000)] }));
    expect(await failureOf(api.read({ mode: 'page' }))).toMatchObject({
      code: 'too_large',
      permanent: true,
    });
    expect(api.seen).toHaveLength(3);
  });

  test('pages that lead in a circle are refused', async () => {
    const api = await start(() => ({ body: { items: [1], next: '/leads?at=1' } }));
    const failure = failureOf(
      api.read({ mode: 'next-link', nextPath: 'next', itemsPath: 'items' }),
    );
    expect(await failure).toMatchObject({ code: 'invalid_response', permanent: true });
    expect(api.seen).toHaveLength(2);
  });
});

describe('what goes wrong', () => {
  test('a next page on another server is not asked, so that it sees no login', async () => {
    const other = await start(() => ({ body: [] }));
    const [elsewhere] = other.paths();
    expect(elsewhere).toBeUndefined();
    const api = await start(() => ({
      body: { items: [1], next: 'https://elsewhere.example.com/leads' },
    }));
    const error = await failureOf(
      api.read(
        { mode: 'next-link', nextPath: 'next', itemsPath: 'items' },
        {},
        { bearerToken: 'token-1' },
      ),
    );
    expect(error).toMatchObject({ code: 'invalid_response', permanent: true });
    expect(error.message).toContain('elsewhere.example.com');
    expect(api.seen).toHaveLength(1);
  });

  test('a page without the list names the path', async () => {
    const api = await start(() => ({ body: { items: 3 } }));
    for (const [itemsPath, words] of [
      ['items', '"items"'],
      [undefined, 'itemsPath'],
    ]) {
      const error = await failureOf(api.read({ mode: 'page', itemsPath }));
      expect(error).toMatchObject({ code: 'invalid_response', permanent: true });
      expect(error.message).toContain(words);
    }
  });

  test('a page in the middle that is refused fails the node as any answer does', async () => {
    const api = await start((query) =>
      query.get('page') === '2' ? { body: {}, status: 429 } : { body: [1] },
    );
    expect(await failureOf(api.read({ mode: 'page' }))).toMatchObject({
      code: 'rate_limited',
      permanent: false,
    });
  });

  test('a secret query parameter goes along to every page', async () => {
    const api = await start((query) => ({ body: query.get('page') === '2' ? [] : [1] }));
    await api.read({ mode: 'page' }, {}, { query: { api_key: 'key-1' } });
    expect(api.paths()).toEqual(['/leads?page=1&api_key=key-1', '/leads?page=2&api_key=key-1']);
  });

  test.each([
    [{ method: 'POST', pagination: { mode: 'page' } }],
    [{ responseType: 'text', pagination: { mode: 'page' } }],
    [{ pagination: { mode: 'page', maxPages: 101 } }],
    [{ pagination: { mode: 'cursor' } }],
  ])('the schema refuses what can’t work (%#)', (input) => {
    expect(requestInputSchema.safeParse({ url: 'https://example.com/', ...input }).success).toBe(
      false,
    );
  });
});
