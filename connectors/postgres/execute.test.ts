import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  describeConnector,
  type ExpectedFailure,
  failureOf,
  testContext,
} from '../connector-suite.ts';
import type { Emulator, Operation, OperationContext } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createHostGuard } from '../outbound-sockets.ts';
import { addressOf, credentialSchema, type PostgresCredential } from './credential.ts';
import { startPostgresEmulator } from './emulator.ts';
import { createPostgresOperations, type PostgresOperations } from './execute.ts';
import { createLimiter } from './limiter.ts';
import { postgresManifest } from './manifest.ts';
import { executeInputSchema, queryInputSchema } from './schema.ts';

const guardHost = createHostGuard({ allowHosts: [] });
const PERSON = 'leila@example.com';
const queryOf = (more: object = {}) =>
  queryInputSchema.parse({
    sql: 'SELECT name FROM customers WHERE email = $1',
    parameters: [PERSON],
    ...more,
  });
const executeOf = (more: object = {}) =>
  executeInputSchema.parse({
    sql: 'UPDATE customers SET tier = $2 WHERE email = $1',
    parameters: [PERSON, 'ذهبي'],
    ...more,
  });

function describeOperation<Input, Output>(
  name: string,
  operationName: 'query' | 'execute',
  pick: (operations: PostgresOperations) => Operation<Input, Output, PostgresCredential>,
  input: Input,
  idempotency: 'read' | 'blind' | 'native-key',
  expected: Record<string, ExpectedFailure> = {},
): void {
  describeConnector<Input, Output, PostgresCredential>({
    name,
    manifest: postgresManifest,
    operationName,
    startEmulator: startPostgresEmulator,
    operation: () => ({ operation: pick(createPostgresOperations({ guardHost })) }),
    input,
    idempotency,
    // PostgreSQL says "too many connections", but not until when.
    expect: { rateLimited: { retryAfterMs: undefined }, ...expected },
    personalData: [PERSON, 'ذهبي'],
  });
}

describeOperation('postgres query', 'query', ({ query }) => query, queryOf(), 'read');
for (const effectsTable of ['masar_effects', undefined]) {
  describeOperation(
    `postgres execute ${effectsTable === undefined ? 'without' : 'with'} a table of effects`,
    'execute',
    ({ execute }) => execute,
    executeOf({ effectsTable }),
    effectsTable === undefined ? 'blind' : 'native-key',
    // What has not been committed is rolled back.
    { hang: { effect: 'none' } },
  );
}

