import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { OperationContext } from '../contract.ts';
import type { GoogleCredential } from '../google/credential.ts';
import type { GoogleEmulator } from '../google/emulator-google.ts';
import { googleError } from '../google/emulator-replies.ts';
import type { EmulatedRequest } from '../http-emulator.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { startBigQueryEmulator } from './emulator.ts';
import { createBigQueryOperations } from './execute.ts';
import { bigQueryManifest } from './manifest.ts';
import {
  type InsertInput,
  type InsertOutput,
  insertInputSchema,
  type QueryInput,
  type QueryOutput,
  queryInputSchema,
} from './schema.ts';

const ROW = { name: 'ليلى', email: 'leila@example.com', score: 50 };
const KEY = 'execution-1/node-1/';
const insertOf = (more: object = {}): InsertInput =>
  insertInputSchema.parse({ dataset: 'crm', table: 'leads', row: ROW, ...more });
const queryOf = (sql: string, parameters: object = {}, more: object = {}): QueryInput =>
  queryInputSchema.parse({ sql, parameters, ...more });

const open = () => {
  const outbound = createOutbound({ allowHosts: [] });
  const operations = createBigQueryOperations({ outbound });
  return {
    ...operations,
    close: async () => {
      await operations.close();
      await outbound.close();
    },
  };
};

for (const keyColumn of ['_masar_key', undefined]) {
  describeConnector<InsertInput, InsertOutput, GoogleCredential>({
    name: `bigquery insert ${keyColumn === undefined ? 'without' : 'with'} a key column`,
    manifest: bigQueryManifest,
    startEmulator: startBigQueryEmulator,
    operation: () => {
      const { insert, close } = open();
      return { operation: insert, close };
    },
    input: insertOf({ keyColumn }),
    idempotency: keyColumn === undefined ? 'blind' : 'queryable',
    personalData: ['leila@example.com', 'ليلى'],
  });
}

for (const [sql, idempotency] of [
  ['SELECT * FROM crm.leads WHERE email = @email', 'read'],
  ['UPDATE crm.leads SET score = 1 WHERE email = @email', 'native-key'],
] as const) {
  describeConnector<QueryInput, QueryOutput, GoogleCredential>({
    name: `bigquery query, ${idempotency}`,
    manifest: bigQueryManifest,
    operationName: 'query',
    startEmulator: startBigQueryEmulator,
    operation: () => {
      const { query, close } = open();
      return { operation: query, close };
    },
    input: queryOf(sql, { email: 'leila@example.com' }),
    idempotency,
    personalData: ['leila@example.com'],
  });
}

