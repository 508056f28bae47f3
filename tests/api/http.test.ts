import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectDatabase } from '../../db/connection.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    settings: { corsOrigins: ['https://app.example'], rateLimitPerMinute: 3 },
  });
});
afterAll(() => api.stop());

const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${api.url}/api/leads`, {
    method: 'POST',
    headers: { 'x-api-key': api.key, 'content-type': 'application/json', ...headers },
    body: new Uint8Array(Buffer.from(body)),
  });

async function refusal(response: Response): Promise<{ status: number; error: string }> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const body: { error: string } = JSON.parse(await response.text());
  return { ...body, status: response.status };
}

describe('keys', () => {
  test('none, a wrong one, and the same one as a bearer token', async () => {
    const none = await api.send('GET', '/api/leads', undefined, { key: null });
    expect(none).toMatchObject({ status: 401, body: { error: 'api_key_missing' } });
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/);
    const wrong = await api.send('GET', '/api/leads', undefined, { key: 'wrong' });
    expect(wrong).toMatchObject({ status: 401, body: { error: 'api_key_invalid' } });
    const bearer = await api.send('GET', '/api/leads', undefined, {
      key: null,
      headers: { authorization: `Bearer ${api.key}` },
    });
    expect(bearer.status).toBe(200);
  });

  test('an empty one is told to be empty', async () => {
    const empty = await api.send('GET', '/api/leads', undefined, { key: '' });
    expect(empty).toMatchObject({ status: 401, body: { error: 'api_key_missing' } });
    expect(empty.body.message).toMatch(/^The API key is empty\./);
  });

  test('one that may only read changes nothing; a revoked one is unknown', async () => {
    const reader = await api.addProject('reader');
    const keys = api.store.database('api_keys').where({ project_id: reader.projectId });
    await keys.clone().update({ scopes: ['read'] });
    expect((await api.send('GET', '/api/leads', undefined, reader)).status).toBe(200);
    const refused = await api.send('POST', '/api/leads', { name: 'x' }, reader);
    expect(refused).toMatchObject({ status: 403, body: { error: 'scope_missing' } });
    const revoked = await api.addProject('revoked');
    await api.store
      .database('api_keys')
      .where({ project_id: revoked.projectId })
      .update({ revoked_at: new Date() });
    expect((await api.send('GET', '/api/leads', undefined, revoked)).status).toBe(401);
  });
});

describe('parameters', () => {
  test('a parameter that is not known is refused, with those that are', async () => {
    const misspelt = await api.send('GET', '/api/executions?workflow=w&stats=failed&limit=1');
    expect(misspelt).toMatchObject({ status: 400, body: { error: 'malformed_request' } });
    expect(misspelt.body.message).toBe(
      'Parameters workflow, stats are not known here. Known ones: workflowId, status, leadId, from, to, limit, cursor.',
    );
    const none = await api.send('GET', '/api/workflows/w?draft=1');
    expect(none.body.message).toBe('Parameter draft is not known here. There are none here.');
  });

  test('the root leads to the documentation', async () => {
    const root = await fetch(`${api.url}/`, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/api/docs']);
  });
});

describe('bodies', () => {
  test('with several problems name each in the sentence', async () => {
    const { body } = await api.send('POST', '/api/events', { type: '', data: 1, colour: 'red' });
    expect(body.message).toMatch(
      /^The body has 3 problems: \/type must not be empty\. \/colour is not known here\. The body says nothing of the lead/,
    );
    const lead = await api.send('POST', '/api/events', { type: 'lead.created' });
    expect(lead.body.message).toContain('Send `leadId`, the id of a stored one, or `lead`');
  });

  test('that are not JSON say where they break', async () => {
    const broken = await refusal(await post('{"name": "x",\n  oops}'));
    expect(broken).toMatchObject({
      status: 400,
      error: 'malformed_json',
      position: 16,
      line: 2,
      column: 3,
    });
    expect((await refusal(await post('{"name"'))).status).toBe(400);
    expect(await refusal(await post(Buffer.from([0x22, 0xff, 0x22])))).toMatchObject({
      status: 400,
      error: 'malformed_json',
    });
  });

  test('of another type, or too large, are refused', async () => {
    const form = await post('a=b', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(await refusal(form)).toMatchObject({ status: 415 });
    const latin = await post('{}', { 'content-type': 'application/json; charset=latin1' });
    expect(await refusal(latin)).toMatchObject({ status: 415 });
    const large = await post(JSON.stringify({ name: 'x'.repeat(1_048_576) }));
    expect(await refusal(large)).toMatchObject({ status: 413, error: 'body_too_large' });
    const bomb = gzipSync(JSON.stringify({ name: 'x'.repeat(20_000_000) }));
    expect(await refusal(await post(bomb, { 'content-encoding': 'gzip' }))).toMatchObject({
      status: 413,
    });
    const garbled = await post('not gzip', { 'content-encoding': 'gzip' });
    expect(await refusal(garbled)).toMatchObject({ status: 400 });
  });

  test('with what no database can store are refused with its place', async () => {
    const nul = await refusal(await post('{"name": "a\\u0000b"}'));
    expect(nul).toMatchObject({ status: 422, issues: [{ pointer: '/name' }] });
    expect((await refusal(await post('{"name": "\\ud800"}'))).status).toBe(422);
    expect(
      (await refusal(await post(`{"name": ${'['.repeat(5_000)}${']'.repeat(5_000)}}`))).status,
    ).toBe(422);
    const path = await api.send('GET', '/api/leads/a%00b');
    expect(path.status).toBe(400);
    expect((await api.send('GET', '/api/leads/%ff')).status).toBe(400);
  });
});

describe('addresses', () => {
  test('that are not there, and methods that are not possible', async () => {
    expect((await api.send('GET', '/api/nothing')).body.error).toBe('route_not_found');
    const method = await api.send('DELETE', '/api/leads');
    expect(method).toMatchObject({ status: 405, body: { error: 'method_not_allowed' } });
    expect(method.headers.get('allow')).toBe('POST, GET');
  });

  test('a request keeps its id', async () => {
    const given = await api.send('GET', '/api/health', undefined, {
      headers: { 'x-request-id': 'trace-1' },
    });
    expect(given.headers.get('x-request-id')).toBe('trace-1');
    const forged = await api.send('GET', '/api/health', undefined, {
      headers: { 'x-request-id': '<script>' },
    });
    expect(forged.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('browsers', () => {
  test('of configured origins may read, others may not', async () => {
    const from = (origin: string) => fetch(`${api.url}/api/health`, { headers: { origin } });
    const known = await from('https://app.example');
    expect(known.headers.get('access-control-allow-origin')).toBe('https://app.example');
    const other = await from('https://evil.example');
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('x-content-type-options')).toBe('nosniff');
    expect(other.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(other.headers.get('x-powered-by')).toBeNull();
  });
});

test('the rate limit counts per key, answers its headers, and lets probes through', async () => {
  const ask = () => api.send('GET', '/api/automation/workflow/none/logs');
  const first = await ask();
  expect(first.headers.get('ratelimit-policy')).toMatch(/q=3; w=60/);
  expect(first.headers.get('ratelimit')).toContain('r=2');
  await ask();
  await ask();
  const refused = await ask();
  expect(refused).toMatchObject({ status: 429, body: { error: 'rate_limited' } });
  expect(refused.body.retryAfter).toBeGreaterThan(0);
  expect(refused.headers.get('retry-after')).toBe(String(refused.body.retryAfter));
  expect((await api.send('GET', '/api/automation/health')).status).toBe(200);
  expect((await api.send('GET', '/api/automation/metrics')).status).toBe(200);
  expect((await api.send('GET', '/api/leads')).status).toBe(200);
  const other = await api.addProject('limited');
  const unaffected = await api.send('GET', '/api/automation/workflow/none/logs', undefined, other);
  expect(unaffected.status).toBe(200);
});

test('a database that is away is a 503, and readiness tells it', async () => {
  // Nothing listens on port 9.
  const database = connectDatabase('postgresql://postgres@127.0.0.1:9/none');
  const alone = await startTestApi({ deps: { database } });
  try {
    const refused = await alone.send('GET', '/api/leads');
    expect(refused).toMatchObject({ status: 503, body: { error: 'database_unavailable' } });
    const ready = await alone.send('GET', '/api/automation/health');
    expect(ready).toMatchObject({
      status: 503,
      body: {
        error: 'not_ready',
        checks: { postgresql: { status: 'down' }, temporal: { status: 'up' } },
      },
    });
    expect((await alone.send('GET', '/api/health')).status).toBe(200);
  } finally {
    await database.destroy();
    await alone.stop();
  }
});
