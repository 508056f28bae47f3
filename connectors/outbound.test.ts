import type { LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf } from './connector-suite.ts';
import { createOutbound, type Outbound, type OutboundRequest } from './outbound.ts';
import { isPublicAddress } from './outbound-destinations.ts';
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
const redirectTo =
  (status: number, location: string): Answer =>
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
    const error = await failureOf(client([]).request(get(write(String(server.port)))));
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
    const url = `http://rebind.example:${server.port}/`;
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
    const server = await serve((request, response) =>
      request.url === '/a' ? redirectTo(302, '/b')(request, response) : response.end('ok'),
    );
    const response = await client([server.host]).request(
      get(`${server.url}/a`, { headers: { authorization: 'Bearer s' } }),
    );
    expect(response.url).toBe(`${server.url}/b`);
    expect(server.seen[1]?.headers.authorization).toBe('Bearer s');
  });

  test('303 after a POST: the result is fetched by GET, and the POST counts as done', async () => {
    const server = await serve((request, response) =>
      request.method === 'POST'
        ? redirectTo(303, '/result')(request, response)
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
