/** Encrypted connections: a front that answers as a server with TLS does, before the emulator. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import type { Emulator } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createHostGuard } from '../outbound-sockets.ts';
import { createTestAuthority, type TestCertificate } from '../test-authority.ts';
import { addressOf, credentialSchema, type PostgresCredential } from './credential.ts';
import { startPostgresEmulator } from './emulator.ts';
import { createPostgresOperations } from './execute.ts';
import { queryInputSchema } from './schema.ts';

const authority = createTestAuthority();
const fronts: Server[] = [];
const sockets = new Set<Socket>();
let emulator: Emulator<PostgresCredential>;
let behind: ReturnType<typeof addressOf>;

/** https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL */
async function startFront({ cert, key }: TestCertificate): Promise<number> {
  const server = createServer((raw) => {
    sockets.add(raw);
    raw.on('error', () => raw.destroy());
    raw.once('data', () => {
      raw.write('S');
      const secure = new TLSSocket(raw, { isServer: true, cert, key });
      const inner = connect(behind.port, behind.host);
      sockets.add(inner);
      for (const socket of [secure, inner]) {
        socket.on('error', () => {
          secure.destroy();
          inner.destroy();
        });
      }
      secure.pipe(inner).pipe(secure);
    });
  });
  fronts.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

let trusted: number;
let misnamed: number;
let expired: number;
beforeAll(async () => {
  emulator = await startPostgresEmulator({
    store: createMemorySandboxStore(),
    host: '127.0.0.1',
    port: 0,
  });
  behind = addressOf(emulator.credential);
  trusted = await startFront(authority.issue(['127.0.0.1']));
  misnamed = await startFront(authority.issue(['db.example.com']));
  expired = await startFront(authority.issue(['127.0.0.1'], { expired: true }));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const front of fronts) front.close();
  await emulator.close();
});

const { query } = createPostgresOperations({ guardHost: createHostGuard({ allowHosts: [] }) });
const attempt = (port: number, more: object) =>
  query.execute(
    queryInputSchema.parse({ sql: 'SELECT 1' }),
    testContext({ credential: credentialSchema.parse({ ...emulator.credential, port, ...more }) }),
  );

describe('postgres over TLS', () => {
  test('a certificate of the given authority is trusted', async () => {
    const { certificate: ca } = authority;
    expect(await attempt(trusted, { ssl: 'verify', ca })).toMatchObject({ rowCount: 0 });
  });

  test.each([
    ['of an unknown authority', () => trusted, false],
    ['for another name', () => misnamed, true],
    ['that has expired', () => expired, true],
  ])('a certificate %s is refused before the password is sent', async (_title, port, isKnown) => {
    const ca = isKnown ? { ca: authority.certificate } : {};
    const error = await failureOf(attempt(port(), { ssl: 'verify', ...ca }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).toContain('certificate');
  });

  test('with "require" it is encrypted without the check', async () => {
    expect(await attempt(misnamed, { ssl: 'require' })).toMatchObject({ rowCount: 0 });
  });
});
