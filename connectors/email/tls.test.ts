import type { LookupFunction } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import PostalMime from 'postal-mime';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { ExecutionMode, SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createHostGuard, type GuardHost } from '../outbound-sockets.ts';
import {
  createTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from '../test-authority.ts';
import { type EmailEmulator, type EmulatorTls, startEmailEmulator } from './emulator.ts';
import { createEmailOperations, type EmailOperations } from './execute.ts';
import { emailManifest } from './manifest.ts';
import type { SendInput, SmtpCredential } from './schema.ts';

const mail: SendInput = { to: 'layla@customer.test', subject: 'مرحباً', body: 'أهلاً' };
const fetchBytes = () => Promise.reject(new Error('no attachment is fetched here'));

/** A resolver for which every name is this machine. */
const everyNameIsHere: LookupFunction = (_name, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const authority = createTestAuthority();
const certificate = authority.issue(['127.0.0.1', 'mail.masar.test']);

for (const mode of ['implicit', 'starttls'] as const) {
  describeConnector({
    name: `email over TLS (${mode})`,
    manifest: emailManifest,
    startEmulator: (deps) => startEmailEmulator(deps, { mode, ...certificate }),
    operation: () => {
      const { send, close } = createEmailOperations({
        fetchBytes,
        guardHost: createHostGuard({ allowHosts: [] }),
        sentCopySettleMs: 0,
      });
      return { operation: send, close };
    },
    input: mail,
    credential: ({ imap, ...smtp }) => ({
      ...smtp,
      caCertificate: authority.certificate,
      ...(imap === undefined ? {} : { imap: { ...imap, caCertificate: authority.certificate } }),
    }),
    expect: {
      rateLimited: { retryAfterMs: undefined },
      serverError: { effect: 'none' },
      // After STARTTLS the garbage lands below TLS and breaks the connection.
      garbage: {
        code: mode === 'implicit' ? 'invalid_response' : 'unavailable',
        effect: 'possible',
      },
    },
    personalData: ['layla', 'customer.test', 'أهلاً'],
  });
}

describe('email over TLS', () => {
  let others: TestAuthority;
  const cleanUps: (() => Promise<void>)[] = [];

  beforeAll(() => {
    others = createTestAuthority('Somebody else');
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function setUp(
    tls: EmulatorTls | undefined,
    guardHost: GuardHost = createHostGuard({ allowHosts: [] }),
  ): Promise<{ emulator: EmailEmulator; store: SandboxStore; operations: EmailOperations }> {
    const store = createMemorySandboxStore();
    const emulator = await startEmailEmulator({ store, host: '127.0.0.1', port: 0 }, tls);
    const operations = createEmailOperations({ fetchBytes, guardHost, sentCopySettleMs: 0 });
    cleanUps.push(emulator.close, operations.close);
    return { emulator, store, operations };
  }
  const send = (
    { send: operation }: EmailOperations,
    credential: SmtpCredential,
    mode: ExecutionMode = 'sandbox',
  ) => operation.execute(mail, testContext({ credential, mode }));
  const trusting = (credential: SmtpCredential): SmtpCredential => ({
    ...credential,
    caCertificate: authority.certificate,
  });

  test.each(['implicit', 'starttls'] as const)('%s: the mail arrives whole', async (mode) => {
    const { emulator, store, operations } = await setUp({ mode, ...certificate });
    await send(operations, trusting(emulator.credential));
    const [received] = await store.list({});
    const parsed = await PostalMime.parse(Buffer.from(String(received?.message.raw), 'base64'));
    expect(parsed.subject).toBe('مرحباً');
    expect(parsed.text?.trim()).toBe('أهلاً');
    expect(received?.message.encrypted).toBe(true);
  });

  test('a server without STARTTLS gets no password where encryption is required', async () => {
    const { emulator, store, operations } = await setUp(undefined);
    const error = await failureOf(send(operations, { ...emulator.credential, requireTls: true }));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: true });
    expect(error.message).toMatch(/encrypt/);
    expect(await store.list({})).toHaveLength(0);
  });

  const wrong: readonly [string, () => TestCertificate, string][] = [
    ['an unknown authority', () => others.issue(['127.0.0.1']), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [
      'another host name',
      () => authority.issue(['mail.elsewhere.test']),
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    [
      'a day long past',
      () => authority.issue(['127.0.0.1'], { expired: true }),
      'CERT_HAS_EXPIRED',
    ],
  ];
  describe.each(['implicit', 'starttls'] as const)('%s', (mode) => {
    test.each(wrong)('a certificate of %s is refused for good', async (_title, issue, code) => {
      const { emulator, store, operations } = await setUp({ mode, ...issue() });
      const error = await failureOf(send(operations, trusting(emulator.credential)));
      expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: true });
      expect(error.message).toContain(code);
      expect(await store.list({})).toHaveLength(0);
    });

    test('a wrong password is refused after the handshake', async () => {
      const { emulator, operations } = await setUp({ mode, ...certificate });
      const error = await failureOf(
        send(operations, { ...trusting(emulator.credential), password: 'wrong-password' }),
      );
      expect(error).toMatchObject({ code: 'credential_rejected', status: 535, permanent: true });
      expect(error.message).not.toContain('wrong-password');
    });
  });

  test('the certificate must name the host that was asked for, not its address', async () => {
    const onlyName = authority.issue(['mail.masar.test']);
    const { emulator, store, operations } = await setUp(
      { mode: 'starttls', ...onlyName },
      createHostGuard({ allowHosts: ['mail.masar.test'], lookup: everyNameIsHere }),
    );
    const credential = { ...trusting(emulator.credential), host: 'mail.masar.test' };
    await send(operations, credential, 'live');
    expect(await store.list({})).toHaveLength(1);
    expect(await failureOf(send(operations, { ...credential, host: '127.0.0.1' }))).toMatchObject({
      code: 'unavailable',
      permanent: true,
    });
  });
});

describe('email and private networks', () => {
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function setUp(allowHosts: (port: number) => readonly string[]) {
    const store = createMemorySandboxStore();
    const emulator = await startEmailEmulator({ store, host: '127.0.0.1', port: 0 });
    const operations = createEmailOperations({
      fetchBytes,
      guardHost: createHostGuard({
        allowHosts: allowHosts(emulator.credential.port),
        lookup: everyNameIsHere,
      }),
      sentCopySettleMs: 0,
    });
    cleanUps.push(emulator.close, operations.close);
    const attempt = (host: string, mode: ExecutionMode) =>
      operations.send.execute(
        mail,
        testContext({ credential: { ...emulator.credential, host }, mode }),
      );
    return { store, emulator, operations, attempt };
  }

  test.each([
    ['an address', '127.0.0.1'],
    ['a name that leads there', 'mail.attacker.test'],
    ['an IPv6 address', '::1'],
  ])('a stored credential cannot point into one by %s', async (_title, host) => {
    const { store, attempt } = await setUp(() => []);
    const error = await failureOf(attempt(host, 'live'));
    expect(error).toMatchObject({ code: 'blocked_destination', effect: 'none', permanent: true });
    expect(error.message).toContain('MASAR_ALLOW_HOSTS');
    expect(await store.list({})).toHaveLength(0);
  });

  test('a connection that sandbox mode opened is not used by live mode', async () => {
    const { store, attempt } = await setUp(() => []);
    await attempt('127.0.0.1', 'sandbox');
    expect(await failureOf(attempt('127.0.0.1', 'live'))).toMatchObject({
      code: 'blocked_destination',
    });
    expect(await store.list({})).toHaveLength(1);
  });

  test.each(['127.0.0.1', 'mail.inner.test'])('the operator can allow %s', async (host) => {
    const { store, attempt } = await setUp((port) => [`${host}:${port}`]);
    await attempt(host, 'live');
    expect(await store.list({})).toHaveLength(1);
  });

  test.each(['127.0.0.1', 'imap.attacker.test'])('the look-up keeps out too: %s', async (host) => {
    const { emulator, operations } = await setUp(() => []);
    const { imap } = emulator.credential;
    if (imap === undefined) throw new Error('the emulator speaks IMAP');
    const credential = { ...emulator.credential, imap: { ...imap, host } };
    const error = await failureOf(
      Promise.resolve(operations.send.lookup?.(mail, testContext({ credential, mode: 'live' }))),
    );
    expect(error).toMatchObject({ code: 'blocked_destination', effect: 'possible' });
  });

  test('an IMAP certificate of an unknown authority is refused', async () => {
    const emulator = await startEmailEmulator(
      { store: createMemorySandboxStore(), host: '127.0.0.1', port: 0 },
      { mode: 'implicit', ...certificate },
    );
    cleanUps.push(emulator.close);
    const { operations } = await setUp(() => []);
    const error = await failureOf(
      Promise.resolve(
        operations.send.lookup?.(mail, testContext({ credential: emulator.credential })),
      ),
    );
    expect(error).toMatchObject({ code: 'unavailable', effect: 'possible', permanent: true });
    expect(error.message).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('IMAP without encryption gets no password beyond this machine', async () => {
    const { emulator, operations } = await setUp((port) => ['imap.inner.test', `x:${port}`]);
    const { imap } = emulator.credential;
    if (imap === undefined) throw new Error('the emulator speaks IMAP');
    const credential = { ...emulator.credential, imap: { ...imap, host: 'imap.inner.test' } };
    const error = await failureOf(
      Promise.resolve(operations.send.lookup?.(mail, testContext({ credential, mode: 'live' }))),
    );
    expect(error).toMatchObject({ code: 'unavailable', effect: 'possible', permanent: true });
    expect(error.message).toMatch(/encrypt/);
  });
});
