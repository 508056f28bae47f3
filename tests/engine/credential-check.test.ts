/** POST /api/credentials/{credentialId}/test: a worker logs in, the API waits for what it says. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestEmulators, type TestEmulators } from '../support/emulators.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let emulators: TestEmulators;

beforeAll(async () => {
  stack = await startStack({ emulators: false, worker: false });
  emulators = await startTestEmulators(stack.database);
  await stack.startWorker({ MASAR_ALLOW_HOSTS: '127.0.0.1' });
}, 60_000);

afterAll(async () => {
  await emulators.close();
  await stack.stop();
}, 60_000);

async function store(name: string, type: string, data: unknown): Promise<string> {
  const { status, body } = await stack.call('POST', '/api/credentials', { name, type, data });
  expect(status).toBe(201);
  return body.credentialId;
}
const tried = (id: string) => stack.call('POST', `/api/credentials/${id}/test`);

describe('a stored credential is tried', () => {
  test('one that works, until its password is changed, and again when it is mended', async () => {
    const { credential } = emulators.email;
    const id = await store('mail', 'smtp', credential);
    expect(await tried(id)).toMatchObject({ status: 200, body: { ok: true } });
    const wrong = { ...credential, password: 'wrong-password' };
    await stack.call('PATCH', `/api/credentials/${id}`, { data: wrong });
    const refused = await tried(id);
    expect(refused).toMatchObject({
      status: 200,
      body: { ok: false, error: { code: 'credential_rejected' } },
    });
    expect(JSON.stringify(refused.body)).not.toContain('wrong-password');
    await stack.call('PATCH', `/api/credentials/${id}`, { data: credential });
    expect((await tried(id)).body.ok).toBe(true);
  }, 30_000);

  test('one that tells its account', async () => {
    const id = await store('wa', 'whatsapp', emulators.whatsapp.credential);
    expect((await tried(id)).body).toEqual({ ok: true, account: 'Masar sandbox' });
  });

  test('one of a kind that only a real request can try', async () => {
    const id = await store('login', 'http', { bearerToken: 'secret-token' });
    expect((await tried(id)).body).toEqual({
      ok: false,
      error: { code: 'not_testable', message: expect.stringMatching(/http/i) },
    });
  });

  test('one that does not exist', async () => {
    expect((await tried('00000000-0000-4000-8000-000000000000')).status).toBe(404);
  });
});
