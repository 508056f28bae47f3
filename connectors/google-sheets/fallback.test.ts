import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failureOf } from '../connector-suite.ts';
import { googleError } from '../google/emulator-replies.ts';
import { type AppendHarness, FIRST_KEY, inputOf, openHarness } from './append-harness.ts';

describe('google-sheets append: fallback to BigQuery', () => {
  let harness: AppendHarness;
  beforeEach(async () => {
    harness = await openHarness();
  });
  afterEach(() => harness.close());

  const fallback = { dataset: 'leads', table: 'overflow' };
  const last = { lastAttempt: true, attempt: 5 };
  const quota = googleError(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded', 'RATE_LIMIT_EXCEEDED');
  const full = googleError(
    400,
    'INVALID_ARGUMENT',
    'This action would increase the number of cells in the workbook above the limit of 10000000 cells.',
  );

  const expectInBigQuery = async (): Promise<void> => {
    expect(await harness.stored()).toMatchObject([
      {
        operation: 'bigquery.insertAll',
        to: 'masar-sandbox.leads.overflow',
        message: {
          row: { c1: 'ليلى', c2: 'leila@example.com', c3: 50, c4: true, _masar_key: FIRST_KEY },
        },
      },
    ]);
  };

  test('not while Sheets takes the rows', async () => {
    expect(await harness.append(inputOf({ fallback }), last)).toEqual({ store: 'sheets', rows: 1 });
  });

  test('a quota: on the last attempt, not before', async () => {
    harness.refuseAppend(quota, quota);
    expect(await failureOf(harness.append(inputOf({ fallback })))).toMatchObject({
      code: 'rate_limited',
      effect: 'none',
    });
    expect(await harness.stored()).toEqual([]);
    expect(await harness.append(inputOf({ fallback }), last)).toEqual({
      store: 'bigquery',
      rows: 1,
    });
    await expectInBigQuery();
  });

  test('a full spreadsheet: at once; without fallback a permanent error', async () => {
    harness.refuseAppend(full, full);
    expect(await harness.append(inputOf({ fallback }))).toEqual({ store: 'bigquery', rows: 1 });
    await expectInBigQuery();
    expect(await failureOf(harness.append(inputOf(), { key: 'other' }))).toMatchObject({
      code: 'rejected',
      permanent: true,
      effect: 'none',
      pointer: '/spreadsheetId',
    });
  });

  test('a 5xx after which Sheets says that nothing was written', async () => {
    harness.emulator.inject({ kind: 'serverError', status: 503 });
    expect(await harness.append(inputOf({ fallback }), last)).toEqual({
      store: 'bigquery',
      rows: 1,
    });
    await expectInBigQuery();
  });

  test.each(['serverError', 'hang', 'garbage'] as const)(
    'an outage of all of Sheets (%s)',
    async (kind) => {
      const outage = ({ path }: { path: string }) => path.startsWith('/v4/');
      harness.emulator.injectWhere(outage, { kind }, { kind });
      const output = await harness.append(inputOf({ fallback }), { ...last, timeoutMs: 1_500 });
      expect(output).toEqual({ store: 'bigquery', rows: 1 });
      await expectInBigQuery();
    },
  );

  test('in doubt: never into both', async () => {
    harness.emulator.inject({ kind: 'dropAfterAccept' });
    expect(await failureOf(harness.append(inputOf({ fallback }), last))).toMatchObject({
      effect: 'possible',
    });
    harness.emulator.inject({ kind: 'hangAfterAccept' });
    const hanging = { ...last, key: 'other', timeoutMs: 600 };
    expect(await failureOf(harness.append(inputOf({ fallback }), hanging))).toMatchObject({
      code: 'timeout',
      effect: 'possible',
    });
    expect((await harness.stored()).map(({ operation }) => operation)).toEqual([
      'append',
      'append',
    ]);
  });

  test('in doubt and Sheets cannot be asked: in doubt it stays', async () => {
    const search = ({ path }: { path: string }) => path.endsWith('developerMetadata:search');
    harness.emulator.inject({ kind: 'serverError' });
    harness.emulator.injectWhere(search, { kind: 'serverError' }, { kind: 'serverError' });
    expect(await failureOf(harness.append(inputOf({ fallback }), last))).toMatchObject({
      code: 'unavailable',
      effect: 'possible',
    });
    expect(await failureOf(harness.lookup(inputOf({ fallback })))).toMatchObject({
      code: 'unavailable',
      effect: 'possible',
    });
    expect(await harness.stored()).toEqual([]);
  });

  test('an insert whose answer is lost is found, and a repetition is dropped', async () => {
    const insert = ({ path }: { path: string }) => path.endsWith('/insertAll');
    harness.refuseAppend(full, full);
    harness.emulator.injectWhere(insert, { kind: 'dropAfterAccept' });
    expect(await failureOf(harness.append(inputOf({ fallback })))).toMatchObject({
      effect: 'possible',
    });
    expect(await harness.lookup(inputOf({ fallback }))).toEqual({
      found: true,
      output: { store: 'bigquery', rows: 1 },
    });
    expect(await harness.lookup(inputOf({ fallback }), { key: 'other' })).toEqual({ found: false });
    await harness.append(inputOf({ fallback }));
    expect(await harness.stored()).toHaveLength(1);
  });

  test('BigQuery refuses as well: both are named', async () => {
    const insert = ({ path }: { path: string }) => path.endsWith('/insertAll');
    harness.refuseAppend(full, full, full);
    harness.emulator.injectWhere(
      insert,
      { kind: 'reply', reply: googleError(404, 'NOT_FOUND', 'Not found: Table', 'notFound') },
      {
        kind: 'reply',
        reply: {
          status: 200,
          body: {
            kind: 'bigquery#tableDataInsertAllResponse',
            insertErrors: [
              { index: 0, errors: [{ reason: 'invalid', message: 'no such field: c5.' }] },
            ],
          },
        },
      },
    );
    expect(await failureOf(harness.append(inputOf({ fallback })))).toMatchObject({
      code: 'not_found',
      pointer: '/fallback',
      effect: 'none',
      message: expect.stringMatching(/table.*does not exist.*spreadsheet is full/s),
    });
    expect(await failureOf(harness.append(inputOf({ fallback })))).toMatchObject({
      code: 'rejected',
      permanent: true,
      effect: 'none',
    });
    const { projectId: _, ...withoutProject } = harness.emulator.credential;
    expect(
      await failureOf(harness.append(inputOf({ fallback }), { credential: withoutProject })),
    ).toMatchObject({ code: 'invalid_config', effect: 'none' });
  });
});
