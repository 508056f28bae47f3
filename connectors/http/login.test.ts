import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import { createOutbound } from '../outbound.ts';
import { type Answer, startRecordingServer } from '../recording-server.ts';
import { createHttpOperations } from './execute.ts';
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

async function serve(answer: Answer) {
  const server = await startRecordingServer(answer);
  cleanups.push(() => server.close());
  return server;
}

function caller(...hosts: string[]) {
  const outbound = createOutbound({ allowHosts: hosts });
  cleanups.push(() => outbound.close());
  const { request } = createHttpOperations({ outbound });
  return (
    input: Readonly<Record<string, unknown>>,
    credential: HttpCredential,
  ): Promise<RequestOutput> =>
    request.execute(
      requestInputSchema.parse(input),
      testContext({ mode: 'live', credential: httpCredentialSchema.parse(credential) }),
    );
}

test('a key in the query goes out and shows up nowhere', async () => {
  const api = await serve((request, response) => {
    response.writeHead(request.url?.startsWith('/ok') ? 200 : 400).end('ok');
  });
  const call = caller(api.host);
  const credential = { query: { key: 'secret-key-1' } };
  const output = await call({ url: `${api.url}/ok?a=1` }, credential);
  expect(api.seen[0]?.path).toBe('/ok?a=1&key=secret-key-1');
  const error = await failureOf(call({ url: `${api.url}/no` }, credential));
  expect(JSON.stringify([output, { ...error, message: error.message }])).not.toContain(
    'secret-key',
  );
});

test('a key in the query does not follow a redirect to another host', async () => {
  const other = await serve((_request, response) => {
    response.end('there');
  });
  const api = await serve((_request, response) => {
    response.writeHead(302, { location: `${other.url}/there` }).end();
  });
  const call = caller(api.host, other.host);
  const credential = { query: { key: 'secret-1' }, headers: { 'x-key': 'secret-2' } };
  expect((await call({ url: api.url }, credential)).body).toBe('there');
  expect(other.seen[0]?.path).toBe('/there');
  expect(other.seen[0]?.headers).not.toHaveProperty('x-key');
});

describe('OAuth 2.0 client credentials', () => {
  /** An authorization server and an API that accepts the latest token only. */
  async function start(life: number | undefined = 3600) {
    let issued = 0;
    const auth = await serve((_request, response) => {
      issued += 1;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: `token-${issued}`, expires_in: life }));
    });
    const state = { revoked: false };
    const api = await serve((request, response) => {
      const isLatest = request.headers.authorization === `Bearer token-${issued}`;
      response.writeHead(isLatest && !(state.revoked && issued === 1) ? 200 : 401).end();
    });
    const call = caller(auth.host, api.host);
    const oauth2 = {
      tokenUrl: `${auth.url}/token`,
      clientId: 'client:1',
      clientSecret: 'secret 1',
      scope: 'leads.read',
      clientAuthentication: 'basic' as const,
    };
    return { auth, api, state, oauth2, call: () => call({ url: api.url }, { oauth2 }) };
  }

  test('one token serves many requests', async () => {
    const { auth, api, call } = await start();
    await call();
    await call();
    expect(auth.seen).toHaveLength(1);
    expect(auth.seen[0]).toMatchObject({
      method: 'POST',
      path: '/token',
      body: 'grant_type=client_credentials&scope=leads.read',
    });
    expect(auth.seen[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('client%3A1:secret%201').toString('base64')}`,
    );
    expect(api.seen).toHaveLength(2);
  });

  test('a token that is about to expire is not used again', async () => {
    const { auth, call } = await start(20);
    await call();
    await call();
    expect(auth.seen).toHaveLength(2);
  });

  test('a token withdrawn early is replaced by the next attempt', async () => {
    const { auth, state, call } = await start();
    await call();
    state.revoked = true;
    expect(await failureOf(call())).toMatchObject({
      code: 'credential_rejected',
      effect: 'none',
      permanent: false,
    });
    expect((await call()).status).toBe(200);
    expect(auth.seen).toHaveLength(2);
  });

  test.each([
    [400, '{"error":"invalid_client"}', 'credential_rejected', true, 'invalid_client'],
    [401, 'no', 'credential_rejected', true, undefined],
    [429, '{}', 'rate_limited', false, undefined],
    [503, '', 'unavailable', false, undefined],
    [200, '{"token":"x"}', 'invalid_response', true, undefined],
  ] as const)('no token: %i %s', async (status, body, code, permanent, providerCode) => {
    const auth = await serve((_request, response) => {
      response.writeHead(status, { 'retry-after': '3' }).end(body);
    });
    const api = await serve((_request, response) => {
      response.end();
    });
    const { oauth2 } = await start();
    const failing = { ...oauth2, tokenUrl: auth.url, clientAuthentication: 'body' as const };
    const error = await failureOf(
      caller(auth.host, api.host)({ method: 'POST', url: api.url }, { oauth2: failing }),
    );
    expect(error).toMatchObject({ code, permanent, effect: 'none', providerCode });
    expect(error.retryAfterMs).toBe(permanent ? undefined : 3_000);
    expect(error.message).not.toContain('secret 1');
    expect(new URLSearchParams(auth.seen[0]?.body).get('client_secret')).toBe('secret 1');
    expect(api.seen).toEqual([]);
  });

  test('one way to log in at a time', () => {
    const both = { bearerToken: 'a', basic: { user: 'b', password: 'c' } };
    expect(httpCredentialSchema.safeParse(both).success).toBe(false);
  });
});
