/** The PostgreSQL connector on a real PostgreSQL: what only a real one decides. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../../connectors/connector-suite.ts';
import type { OperationContext } from '../../connectors/contract.ts';
import { createHostGuard } from '../../connectors/outbound-sockets.ts';
import { credentialSchema, type PostgresCredential } from '../../connectors/postgres/credential.ts';
import { createPostgresOperations } from '../../connectors/postgres/execute.ts';
import { executeInputSchema, queryInputSchema } from '../../connectors/postgres/schema.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let store: TestDatabase;
let credential: PostgresCredential;
let operations: ReturnType<typeof createPostgresOperations>;

beforeAll(async () => {
  store = await createTestDatabase();
  const url = new URL(store.url);
  operations = createPostgresOperations({
    guardHost: createHostGuard({ allowHosts: [url.hostname.replace(/^\[|\]$/g, '')] }),
  });
  url.search = '?sslmode=disable';
  credential = credentialSchema.parse({ connectionString: url.href });
});
afterAll(() => store.drop());
beforeEach(async () => {
  await store.database.raw(`
    DROP TABLE IF EXISTS customers, orders, masar_effects;
    CREATE TABLE customers (email text PRIMARY KEY, visits integer NOT NULL DEFAULT 0,
      CONSTRAINT positive CHECK (visits >= 0));
    CREATE TABLE orders (id integer PRIMARY KEY,
      email text REFERENCES customers DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO customers SELECT 'c' || n || '@example.com', n FROM generate_series(1, 3) AS n`);
});

const context = (overrides: Partial<OperationContext<PostgresCredential>> = {}) =>
  testContext({ credential, mode: 'live', traceHeaders: {}, ...overrides });
const query = (sql: string, parameters: unknown[] = [], more: object = {}, overrides = {}) =>
  operations.query.execute(
    queryInputSchema.parse({ sql, parameters, ...more }),
    context(overrides),
  );
const execute = (sql: string, parameters: unknown[] = [], more: object = {}, overrides = {}) =>
  operations.execute.execute(
    executeInputSchema.parse({ sql, parameters, ...more }),
    context(overrides),
  );
const visits = async (): Promise<number> =>
  Number((await store.database('customers').where({ email: 'c1@example.com' }).first())?.visits);
const VISIT = 'UPDATE customers SET visits = visits + 1 WHERE email = $1 RETURNING visits';
const C1 = ['c1@example.com'];

describe('query', () => {
  test('values become JSON by their types, whatever the settings of the user are', async () => {
    const { rows } = await query(`
      SELECT true AS yes, 7::int2 AS small, 9007199254740993 AS big, 12.30::numeric AS money,
        0.5::float8 AS part, 'NaN'::float8 AS nan, 'مرحبا'::text AS word, '\\xdeadbeef'::bytea AS bytes,
        '{"a":[1,null]}'::jsonb AS data, NULL AS nothing, date '2026-01-31' AS day,
        timestamp '2026-01-31 10:00:00.5' AS local,
        timestamptz '2026-01-31 10:00:00.123456+05:30' AS instant, 'infinity'::timestamptz AS never,
        interval '1 day 2 hours' AS span, ARRAY[1,NULL,3] AS numbers,
        ARRAY['a,b','"q"\\',NULL,'NULL','{}'] AS words, ARRAY[[1,2],[3,4]]::int8[] AS grid,
        ARRAY['{"a":1}'::jsonb] AS documents, '{}'::text[] AS none, '[0:1]={5,6}'::int4[] AS based,
        gen_random_uuid() IS NOT NULL AS uuid`);
    expect(rows).toEqual([
      {
        yes: true,
        small: 7,
        big: '9007199254740993',
        money: '12.30',
        part: 0.5,
        nan: 'NaN',
        word: 'مرحبا',
        bytes: '3q2+7w==',
        data: { a: [1, null] },
        nothing: null,
        day: '2026-01-31',
        local: '2026-01-31T10:00:00.5',
        instant: '2026-01-31T04:30:00.123Z',
        never: 'infinity',
        span: 'P1DT2H',
        numbers: [1, null, 3],
        words: ['a,b', '"q"\\', null, 'NULL', '{}'],
        grid: [
          ['1', '2'],
          ['3', '4'],
        ],
        documents: [{ a: 1 }],
        none: [],
        based: [5, 6],
        uuid: true,
      },
    ]);
  });

  test('parameters are bound, never pasted in', async () => {
    const evil = "'; DROP TABLE customers; --";
    const { rows } = await query(
      'SELECT $1::text AS text, $2::int AS number, $3::bool AS yes, $4::text[] AS list, $5::jsonb AS data',
      [evil, 5, true, ['a', evil], { a: evil }],
    );
    expect(rows).toEqual([
      { text: evil, number: 5, yes: true, list: ['a', evil], data: { a: evil } },
    ]);
    expect((await query('SELECT 1 FROM customers')).rowCount).toBe(3);
  });

  test('ends at the limit of rows', async () => {
    const endless = 'SELECT generate_series(1, 1000000000) AS n';
    const { rowCount, truncated } = await query(endless, [], { maxRows: 10 });
    expect({ rowCount, truncated }).toEqual({ rowCount: 10, truncated: true });
    expect(await query('SELECT 1 FROM customers', [], { maxRows: 3 })).toMatchObject({
      rowCount: 3,
      truncated: false,
    });
  });

  test.each([
    ["INSERT INTO customers VALUES ('x')", '25006'],
    ["WITH added AS (INSERT INTO customers VALUES ('x') RETURNING 1) SELECT * FROM added", '25006'],
    ['DROP TABLE customers', '25006'],
    ['SELECT 1; DELETE FROM customers', '42601'],
    ['SELECT nextval(pg_catalog.pg_get_serial_sequence($1, $2))', '25006'],
  ])('changes nothing: %s', async (sql, providerCode) => {
    await store.database.raw('ALTER TABLE customers ADD id bigserial');
    const parameters = sql.includes('$1') ? ['customers', 'id'] : [];
    expect(await failureOf(query(sql, parameters))).toMatchObject({
      code: 'rejected',
      providerCode,
      effect: 'none',
      permanent: true,
    });
    expect(Number((await store.database('customers').count().first())?.count)).toBe(3);
  });

  test('the time of the attempt is the limit of the statement', async () => {
    const error = await failureOf(query('SELECT pg_sleep(30)', [], {}, { timeoutMs: 1_500 }));
    expect(error).toMatchObject({
      code: 'timeout',
      providerCode: '57014',
      effect: 'none',
      permanent: false,
    });
  });

  test('an answer too large for the memory is refused', async () => {
    const large = "SELECT repeat('x', 1000000) FROM generate_series(1, 9000)";
    expect(await failureOf(query(large, [], { maxRows: 9_000 }))).toMatchObject({
      code: 'too_large',
      effect: 'none',
      permanent: true,
    });
  });

  test('a refusal says where, and not what was sent', async () => {
    const error = await failureOf(
      query('SELECT\n  $1::int,\n  nowhere FROM customers', ['leila@example.com']),
    );
    expect(error.message).toContain('at line 3 (42703)');
    const cast = await failureOf(query('SELECT $1::text::int', ['leila@example.com']));
    expect(cast).toMatchObject({ code: 'rejected', providerCode: '22P02' });
    expect(cast.message).not.toContain('leila');
  });

  test('a database that is not there is told as such', async () => {
    const url = new URL('connectionString' in credential ? credential.connectionString : '');
    url.pathname = '/nowhere';
    const elsewhere = credentialSchema.parse({ connectionString: url.href });
    const error = await failureOf(query('SELECT 1', [], {}, { credential: elsewhere }));
    expect(error).toMatchObject({ code: 'not_found', providerCode: '3D000', effect: 'none' });
  });
});

test('the credential is tried by logging in', async () => {
  const { signal, timeoutMs } = context();
  const { check } = operations;
  expect(await check.run(credential, { signal, timeoutMs })).toEqual({
    account: expect.stringMatching(/^\w+ in test_[0-9a-f]+$/),
  });
  const text = 'connectionString' in credential ? credential.connectionString : '';
  const encrypted = credentialSchema.parse({
    connectionString: text.replace('disable', 'require'),
  });
  expect(await failureOf(check.run(encrypted, { signal, timeoutMs }))).toMatchObject({
    code: 'invalid_config',
    effect: 'none',
    permanent: true,
  });
});

describe('execute', () => {
  test('commits, and says what RETURNING gave', async () => {
    expect(await execute(VISIT, C1)).toEqual({
      rowCount: 1,
      rows: [{ visits: 2 }],
      truncated: false,
    });
    expect(await visits()).toBe(2);
    const all = 'UPDATE customers SET visits = 0 RETURNING email';
    expect(await execute(all, [], { maxRows: 2 })).toMatchObject({ rowCount: 3, truncated: true });
    expect(await visits()).toBe(0);
  });

  test('with a table of effects: once, however often and however many at a time', async () => {
    const once = { effectsTable: 'masar_effects' };
    const outputs = await Promise.all(
      Array.from({ length: 8 }, () => execute(VISIT, C1, once, { key: 'once' })),
    );
    expect(new Set(outputs.map((output) => JSON.stringify(output)))).toEqual(
      new Set([JSON.stringify({ rowCount: 1, rows: [{ visits: 2 }], truncated: false })]),
    );
    await execute(VISIT, C1, once, { key: 'once' });
    expect(await visits()).toBe(2);
    await execute(VISIT, C1, once, { key: 'another' });
    expect(await visits()).toBe(3);
  });

  test('a statement that failed is not remembered as done', async () => {
    const once = { effectsTable: 'masar_effects' };
    const broken = 'UPDATE customers SET visits = -1 WHERE email = $1';
    const error = await failureOf(execute(broken, C1, once, { key: 'k' }));
    expect(error).toMatchObject({ code: 'rejected', providerCode: '23514', effect: 'none' });
    expect(error.message).toContain('positive');
    await execute(VISIT, C1, once, { key: 'k' });
    expect(await visits()).toBe(2);
  });

  test('an attempt that is cut off before it commits has no effect', async () => {
    const slow = 'WITH slow AS (SELECT pg_sleep(30)) UPDATE customers SET visits = 9 FROM slow';
    const controller = new AbortController();
    const attempt = failureOf(execute(slow, [], {}, { signal: controller.signal }));
    await store.database.raw(`
      DO $$ BEGIN
        FOR i IN 1..500 LOOP
          PERFORM pg_stat_clear_snapshot();
          EXIT WHEN EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'masar' AND query LIKE 'WITH slow%');
          PERFORM pg_sleep(0.02);
        END LOOP;
      END $$`);
    controller.abort(new Error('cancelled'));
    expect(await attempt).toMatchObject({ code: 'cancelled', effect: 'none' });
    await store.database.raw(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'masar' AND datname = current_database()",
    );
    expect(await visits()).toBe(1);
  });

  test('what the server refuses at COMMIT has no effect', async () => {
    const orphan = "INSERT INTO orders VALUES (1, 'nobody@example.com')";
    expect(await failureOf(execute(orphan))).toMatchObject({
      code: 'rejected',
      providerCode: '23503',
      effect: 'none',
      permanent: true,
    });
    expect(await store.database('orders')).toEqual([]);
  });

  test.each(['COMMIT', 'ROLLBACK', '/* x */ COMMIT', 'BEGIN'])('%s is refused', async (sql) => {
    expect(await failureOf(execute(sql))).toMatchObject({
      code: 'rejected',
      effect: 'none',
      permanent: true,
    });
  });

  test('what cannot run in a transaction is refused', async () => {
    expect(await failureOf(execute('VACUUM customers'))).toMatchObject({
      code: 'rejected',
      providerCode: '25001',
      effect: 'none',
    });
  });

  test('what a statement leaves in its session reaches no other', async () => {
    await execute("SELECT set_config('search_path', 'nowhere', false), pg_advisory_lock(7)");
    await execute('SET search_path = nowhere');
    expect((await query('SELECT email FROM customers')).rowCount).toBe(3);
    const { rows } = await query('SELECT pg_try_advisory_lock(7) AS free');
    expect(rows).toEqual([{ free: true }]);
  });
});
