import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failureOf } from './connector-suite.ts';
import type { CheckedCredential } from './contract.ts';
import { startEmailEmulator } from './email/emulator.ts';
import { startGoogleEmulator } from './google-sheets/emulator.ts';
import { createMemorySandboxStore } from './memory-sandbox-store.ts';
import { createOperations, type Operations } from './operations.ts';
import { createOutbound, type Outbound } from './outbound.ts';
import { startRecordingServer } from './recording-server.ts';
import { startWhatsappEmulator } from './whatsapp/emulator.ts';

describe('whether a credential works', () => {
  const store = createMemorySandboxStore();
  const at = { store, host: '127.0.0.1', port: 0 };
  const cleanUps: (() => Promise<void>)[] = [];
  let outbound: Outbound;
  let operations: Operations;

  function open(allowHosts: readonly string[]): void {
    outbound = createOutbound({ allowHosts });
    operations = createOperations({
      outbound,
      runCode: { run: () => Promise.reject(new Error('no code is run here')) },
    });
    cleanUps.push(outbound.close, operations.close);
  }
  beforeEach(() => open(['127.0.0.1']));
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    expect(await store.list({})).toEqual([]);
  });

  const check = async (
    type: string,
    credential: unknown,
    timeoutMs = 5_000,
  ): Promise<CheckedCredential> => {
    const found = operations.checks.get(type);
    if (found === undefined) throw new Error(`there is no check for ${type}`);
    return found.run(credential, { timeoutMs, signal: AbortSignal.timeout(timeoutMs) });
  };
  /** A server that answers every request with this. */
  const answering = async (status: number, body: unknown): Promise<string> => {
    const server = await startRecordingServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    cleanUps.push(server.close);
    return server.url;
  };

  describe('smtp', () => {
    const start = async () => {
      const emulator = await startEmailEmulator(at);
      cleanUps.push(emulator.close);
      return emulator;
    };

    test('logs in to SMTP and IMAP', async () => {
      const { credential } = await start();
      expect(await check('smtp', credential)).toEqual({ account: credential.user });
    });

    test.each([
      ['a wrong password', { password: 'wrong-password' }, 'credential_rejected'],
      ['a port where nobody listens', { port: 1 }, 'unavailable'],
      ['a name that does not exist', { host: 'mail.invalid' }, 'unavailable'],
      ['encryption that the server does not have', { requireTls: true }, 'unavailable'],
    ])('%s', async (_title, wrong, code) => {
      const { credential } = await start();
      const error = await failureOf(check('smtp', { ...credential, ...wrong }));
      expect(error.code).toBe(code);
      expect(error.message).not.toContain('wrong-password');
    });

    test('an IMAP password that is wrong is told apart', async () => {
      const { credential } = await start();
      const imap = { ...credential.imap, password: 'wrong-password' };
      const error = await failureOf(check('smtp', { ...credential, imap }));
      expect(error.code).toBe('credential_rejected');
      expect(error.message).toContain('IMAP');
    });

    test('a server that never speaks', async () => {
      const { port } = new URL(await answering(200, {}));
      const credential = { host: '127.0.0.1', port: Number(port), user: 'u', password: 'p' };
      const error = await failureOf(check('smtp', credential, 300));
      expect(error.code).toBe('timeout');
    });

    test('a private network stays closed', async () => {
      const { credential } = await start();
      open([]);
      expect((await failureOf(check('smtp', credential))).code).toBe('blocked_destination');
    });
  });

  describe('whatsapp', () => {
    const start = async () => {
      const emulator = await startWhatsappEmulator(at);
      cleanUps.push(emulator.close);
      return emulator;
    };

    test('reads the number', async () => {
      const { credential } = await start();
      expect(await check('whatsapp', credential)).toEqual({ account: 'Masar sandbox' });
    });

    test.each([
      ['a wrong token', { accessToken: 'EAAwrong' }, 'credential_rejected'],
      ['a number that is not there', { phoneNumberId: '42' }, 'rejected'],
    ])('%s', async (_title, wrong, code) => {
      const { credential } = await start();
      const error = await failureOf(check('whatsapp', { ...credential, ...wrong }));
      expect(error.code).toBe(code);
      expect(error.message).not.toContain('EAAwrong');
    });
  });

  describe('google', () => {
    test('gets an access token; a wrong key gets none', async () => {
      const emulator = await startGoogleEmulator(at);
      cleanUps.push(emulator.close);
      const { credential } = emulator;
      if (credential.type !== 'service_account') throw new Error('it is a service account');
      expect(await check('google', credential)).toEqual({ account: credential.clientEmail });
      const broken = { ...credential, privateKey: 'no key at all' };
      const error = await failureOf(check('google', broken));
      expect(error).toMatchObject({ code: 'credential_rejected', effect: 'none' });
    });
  });

  describe('telegram', () => {
    const botToken = '123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

    test.each([
      [200, { ok: true, result: { id: 1, username: 'masar_bot', first_name: 'M' } }, '@masar_bot'],
      [200, { ok: true, result: { id: 1, first_name: 'Masar' } }, 'Masar'],
    ])('tells who the bot is (%#)', async (status, body, account) => {
      const baseUrl = await answering(status, body);
      expect(await check('telegram', { botToken, baseUrl })).toEqual({ account });
    });

    test.each([
      [401, 'credential_rejected'],
      [404, 'credential_rejected'],
      [502, 'unavailable'],
    ])('HTTP %i', async (status, code) => {
      const baseUrl = await answering(status, { ok: false, error_code: status });
      const error = await failureOf(check('telegram', { botToken, baseUrl }));
      expect(error.code).toBe(code);
      expect(error.message).not.toContain(botToken);
    });
  });

  describe('openai', () => {
    test('lists the models', async () => {
      const baseUrl = await answering(200, { object: 'list', data: [{ id: 'gpt-5' }] });
      expect(await check('openai', { apiKey: 'sk-secret', baseUrl })).toEqual({});
    });

    test('a key that may not list them can only be tried', async () => {
      const baseUrl = await answering(403, { error: { message: 'Missing scopes' } });
      expect(await check('openai', { apiKey: 'sk-secret', baseUrl })).toEqual({
        untestable: expect.stringContaining('may not list'),
      });
    });

    test.each([
      [401, 'credential_rejected'],
      [500, 'unavailable'],
    ])('HTTP %i', async (status, code) => {
      const baseUrl = await answering(status, { error: { message: 'x' } });
      const error = await failureOf(check('openai', { apiKey: 'sk-secret', baseUrl }));
      expect(error.code).toBe(code);
      expect(error.message).not.toContain('sk-secret');
    });
  });

  describe('slack', () => {
    const botToken = 'xoxb-1-secret';

    test('tells who the bot is', async () => {
      const baseUrl = await answering(200, { ok: true, team: 'Masar', user: 'bot' });
      expect(await check('slack', { botToken, baseUrl })).toEqual({ account: 'bot at Masar' });
    });

    test.each([
      ['invalid_auth', 'credential_rejected'],
      ['token_revoked', 'credential_rejected'],
      ['internal_error', 'unavailable'],
    ])('%s', async (answer, code) => {
      const baseUrl = await answering(200, { ok: false, error: answer });
      const error = await failureOf(check('slack', { botToken, baseUrl }));
      expect(error.code).toBe(code);
      expect(error.message).toContain(answer);
      expect(error.message).not.toContain(botToken);
    });

    test('a webhook can only be tried by writing', async () => {
      expect(await check('slack', { webhookUrl: 'https://hooks.slack.com/services/x' })).toEqual({
        untestable: expect.stringContaining('webhook'),
      });
    });
  });
});
