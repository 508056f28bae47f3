import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf } from './connector-suite.ts';
import { createOutbound, type Outbound, type OutboundRequest } from './outbound.ts';
import { isPublicAddress } from './outbound-destinations.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Started {
  readonly url: string;
  readonly host: string;
  readonly seen: {
    method: string;
    path: string;
    headers: IncomingMessage['headers'];
    body: string;
  }[];
}

async function serve(handler: Handler): Promise<Started> {
  const seen: Started['seen'] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = Buffer.concat(chunks).toString();
    seen.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
    });
    handler(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const host = `127.0.0.1:${address.port}`;
  return { url: `http://${host}`, host, seen };
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

const ok: Handler = (_request, response) => {
  response.end('ok');
};
const redirectTo =
  (status: number, location: string): Handler =>
  (_request, response) => {
    response.writeHead(status, { location }).end();
  };

describe('which addresses are public', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'example.com',
    '',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    '%s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('destinations', () => {
  test.each([
    (port: string) => `http://127.0.0.1:${port}/`,
    (port: string) => `http://localhost:${port}/`,
    (port: string) => `http://2130706433:${port}/`,
    (port: string) => `http://0x7f.1:${port}/`,
    (port: string) => `http://[::ffff:127.0.0.1]:${port}/`,
    (port: string) => `http://[::1]:${port}/`,
    (port: string) => `http://0.0.0.0:${port}/`,
  ])('a private address is refused however it is written (%#)', async (write) => {
    const server = await serve(ok);
    const error = await failureOf(client([]).request(get(write(server.host.split(':')[1] ?? ''))));
    expect(error).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
      permanent: true,
      message: expect.stringContaining('MASAR_ALLOW_HOSTS'),
    });
    expect(server.seen).toEqual([]);
  });

  test('a name is judged by the address it resolves to when it is connected to', async () => {
    const server = await serve(ok);
    const rebinding: LookupFunction = (_name, _options, callback) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const url = `http://rebind.example:${server.host.split(':')[1]}/`;
    const error = await failureOf(client([], rebinding).request(get(url)));
    expect(error.code).toBe('blocked_destination');
    expect(server.seen).toEqual([]);
    // The same name, once the operator vouches for it.
    const response = await client(['rebind.example'], rebinding).request(get(url));
    expect(response.status).toBe(200);
  });

  test('an entry with a port allows that port only', async () => {
    const [one, other] = [await serve(ok), await serve(ok)];
    const outbound = client([one.host]);
    expect((await outbound.request(get(one.url))).body.toString()).toBe('ok');
    expect((await failureOf(outbound.request(get(other.url)))).code).toBe('blocked_destination');
    expect([outbound.isAllowed(one.url), outbound.isAllowed(other.url)]).toEqual([true, false]);
    expect(outbound.isAllowed('no url')).toBe(false);
  });

  test('an entry may be an IPv6 address, with and without a port', () => {
    const outbound = client(['::1', '[fd00::1]:8080', '[fd00::2]']);
    expect(outbound.isAllowed('http://[::1]:99/')).toBe(true);
    expect(outbound.isAllowed('http://[fd00::1]:8080/')).toBe(true);
    expect(outbound.isAllowed('http://[fd00::1]/')).toBe(false);
    expect(outbound.isAllowed('https://[fd00::2]/')).toBe(true);
  });

  test.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'http://user:pass@example.com/',
    'nothing',
  ])('%s is no address to request', async (url) => {
    const error = await failureOf(client([]).request(get(url)));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).not.toContain('pass@');
  });

  test('onlyAllowed refuses public hosts and redirects to them', async () => {
    const server = await serve(redirectTo(302, 'https://example.com/'));
    const outbound = client([server.host]);
    for (const url of ['https://example.com/', server.url]) {
      const error = await failureOf(outbound.request(get(url, { onlyAllowed: true })));
      expect(error.code).toBe('blocked_destination');
    }
  });
});