describe('bigquery', () => {
  const store = createMemorySandboxStore;
  let kept: ReturnType<typeof createMemorySandboxStore>;
  let emulator: GoogleEmulator;
  let operations: ReturnType<typeof open>;
  beforeEach(async () => {
    kept = store();
    emulator = await startBigQueryEmulator({ store: kept, host: '127.0.0.1', port: 0 });
    operations = open();
  });
  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const context = (overrides: Partial<OperationContext<GoogleCredential>> = {}) =>
    testContext({ credential: emulator.credential, ...overrides });
  const run = (input: QueryInput, overrides = {}) =>
    operations.query.execute(input, context(overrides));
  const stored = async () => (await kept.list({})).toReversed();
  const isInsert = ({ path }: EmulatedRequest) => path.endsWith('/insertAll');
  const isJobs = ({ path, method }: EmulatedRequest) => path.endsWith('/jobs') && method === 'POST';
  const isQueries = ({ path }: EmulatedRequest) => path.endsWith('/queries');
  const answer = (matches: (request: EmulatedRequest) => boolean, ...replies: object[]) =>
    emulator.injectWhere(
      matches,
      ...replies.map((body) => ({
        kind: 'reply' as const,
        reply: { status: 200, body: JSON.parse(JSON.stringify(body)) },
      })),
    );

  describe('insert', () => {
    const refusal = (index: number, reason: string, location = '') => ({
      index,
      errors: [{ reason, location, message: `no such field: ${location} leila@example.com` }],
    });
    const refusing = (...insertErrors: object[]) =>
      answer(isInsert, { kind: 'bigquery#tableDataInsertAllResponse', insertErrors });
    const rows = [ROW, { name: 'x', age: 3 }, { name: 'y' }];

    test('rows arrive with an insertId each and the key', async () => {
      const input = insertOf({ row: undefined, rows, keyColumn: '_masar_key' });
      expect(await operations.insert.execute(input, context())).toEqual({
        inserted: 3,
        skipped: [],
      });
      const messages = await stored();
      expect(messages.map(({ message }) => message.row)).toEqual(
        rows.map((row) => ({ ...row, _masar_key: KEY })),
      );
      expect(new Set(messages.map(({ lookupKey }) => lookupKey)).size).toBe(3);
      expect(messages[0]).toMatchObject({ to: 'masar-sandbox.crm.leads', nodeId: 'node-1' });
    });

    test('one misfit keeps all out, and is named without its value', async () => {
      refusing(refusal(0, 'stopped'), refusal(1, 'invalid', 'age'), refusal(2, 'stopped'));
      const error = await failureOf(
        operations.insert.execute(insertOf({ row: undefined, rows }), context()),
      );
      expect(error).toMatchObject({
        code: 'rejected',
        effect: 'none',
        permanent: true,
        details: { row: 1, column: 'age', rows: 1 },
      });
      expect(error.message).toContain('row 2, column "age" (invalid)');
      expect(error.message).not.toContain('leila');
    });

    test('with onInvalidRow "skip" the others are in, and the misfits listed', async () => {
      refusing(refusal(1, 'invalid', 'age'));
      const input = insertOf({ row: undefined, rows, onInvalidRow: 'skip' });
      expect(await operations.insert.execute(input, context())).toEqual({
        inserted: 2,
        skipped: [{ index: 1, reason: 'invalid', column: 'age' }],
      });
    });

    test('all misfits are a failure even then; a passing reason may be repeated', async () => {
      const input = insertOf({ onInvalidRow: 'skip' });
      refusing(refusal(0, 'invalid', 'score'));
      expect(await failureOf(operations.insert.execute(input, context()))).toMatchObject({
        code: 'rejected',
        effect: 'none',
      });
      refusing(refusal(0, 'backendError'));
      expect(await failureOf(operations.insert.execute(input, context()))).toMatchObject({
        code: 'unavailable',
        effect: 'possible',
        permanent: false,
      });
    });

    test('a missing table and a missing project are named', async () => {
      emulator.injectWhere(isInsert, {
        kind: 'reply',
        reply: googleError(404, 'NOT_FOUND', 'Not found: Table', 'notFound'),
      });
      expect(await failureOf(operations.insert.execute(insertOf(), context()))).toMatchObject({
        code: 'not_found',
        pointer: '/table',
        message: expect.stringContaining('crm.leads'),
      });
      const { projectId: _, ...credential } = emulator.credential;
      expect(
        await failureOf(operations.insert.execute(insertOf(), context({ credential }))),
      ).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    });

    test.each([
      ['row and rows', { rows }],
      ['neither', { row: undefined }],
      ['a table with a backtick', { table: 'a`b' }],
      ['a column with a backtick', { keyColumn: 'a`' }],
    ])('the schema refuses %s', (_title, more) => {
      expect(() => insertOf(more)).toThrow();
    });
  });

  describe('query', () => {
    test.each([
      ['SELECT 1', 'read'],
      ['with a as (select 1) select * from a;', 'read'],
      ['  (SELECT 1) UNION ALL (SELECT 2)', 'read'],
      ['FROM crm.leads |> WHERE score > 1', 'read'],
      ['SELECT "please delete this"', 'native-key'],
      ['-- note\nSELECT 1', 'native-key'],
      ['SELECT 1; DROP TABLE crm.leads', 'native-key'],
      ['DELETE FROM crm.leads WHERE TRUE', 'native-key'],
      ['MERGE crm.leads USING x ON FALSE WHEN NOT MATCHED THEN INSERT ROW', 'native-key'],
      ['CALL crm.clean()', 'native-key'],
      ['EXECUTE IMMEDIATE "DROP TABLE x"', 'native-key'],
      ['EXPORT DATA OPTIONS() AS SELECT 1', 'native-key'],
    ])('%s is %s', (sql, idempotency) => {
      expect(operations.query.classify?.(queryOf(sql), emulator.credential)).toBe(idempotency);
    });

    test('reads in pages what was inserted, up to the limit', async () => {
      const rows = Array.from({ length: 2_500 }, (_, at) => ({ name: `n${at}`, score: at % 2 }));
      for (let at = 0; at < rows.length; at += 1_000) {
        const input = insertOf({ row: undefined, rows: rows.slice(at, at + 1_000) });
        await operations.insert.execute(input, context({ key: `insert-${at}` }));
      }
      const output = await run(
        queryOf('SELECT * FROM crm.leads WHERE score = @score', { score: 1 }, { maxRows: 999 }),
      );
      // The emulator looks 2,000 rows back.
      expect(output).toMatchObject({ rowCount: 999, totalRows: 1_000, truncated: true });
      expect(output.rows[0]).toEqual({ name: 'n501', score: 1 });
      const all = await run(queryOf('SELECT * FROM crm.leads LIMIT 1500', {}, { maxRows: 2_000 }));
      expect(all).toMatchObject({ rowCount: 1_500, totalRows: 1_500, truncated: false });
      expect(new Set(all.rows.map(({ name }) => name)).size).toBe(1_500);
    });

    test('parameters carry their types', async () => {
      let sent: unknown;
      emulator.injectWhere(
        (request) => {
          if (isQueries(request)) sent = request.json();
          return false;
        },
        { kind: 'garbage' },
      );
      await run(
        queryOf('SELECT @a', {
          text: 'ليلى',
          whole: 3,
          part: 0.5,
          yes: true,
          nothing: null,
          list: [1, 2.5],
          day: { type: 'DATE', value: '2026-01-31' },
          days: { type: 'DATE', value: ['2026-01-31', null] },
          none: { type: 'INT64', value: [] },
        }),
      );
      const scalar = (name: string, type: string, value: string | null) => ({
        name,
        parameterType: { type },
        parameterValue: { value },
      });
      const list = (name: string, type: string, values: (string | null)[]) => ({
        name,
        parameterType: { type: 'ARRAY', arrayType: { type } },
        parameterValue: { arrayValues: values.map((value) => ({ value })) },
      });
      expect(sent).toMatchObject({
        useLegacySql: false,
        parameterMode: 'NAMED',
        queryParameters: [
          scalar('text', 'STRING', 'ليلى'),
          scalar('whole', 'INT64', '3'),
          scalar('part', 'FLOAT64', '0.5'),
          scalar('yes', 'BOOL', 'true'),
          scalar('nothing', 'STRING', null),
          list('list', 'FLOAT64', ['1', '2.5']),
          scalar('day', 'DATE', '2026-01-31'),
          list('days', 'DATE', ['2026-01-31', null]),
          list('none', 'INT64', []),
        ],
      });
      expect(await failureOf(run(queryOf('SELECT @a', { a: [1, 'x'] })))).toMatchObject({
        code: 'invalid_config',
        pointer: '/parameters/a',
      });
    });

    test('values become JSON by their column types', async () => {
      const field = (name: string, type: string, more: object = {}) => ({ name, type, ...more });
      answer(isQueries, {
        kind: 'bigquery#queryResponse',
        jobComplete: true,
        totalRows: '1',
        schema: {
          fields: [
            field('small', 'INTEGER'),
            field('large', 'INTEGER'),
            field('part', 'FLOAT'),
            field('nan', 'FLOAT'),
            field('money', 'NUMERIC'),
            field('yes', 'BOOLEAN'),
            field('at', 'TIMESTAMP'),
            field('day', 'DATE'),
            field('data', 'JSON'),
            field('tags', 'STRING', { mode: 'REPEATED' }),
            field('who', 'RECORD', { fields: [field('name', 'STRING'), field('age', 'INTEGER')] }),
            field('nothing', 'STRING'),
          ],
        },
        rows: [
          {
            f: [
              { v: '7' },
              { v: '9007199254740993' },
              { v: '0.5' },
              { v: 'NaN' },
              { v: '12.30' },
              { v: 'false' },
              { v: '1767225600123456' },
              { v: '2026-01-01' },
              { v: '{"a":[1]}' },
              { v: [{ v: 'x' }, { v: 'y' }] },
              { v: { f: [{ v: 'ليلى' }, { v: '30' }] } },
              { v: null },
            ],
          },
        ],
      });
      expect((await run(queryOf('SELECT 1'))).rows).toEqual([
        {
          small: 7,
          large: '9007199254740993',
          part: 0.5,
          nan: 'NaN',
          money: '12.30',
          yes: false,
          at: '2026-01-01T00:00:00.123Z',
          day: '2026-01-01',
          data: { a: [1] },
          tags: ['x', 'y'],
          who: { name: 'ليلى', age: 30 },
          nothing: null,
        },
      ]);
    });

    test('a query that takes its time is waited for', async () => {
      const jobReference = { projectId: 'masar-sandbox', jobId: 'slow', location: 'US' };
      answer(isQueries, { kind: 'bigquery#queryResponse', jobComplete: false, jobReference });
      answer(
        ({ path }) => path.endsWith('/queries/slow'),
        { kind: 'bigquery#getQueryResultsResponse', jobComplete: false, jobReference },
        {
          kind: 'bigquery#getQueryResultsResponse',
          jobComplete: true,
          jobReference,
          totalRows: '1',
          schema: { fields: [{ name: 'n', type: 'INTEGER' }] },
          rows: [{ f: [{ v: '1' }] }],
        },
      );
      expect((await run(queryOf('SELECT 1'))).rows).toEqual([{ n: 1 }]);
    });

    test('what changes data runs under an id of ours, once', async () => {
      const update = queryOf('UPDATE crm.leads SET score = @score WHERE TRUE', { score: 1 });
      await Promise.all([run(update), run(update), run(update)]);
      await run(update, { key: 'other' });
      const messages = await stored();
      expect(messages).toHaveLength(2);
      expect(messages[0]).toMatchObject({
        operation: 'query',
        lookupKey: expect.stringMatching(/^masar_[\w-]{43}_0$/),
        message: { parameters: { score: '1' } },
      });
    });

    test('a job that broke off is followed by one of the next id; a script is not', async () => {
      const job = (jobId: string, status: object) => ({
        kind: 'bigquery#job',
        jobReference: { projectId: 'masar-sandbox', jobId, location: 'US' },
        status: { state: 'DONE', ...status },
      });
      const broken = { errorResult: { reason: 'backendError', message: 'Try again' } };
      answer(isJobs, job('a', broken));
      await run(queryOf('DELETE FROM crm.leads WHERE TRUE'));
      expect((await stored())[0]?.lookupKey).toMatch(/_1$/);

      answer(isJobs, job('b', broken));
      const script = queryOf('DELETE FROM a WHERE TRUE; DELETE FROM b WHERE TRUE');
      expect(await failureOf(run(script, { key: 'script' }))).toMatchObject({
        effect: 'possible',
        permanent: true,
      });

      const refusal = { reason: 'invalidQuery', message: 'Unknown table "leila@example.com" in x' };
      answer(isJobs, job('c', { errorResult: refusal }));
      const error = await failureOf(
        run(queryOf('DROP TABLE x', { who: 'leila@example.com' }), { key: 'refused' }),
      );
      expect(error).toMatchObject({ code: 'rejected', effect: 'none', permanent: true });
      expect(error.message).toContain('Unknown table');
      expect(error.message).not.toContain('leila');
    });

    test('a job that is not found without its location asks for it', async () => {
      const update = queryOf('DELETE FROM crm.leads WHERE TRUE');
      await run(update);
      emulator.injectWhere(({ method }) => method === 'GET', {
        kind: 'reply',
        reply: googleError(404, 'NOT_FOUND', 'Not found: Job', 'notFound'),
      });
      expect(await failureOf(run(update))).toMatchObject({
        code: 'not_found',
        pointer: '/location',
        effect: 'possible',
      });
    });

    test('once a job has begun, no failure says that nothing happened', async () => {
      const running = {
        kind: 'bigquery#job',
        jobReference: { projectId: 'masar-sandbox', jobId: 'x', location: 'US' },
        status: { state: 'RUNNING' },
      };
      answer(isJobs, running);
      emulator.injectWhere(({ method }) => method === 'GET', { kind: 'serverError', status: 503 });
      expect(await failureOf(run(queryOf('DROP TABLE x')))).toMatchObject({
        code: 'unavailable',
        effect: 'possible',
        permanent: false,
      });
    });
  });
});
