import { createServer as createTcpServer, type LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf } from './connector-suite.ts';
import { createOutbound, type Outbound, type OutboundRequest } from './outbound.ts';
import { type Answer, type RecordingServer, startRecordingServer } from './recording-server.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: Answer): Promise<RecordingServer> {
  const server = await startRecordingServer(answer);
  cleanups.push(() => server.close());
  return server;
}

/** A TCP server that treats the bytes of a connection as the test wants. */
async function serveTcp(
  onData: (write: (text: string) => void, destroy: () => void, count: number) => void,
): Promise<string> {
  let count = 0;
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      count += 1;
      onData(
        (text) => socket.write(text),
        () => socket.resetAndDestroy(),
        count,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}

function client(allowHosts: readonly string[], lookup?: LookupFunction): Outbound {
  const outbound = createOutbound({ allowHosts, ...(lookup === undefined ? {} : { lookup }) });
  cleanups.push(() => outbound.close());
  return outbound;
}

const get = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'GET',
  url,
  timeoutMs: 5_000,
  maxResponseBytes: 100_000,
  ...more,
});
const post = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest =>
  get(url, { method: 'POST', body: '{"a":1}', ...more });

const ok: Answer = (_request, response) => {
  response.end('ok');
};
describe('what a failure proves', () => {
  test('nothing listens: nothing was sent', async () => {
    const error = await failureOf(client(['127.0.0.1']).request(post('http://127.0.0.1:1/')));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: false });
  });

  test('a name that does not resolve: nothing was sent', async () => {
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), []);
    const error = await failureOf(client([], lookup).request(post('http://nowhere.example/')));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: false });
  });

  test('TLS that fails: nothing was sent', async () => {
    const server = await serve(ok);
    const error = await failureOf(client([server.host]).request(post(`https://${server.host}/`)));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none' });
    expect(server.seen).toEqual([]);
  });

  test('a time-out while connecting: nothing was sent', async () => {
    const never: LookupFunction = () => {};
    const outbound = client([], never);
    const error = await failureOf(
      outbound.request(post('http://slow.example/', { timeoutMs: 50 })),
    );
    expect(error).toMatchObject({ code: 'timeout', effect: 'none' });
  });

  test('a connection that comes about after the time-out carries no request', async () => {
    const server = await serve(ok);
    const lookedUp = Promise.withResolvers<void>();
    const late: LookupFunction = (_name, _options, callback) => {
      setTimeout(() => {
        callback(null, [{ address: '127.0.0.1', family: 4 }]);
        lookedUp.resolve();
      }, 120);
    };
    const url = `http://late.example:${server.port}/`;
    const outbound = client(['late.example'], late);
    const error = await failureOf(outbound.request(post(url, { timeoutMs: 40 })));
    expect(error.effect).toBe('none');
    await lookedUp.promise;
    // A second request over the same pool proves that the first one had its chance.
    expect((await outbound.request(get(`${url}second`))).status).toBe(200);
    expect(server.seen.map(({ path }) => path)).toEqual(['/second']);
  });

  test('a connection that breaks after the request: it may have acted', async () => {
    const host = await serveTcp((_write, destroy) => destroy());
    const error = await failureOf(client([host]).request(post(`http://${host}/`)));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'possible', permanent: false });
  });

  test('a kept-alive socket that breaks under a second request: it may have acted', async () => {
    const host = await serveTcp((write, destroy, count) => {
      if (count === 1) write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      else destroy();
    });
    const outbound = client([host]);
    expect((await outbound.request(post(`http://${host}/`))).status).toBe(200);
    const error = await failureOf(outbound.request(post(`http://${host}/`)));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'possible' });
  });

  test('an answer cut short is no answer', async () => {
    const host = await serveTcp((write, destroy) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf');
      setTimeout(destroy, 20);
    });
    const error = await failureOf(client([host]).request(post(`http://${host}/`)));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'possible' });
  });

  test('an answer that is not HTTP', async () => {
    const host = await serveTcp((write) => write('SSH-2.0-OpenSSH_9.6\r\n'));
    const error = await failureOf(client([host]).request(post(`http://${host}/`)));
    expect(error).toMatchObject({ code: 'invalid_response', effect: 'possible' });
  });

  test('time-outs and cancellation after sending', async () => {
    const server = await serve(() => {});
    const outbound = client([server.host]);
    expect(await failureOf(outbound.request(post(server.url, { timeoutMs: 80 })))).toMatchObject({
      code: 'timeout',
      effect: 'possible',
      permanent: false,
    });
    const bySignal = post(server.url, { signal: AbortSignal.timeout(80) });
    expect(await failureOf(outbound.request(bySignal))).toMatchObject({ code: 'timeout' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('cancelled by a person')), 80);
    const cancelled = post(server.url, { signal: controller.signal });
    expect(await failureOf(outbound.request(cancelled))).toMatchObject({
      code: 'cancelled',
      effect: 'possible',
    });
    const before = post(server.url, { signal: controller.signal });
    expect(await failureOf(outbound.request(before))).toMatchObject({
      code: 'cancelled',
      effect: 'none',
    });
    expect(server.seen).toHaveLength(3);
  });

  test('headers that HTTP does not allow are the config’s fault, and quote nothing', async () => {
    const server = await serve(ok);
    const headers = { 'x-a': 'secret\r\nx-smuggled: 1' };
    const error = await failureOf(client([server.host]).request(get(server.url, { headers })));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).not.toContain('secret');
    expect(server.seen).toEqual([]);
  });
});

describe('size', () => {
  test('an endless answer is cut off at the limit', async () => {
    let written = 0;
    const server = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const error = await failureOf(client([server.host]).request(post(server.url)));
    expect(error).toMatchObject({ code: 'too_large', effect: 'possible', permanent: true });
    expect(written).toBeLessThan(50_000_000);
  });

  test('an error answer is shortened: its status is what counts', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(503).end(Buffer.alloc(300_000));
    });
    const response = await client([server.host]).request(post(server.url));
    expect(response.status).toBe(503);
    expect(response.body.length).toBeLessThanOrEqual(100_000);
  });
});

describe('downloads', () => {
  test('bytes and type', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([1, 2, 255]));
    });
    const file = await client([server.host]).fetchBytes(server.url, { maxBytes: 10 });
    expect(file).toEqual({ bytes: Buffer.from([1, 2, 255]), contentType: 'image/png' });
  });

  test.each([
    [404, 'not_found', true],
    [403, 'permission_denied', true],
    [429, 'rate_limited', false],
    [503, 'unavailable', false],
  ] as const)('%i is %s', async (status, code, permanent) => {
    const server = await serve((_request, response) => {
      response.writeHead(status, { 'retry-after': '3' }).end();
    });
    const error = await failureOf(client([server.host]).fetchBytes(server.url, { maxBytes: 10 }));
    expect(error).toMatchObject({ code, permanent, effect: 'none', status });
    expect(error.retryAfterMs).toBe(permanent ? undefined : 3_000);
  });

  test('a failed download has done nothing, wherever it failed', async () => {
    const big = await serve((_request, response) => {
      response.end(Buffer.alloc(100));
    });
    const mute = await serve(() => {});
    const outbound = client([big.host, mute.host]);
    const tooLarge = await failureOf(outbound.fetchBytes(big.url, { maxBytes: 10 }));
    expect(tooLarge).toMatchObject({ code: 'too_large', effect: 'none' });
    const late = await failureOf(outbound.fetchBytes(mute.url, { maxBytes: 10, timeoutMs: 50 }));
    expect(late).toMatchObject({ code: 'timeout', effect: 'none' });
  });
});
