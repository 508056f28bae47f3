/** Credentials that are tried by asking a provider who they belong to. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf } from './connector-suite.ts';
import type { CredentialCheck } from './contract.ts';
import { createHttpCheck } from './http/check-credential.ts';
import { createOpenaiCheck } from './openai/check-credential.ts';
import { createOutbound, type Outbound } from './outbound.ts';
import { startRecordingServer } from './recording-server.ts';
import { createSlackCheck } from './slack/check-credential.ts';
import { createTelegramCheck } from './telegram/check-credential.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A provider that always answers alike. */
async function provider(status: number, body: unknown) {
  const server = await startRecordingServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  const outbound = createOutbound({ allowHosts: [server.host] });
  cleanups.push(
    () => server.close(),
    () => outbound.close(),
  );
  return { url: server.url, seen: server.seen, outbound };
}

const limits = () => ({ timeoutMs: 5_000, signal: AbortSignal.timeout(5_000) });
const SECRET = 'AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';

interface Tried {
  readonly name: string;
  readonly path: string;
  readonly try: (outbound: Outbound, url: string) => ReturnType<CredentialCheck['run']>;
  readonly works: { readonly body: unknown; readonly found: object };
  readonly refused: { readonly status: number; readonly body: unknown };
}

const TRIED: readonly Tried[] = [
  {
    name: 'telegram',
    path: `/bot100:${SECRET}/getMe`,
    try: (outbound, baseUrl) =>
      createTelegramCheck(outbound).run({ botToken: `100:${SECRET}`, baseUrl }, limits()),
    works: {
      body: { ok: true, result: { id: 100, is_bot: true, first_name: 'Masar', username: 'm_bot' } },
      found: { account: expect.stringContaining('m_bot') },
    },
    refused: { status: 401, body: { ok: false, error_code: 401, description: 'Unauthorized' } },
  },
  {
    name: 'slack',
    path: '/api/auth.test',
    try: (outbound, baseUrl) =>
      createSlackCheck(outbound).run({ botToken: `xoxb-${SECRET}`, baseUrl }, limits()),
    works: {
      body: { ok: true, user: 'masar', team: 'Acme' },
      found: { account: 'masar at Acme' },
    },
    refused: { status: 200, body: { ok: false, error: 'invalid_auth' } },
  },
  {
    name: 'openai',
    path: '/v1/models',
    try: (outbound, url) =>
      createOpenaiCheck(outbound).run({ apiKey: SECRET, baseUrl: `${url}/v1` }, limits()),
    works: { body: { data: [] }, found: {} },
    refused: { status: 401, body: { error: { code: 'invalid_api_key' } } },
  },
  {
    name: 'http with OAuth',
    path: '/token',
    try: (outbound, url) =>
      createHttpCheck(outbound).run(
        {
          oauth2: {
            tokenUrl: `${url}/token`,
            clientId: 'client',
            clientSecret: SECRET,
            clientAuthentication: 'basic',
          },
        },
        limits(),
      ),
    works: {
      body: { access_token: 'token-1', expires_in: 60 },
      found: { account: expect.stringMatching(/^client at 127\.0\.0\.1:/) },
    },
    refused: { status: 401, body: { error: 'invalid_client' } },
  },
];

describe.each(TRIED)('a credential of $name', ({ path, try: run, works, refused }) => {
  test('that works says whose it is', async () => {
    const { url, seen, outbound } = await provider(200, works.body);
    const found = await run(outbound, url);
    expect(found).toEqual(works.found);
    expect(JSON.stringify(found)).not.toContain(SECRET);
    expect(seen.map((request) => request.path)).toEqual([path]);
  });

  test('that is refused says so for good, and tells no secret', async () => {
    const { url, outbound } = await provider(refused.status, refused.body);
    const error = await failureOf(run(outbound, url));
    expect(error).toMatchObject({ code: 'credential_rejected', permanent: true, effect: 'none' });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(SECRET);
  });

  test('is not blamed for a provider that is away', async () => {
    const { url, outbound } = await provider(503, {});
    const error = await failureOf(run(outbound, url));
    expect(error).toMatchObject({ code: 'unavailable', permanent: false });
  });
});

test('what can’t be tried says why', async () => {
  const { outbound } = await provider(200, {});
  const webhookUrl = 'https://hooks.slack.com/services/T1/B1/x';
  for (const found of [
    await createSlackCheck(outbound).run({ webhookUrl }, limits()),
    await createHttpCheck(outbound).run({ bearerToken: SECRET }, limits()),
  ]) {
    expect(found).toEqual({ untestable: expect.stringMatching(/.{20}/) });
  }
});