describe('postgres', () => {
  const store = createMemorySandboxStore();
  let emulator: Emulator<PostgresCredential>;
  const operations = createPostgresOperations({ guardHost });
  beforeEach(async () => {
    emulator = await startPostgresEmulator({ store, host: '127.0.0.1', port: 0 });
  });
  afterEach(() => emulator.close());
  const context = (overrides: Partial<OperationContext<PostgresCredential>> = {}) =>
    testContext({ credential: emulator.credential, ...overrides });

  test('a statement is noted with its parameters and the node that it came from', async () => {
    const parameters = [PERSON, 5, true, null, ['a', 'ب'], { a: [1] }];
    const output = await operations.query.execute(queryOf({ parameters }), context());
    expect(output).toEqual({ rows: [], rowCount: 0, truncated: false });
    expect((await store.list({}))[0]).toMatchObject({
      connector: 'postgres',
      operation: 'query',
      executionId: 'execution-1',
      nodeId: 'node-1',
      message: {
        sql: 'SELECT name FROM customers WHERE email = $1',
        parameters: [PERSON, '5', 'true', null, '{"a","ب"}', '{"a":[1]}'],
      },
    });
  });

  test('a statement that changes data is not for "query"', async () => {
    const input = queryOf({ sql: 'DELETE FROM customers', parameters: [] });
    expect(await failureOf(operations.query.execute(input, context()))).toMatchObject({
      code: 'rejected',
      providerCode: '25006',
      effect: 'none',
      permanent: true,
      message: expect.stringContaining('"execute"'),
    });
  });

  test('with a table of effects, attempts in doubt and overlapping ones act once', async () => {
    const input = executeOf({ effectsTable: 'masar_effects' });
    const accepted = async () =>
      (await store.list({})).filter(({ lookupKey }) => lookupKey?.endsWith('/once')).length;
    const same = () => context({ key: 'once' });
    emulator.inject({ kind: 'dropAfterAccept' });
    const doubt = await failureOf(operations.execute.execute(input, same()));
    expect(doubt).toMatchObject({ code: 'unavailable', effect: 'possible', permanent: false });
    const outputs = await Promise.all(
      [1, 2, 3].map(() => operations.execute.execute(input, same())),
    );
    expect(outputs).toEqual(Array(3).fill({ rowCount: 1, rows: [], truncated: false }));
    expect(await accepted()).toBe(1);
  });

  test('a wrong password and a server that does not encrypt are named', async () => {
    const { credential } = emulator;
    const attempt = (changes: object) =>
      failureOf(
        operations.query.execute(
          queryOf(),
          context({ credential: credentialSchema.parse({ ...credential, ...changes }) }),
        ),
      );
    expect(await attempt({ password: 'wrong' })).toMatchObject({
      code: 'credential_rejected',
      permanent: true,
    });
    expect(await attempt({ ssl: 'verify' })).toMatchObject({
      code: 'invalid_config',
      permanent: true,
      effect: 'none',
    });
    expect(await attempt({ database: 'other' })).toMatchObject({ code: 'not_found' });
  });

  test('in live mode no private address is contacted', async () => {
    const live = context({ mode: 'live' });
    expect(await failureOf(operations.query.execute(queryOf(), live))).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
      permanent: true,
      message: expect.stringContaining('MASAR_ALLOW_HOSTS'),
    });
  });

  test('a connection string is read, and nothing but sslmode in it', () => {
    const read = (connectionString: string) =>
      addressOf(credentialSchema.parse({ connectionString }));
    expect(read('postgresql://me:p%40ss%2Fword@db.example.com/crm?sslmode=require')).toEqual({
      host: 'db.example.com',
      port: 5432,
      database: 'crm',
      user: 'me',
      password: 'p@ss/word',
      ssl: 'require',
      ca: undefined,
    });
    expect(read('postgres://me:x@[2001:db8::1]:6000/crm')).toMatchObject({
      host: '2001:db8::1',
      port: 6000,
      ssl: 'verify',
    });
    for (const refused of [
      'postgresql://me:x@db.example.com/crm?sslrootcert=/etc/passwd',
      'postgresql://me:x@db.example.com/crm?host=/var/run/postgresql',
      'postgresql://me:x@db.example.com/crm?sslmode=maybe',
      'postgresql://db.example.com/crm',
      'postgresql://me:x@db.example.com/',
      'mysql://me:x@db.example.com/crm',
      'nonsense',
    ]) {
      expect(() => read(refused)).toThrow();
    }
    expect(credentialSchema.safeParse({ ...emulator.credential, host: '/var/run' }).success).toBe(
      false,
    );
  });

  test.each(['Masar', 'a.b.c', 'x"; DROP TABLE y; --', "x'", '1x'])(
    'the table of effects cannot be called %s',
    (effectsTable) => {
      expect(() => executeOf({ effectsTable })).toThrow();
    },
  );
});

describe('limiter', () => {
  test('so many at a time, the others in order, and whoever gives up leaves its place', async () => {
    const limiter = createLimiter(2);
    const never = new AbortController().signal;
    const order: string[] = [];
    const gates = new Map<string, () => void>();
    const work = (name: string, signal = never) =>
      limiter.run('db', signal, async () => {
        order.push(name);
        await new Promise<void>((resolve) => gates.set(name, resolve));
      });
    const controller = new AbortController();
    const all = [work('a'), work('b'), work('c', controller.signal), work('d')];
    const settled = Promise.allSettled(all);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a', 'b']);
    controller.abort(new Error('given up'));
    gates.get('a')?.();
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a', 'b', 'd']);
    for (const open of gates.values()) open();
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});