describe('redirects', () => {
  test('each step is checked', async () => {
    const inner = await serve(ok);
    const outer = await serve(redirectTo(302, `${inner.url}/latest/meta-data`));
    const error = await failureOf(client([outer.host]).request(get(outer.url)));
    expect(error.code).toBe('blocked_destination');
    expect(inner.seen).toEqual([]);
  });

  test('another origin sees neither authorization nor cookies nor named secrets', async () => {
    const target = await serve(ok);
    const source = await serve(redirectTo(307, `${target.url}/there`));
    const headers = { Authorization: 'Bearer s', Cookie: 'c=1', 'X-Api-Key': 'k', 'X-Plain': 'p' };
    await client([source.host, target.host]).request(
      post(source.url, { headers, secretHeaders: ['X-API-Key'] }),
    );
    expect(source.seen[0]?.headers).toMatchObject({
      authorization: 'Bearer s',
      cookie: 'c=1',
      'x-api-key': 'k',
    });
    const seen = target.seen[0];
    expect(seen).toMatchObject({ method: 'POST', path: '/there', body: '{"a":1}' });
    expect(seen?.headers).toMatchObject({ 'x-plain': 'p' });
    for (const name of ['authorization', 'cookie', 'x-api-key']) {
      expect(seen?.headers).not.toHaveProperty(name);
    }
  });

  test('the same origin keeps them', async () => {
    const server = await serve((request, response, body) =>
      request.url === '/a' ? redirectTo(302, '/b')(request, response, body) : response.end('ok'),
    );
    const response = await client([server.host]).request(
      get(`${server.url}/a`, { headers: { authorization: 'Bearer s' } }),
    );
    expect(response.url).toBe(`${server.url}/b`);
    expect(server.seen[1]?.headers.authorization).toBe('Bearer s');
  });

  test('303 after a POST: the result is fetched by GET, and the POST counts as done', async () => {
    const server = await serve((request, response, body) =>
      request.method === 'POST'
        ? redirectTo(303, '/result')(request, response, body)
        : response.end('result'),
    );
    const response = await client([server.host]).request(
      post(server.url, { headers: { 'content-type': 'application/json' } }),
    );
    expect(response).toMatchObject({ status: 200, acted: true });
    expect(server.seen[1]).toMatchObject({ method: 'GET', body: '' });
    expect(server.seen[1]?.headers).not.toHaveProperty('content-type');
  });

  test('a step that fails after such a 303 proves nothing', async () => {
    const server = await serve(redirectTo(303, 'http://127.0.0.1:1/'));
    const outbound = client([server.host, '127.0.0.1:1']);
    expect(await failureOf(outbound.request(post(server.url)))).toMatchObject({
      code: 'unavailable',
      effect: 'possible',
    });
    const blockedStep = await failureOf(client([server.host]).request(post(server.url)));
    expect(blockedStep).toMatchObject({ code: 'blocked_destination', effect: 'possible' });
  });

  test('circles end', async () => {
    const server = await serve(redirectTo(302, '/again'));
    const error = await failureOf(client([server.host]).request(get(server.url)));
    expect(error).toMatchObject({ code: 'rejected', permanent: true });
    expect(server.seen).toHaveLength(6);
  });

  test('a redirect to what is no web address is an invalid response', async () => {
    for (const location of ['ftp://example.com/', 'http://', 'http://u:p@example.com/']) {
      const server = await serve(redirectTo(302, location));
      const error = await failureOf(client([server.host]).request(get(server.url)));
      expect(error).toMatchObject({ code: 'invalid_response', permanent: true });
    }
  });

  test('they are returned where not wanted', async () => {
    const server = await serve(redirectTo(302, '/x'));
    const response = await client([server.host]).request(
      get(server.url, { followRedirects: false }),
    );
    expect(response).toMatchObject({ status: 302, headers: { location: '/x' } });
  });
});

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
    const url = `http://late.example:${server.host.split(':')[1]}/`;
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
