import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { describeConnector, failureOf } from '../connector-suite.ts';
import type { EmulatorDeps, Operation, SandboxStore } from '../contract.ts';
import type { GoogleCredential } from '../google/credential.ts';
import { googleError } from '../google/emulator-replies.ts';
import type { RequestMatcher } from '../http-emulator.ts';
import {
  type AppendHarness,
  inputOf,
  openHarness,
  openOutbound,
  SPREADSHEET,
} from './append-harness.ts';
import {
  isAddSheet,
  isSheetsAppend,
  isValuesRead,
  isValuesUpdate,
  startGoogleEmulator,
} from './emulator.ts';
import { createGoogleSheetsOperations, type GoogleSheetsOperations } from './execute.ts';
import { googleSheetsManifest } from './manifest.ts';
import {
  createSheetInputSchema,
  lookupInputSchema,
  readInputSchema,
  updateInputSchema,
  upsertInputSchema,
} from './schema.ts';

const SHEET = { spreadsheetId: SPREADSHEET };
const LEADS = { ...SHEET, range: 'Leads!A:D' };
const readOf = (more: object = {}) => readInputSchema.parse({ ...LEADS, ...more });
const lookupOf = (more: object = {}) =>
  lookupInputSchema.parse({ ...LEADS, keyColumn: 'Email', value: 'leila@example.com', ...more });
const updateOf = (more: object = {}) =>
  updateInputSchema.parse({ ...SHEET, range: 'Leads!A2:D2', values: ['ليلى', 'x'], ...more });
const upsertOf = (values: object = {}, more: object = {}) =>
  upsertInputSchema.parse({
    ...LEADS,
    keyColumn: 'Email',
    values: { Email: 'leila@example.com', Name: 'ليلى', ...values },
    ...more,
  });
const createOf = (more: object = {}) =>
  createSheetInputSchema.parse({
    ...SHEET,
    title: 'Leads 2026',
    headers: ['Name', 'Email'],
    ...more,
  });

interface Described<Input, Output> {
  readonly operationName: string;
  readonly pick: (operations: GoogleSheetsOperations) => Operation<Input, Output, GoogleCredential>;
  readonly input: Input;
  /** The requests of which one fails. */
  readonly struck: RequestMatcher;
  /** What a message is called that counts as accepted. */
  readonly counted: string;
  readonly count: (messages: readonly { readonly message: object }[]) => number;
}

const all = (messages: readonly unknown[]): number => messages.length;
/** Cells that are set twice to the same are one effect. */
const distinct = (messages: readonly { readonly message: object }[]): number =>
  new Set(messages.map(({ message }) => JSON.stringify(message))).size;

function describeOperation<Input, Output>(described: Described<Input, Output>): void {
  const { operationName, counted, struck } = described;
  describeConnector<Input, Output, GoogleCredential>({
    name: `google-sheets ${operationName}`,
    manifest: googleSheetsManifest,
    operationName,
    startEmulator: async (deps: EmulatorDeps) => {
      const emulator = await startGoogleEmulator(deps);
      return { ...emulator, inject: (...faults) => emulator.injectWhere(struck, ...faults) };
    },
    operation: () => {
      const outbound = openOutbound();
      const operations = createGoogleSheetsOperations({ outbound });
      return {
        operation: described.pick(operations),
        close: async () => {
          await operations.close();
          await outbound.close();
        },
      };
    },
    input: described.input,
    countAccepted: async (store: SandboxStore) =>
      described.count((await store.list({})).filter(({ operation }) => operation === counted)),
    personalData: ['leila@example.com', 'ليلى'],
  });
}

describeOperation({
  operationName: 'read',
  pick: ({ read }) => read,
  input: readOf(),
  struck: isValuesRead,
  counted: 'read',
  count: all,
});
describeOperation({
  operationName: 'lookup',
  pick: ({ lookup }) => lookup,
  input: lookupOf(),
  struck: isValuesRead,
  counted: 'read',
  count: all,
});
describeOperation({
  operationName: 'update',
  pick: ({ update }) => update,
  input: updateOf(),
  struck: isValuesUpdate,
  counted: 'update',
  count: distinct,
});
describeOperation({
  operationName: 'upsert',
  pick: ({ upsert }) => upsert,
  input: upsertOf(),
  struck: isSheetsAppend,
  counted: 'append',
  count: all,
});
describeOperation({
  operationName: 'create-sheet',
  pick: ({ createSheet }) => createSheet,
  input: createOf(),
  struck: isAddSheet,
  counted: 'create-sheet',
  count: all,
});

describe('google-sheets rows', () => {
  let harness: AppendHarness;
  let operations: GoogleSheetsOperations;
  const rows = [
    ['Name', 'Email', 'Score', ''],
    ['ليلى', 'leila@example.com', 50, true],
    ['Omar', 'omar@example.com', 7],
    ['Second', 'leila@example.com', '', 'x'],
  ];
  beforeEach(async () => {
    harness = await openHarness();
    operations = harness.operations;
  });
  afterEach(() => harness.close());

  let runs = 0;
  /** A new node's context: none repeats another. */
  const context = (overrides = {}) => {
    runs += 1;
    return harness.context({ key: `execution-${runs}/node-1/`, ...overrides });
  };
  const fill = () => harness.append(inputOf({ values: undefined, rows }), { key: 'fills' });
  const sheet = async (range = 'Leads') => {
    const input = readOf({ range, header: false });
    return z
      .array(z.array(z.unknown()))
      .parse((await operations.read.execute(input, context())).rows);
  };
  const refusing = (matches: RequestMatcher, ...replies: ReturnType<typeof googleError>[]) =>
    harness.emulator.injectWhere(
      matches,
      ...replies.map((reply) => ({ kind: 'reply' as const, reply })),
    );

  describe('read', () => {
    test('objects by the header row, blank cells null, blank headers by letter', async () => {
      await fill();
      expect(await operations.read.execute(readOf(), context())).toEqual({
        range: 'Leads!A1:D1000',
        columns: ['Name', 'Email', 'Score', 'D'],
        rows: [
          { Name: 'ليلى', Email: 'leila@example.com', Score: 50, D: true },
          { Name: 'Omar', Email: 'omar@example.com', Score: 7, D: null },
          { Name: 'Second', Email: 'leila@example.com', Score: null, D: 'x' },
        ],
        rowCount: 3,
        firstRow: 2,
        truncated: false,
      });
    });

    test('lists of cells, a part of the sheet, and a limit', async () => {
      await fill();
      const input = readOf({ range: 'Leads!B2:C9', header: false, maxRows: 2 });
      expect(await operations.read.execute(input, context())).toMatchObject({
        columns: [],
        rows: [
          ['leila@example.com', 50],
          ['omar@example.com', 7],
        ],
        firstRow: 2,
        truncated: true,
      });
    });

    test('as people see it', async () => {
      await fill();
      const input = readOf({ range: 'Leads!C2:D2', header: false, render: 'formatted' });
      expect((await operations.read.execute(input, context())).rows).toEqual([['50', 'TRUE']]);
    });

    test('an empty sheet has no rows; one that is not there is named', async () => {
      expect(await operations.read.execute(readOf(), context())).toMatchObject({
        rows: [],
        columns: [],
        rowCount: 0,
      });
      refusing(isValuesRead, googleError(400, 'INVALID_ARGUMENT', "Unable to parse range: 'X'!A1"));
      expect(await failureOf(operations.read.execute(readOf(), context()))).toMatchObject({
        code: 'not_found',
        pointer: '/range',
        permanent: true,
      });
      expect(
        await failureOf(operations.read.execute(readOf({ range: "'x!A1" }), context())),
      ).toMatchObject({ code: 'invalid_config', pointer: '/range' });
    });
  });

  describe('lookup', () => {
    test('the first or last row with the value, as object and with its number', async () => {
      await fill();
      expect(await operations.lookup.execute(lookupOf(), context())).toEqual({
        found: true,
        row: 2,
        object: { Name: 'ليلى', Email: 'leila@example.com', Score: 50, D: true },
        values: ['ليلى', 'leila@example.com', 50, true],
      });
      expect(await operations.lookup.execute(lookupOf({ match: 'last' }), context())).toMatchObject(
        {
          row: 4,
          object: { Name: 'Second' },
        },
      );
    });

    test.each([
      ['a number as text', { keyColumn: 'Score', value: '7' }, 3],
      ['a column by its letters', { keyColumn: 'C', value: 7 }, 3],
      ['a header in other letters', { keyColumn: 'EMAIL', value: 'omar@example.com' }, 3],
      ['other letters, ignored', { value: 'LEILA@example.com', ignoreCase: true }, 2],
      ['other letters', { value: 'LEILA@example.com' }, null],
      ['nobody', { value: 'nobody@example.com' }, null],
    ])('%s', async (_title, more, row) => {
      await fill();
      expect(await operations.lookup.execute(lookupOf(more), context())).toMatchObject({
        found: row !== null,
        row,
      });
    });

    test('a table that begins elsewhere', async () => {
      await harness.append(inputOf({ values: ['a title'] }), { key: 'title' });
      await fill();
      const input = lookupOf({ range: 'Leads!B2:C', value: 'omar@example.com' });
      expect(await operations.lookup.execute(input, context())).toMatchObject({
        row: 4,
        object: { Email: 'omar@example.com', Score: 7 },
      });
    });

    test('an empty sheet has none; a column that is not there is named', async () => {
      expect(await operations.lookup.execute(lookupOf(), context())).toMatchObject({
        found: false,
      });
      await fill();
      const input = lookupOf({ keyColumn: 'Phone' });
      const error = await failureOf(operations.lookup.execute(input, context()));
      expect(error).toMatchObject({ code: 'invalid_config', pointer: '/keyColumn' });
      expect(error.message).toContain('"Name", "Email", "Score"');
    });

    test('a blank value finds nothing by design: it is refused', () => {
      expect(() => lookupOf({ value: ' ' })).toThrow();
      expect(() => lookupOf({ value: null })).toThrow();
    });
  });

  describe('update', () => {
    test('sets cells, and leaves those that are null', async () => {
      await fill();
      const input = updateOf({ range: 'Leads!A3:D3', values: [null, '=1+1', 9] });
      expect(await operations.update.execute(input, context())).toEqual({
        updatedRange: 'Leads!A3:C3',
        updatedRows: 1,
        updatedColumns: 3,
        updatedCells: 3,
      });
      expect((await sheet())[2]).toEqual(['Omar', '=1+1', 9]);
      const updates = (await harness.stored()).filter(({ operation }) => operation === 'update');
      expect(updates[0]).toMatchObject({ nodeId: 'node-1', message: { valueInput: 'raw' } });
    });

    test('several rows from a cell on, as if typed', async () => {
      const input = updateOf({
        range: "'عملاء 2026'!B2",
        values: undefined,
        rows: [['1', 'x'], ['2']],
        valueInput: 'user_entered',
      });
      expect(await operations.update.execute(input, context())).toMatchObject({ updatedRows: 2 });
      expect(await sheet("'عملاء 2026'!B2:C3")).toEqual([[1, 'x'], [2]]);
    });

    test('more cells than the range has are refused', async () => {
      const input = updateOf({ range: 'Leads!A2:B2', values: ['a', 'b', 'c'] });
      expect(await failureOf(operations.update.execute(input, context()))).toMatchObject({
        code: 'rejected',
        effect: 'none',
        permanent: true,
        message: expect.stringContaining('tried writing to column'),
      });
    });
  });

  describe('upsert', () => {
    test('an empty sheet gets its header and the row', async () => {
      expect(await operations.upsert.execute(upsertOf(), context())).toEqual({
        action: 'appended',
        row: null,
      });
      expect(await sheet()).toEqual([
        ['Email', 'Name'],
        ['leila@example.com', 'ليلى'],
      ]);
    });

    test('the row is found by its key; what is left out stays', async () => {
      await fill();
      const input = upsertOf({ Score: 99 }, { ignoreCase: true });
      expect(await operations.upsert.execute(input, context())).toEqual({
        action: 'updated',
        row: 2,
      });
      expect((await sheet()).slice(1)).toEqual([
        ['ليلى', 'leila@example.com', 99, true],
        ...rows.slice(2),
      ]);
      const added = { Email: 'new@example.com', Name: 'New', Score: 1 };
      expect(await operations.upsert.execute(upsertOf(added), context())).toMatchObject({
        action: 'appended',
      });
      expect((await sheet()).at(-1)).toEqual(['New', 'new@example.com', 1]);
    });

    test('with ifMissing "skip" nothing is added', async () => {
      await fill();
      const input = upsertOf({ Email: 'new@example.com' }, { ifMissing: 'skip' });
      expect(await operations.upsert.execute(input, context())).toEqual({
        action: 'none',
        row: null,
      });
      expect(await sheet()).toHaveLength(rows.length);
    });

    test('as if typed: the key stays as it is, the others are understood', async () => {
      await fill();
      const values = { Email: '007', Name: 'Bond', Score: '12' };
      const input = upsertOf(values, { valueInput: 'user_entered' });
      expect(await operations.upsert.execute(input, context())).toEqual({
        action: 'appended',
        row: 5,
      });
      expect(await operations.upsert.execute(input, context())).toEqual({
        action: 'updated',
        row: 5,
      });
      expect((await sheet()).slice(4)).toEqual([['Bond', '007', 12]]);
    });

    test('many at the same time append one row', async () => {
      await fill();
      const input = upsertOf({ Email: 'new@example.com' });
      const outputs = await Promise.all(
        Array.from({ length: 5 }, () => operations.upsert.execute(input, context())),
      );
      expect(outputs.filter(({ action }) => action === 'appended')).toHaveLength(1);
      expect(await sheet()).toHaveLength(rows.length + 1);
    });

    test('a row that was deleted since is appended again, once', async () => {
      await fill();
      const input = upsertOf({ Email: 'new@example.com' });
      for (const _ of [1, 2, 3]) {
        await Promise.all([1, 2].map(() => operations.upsert.execute(input, context())));
        expect(await sheet()).toHaveLength(rows.length + 1);
        await operations.update.execute(
          updateOf({ range: 'Leads!A5:D5', values: ['', '', '', ''] }),
          context(),
        );
        expect(await sheet()).toHaveLength(rows.length);
      }
    });

    test('a sheet that was made anew is found by its title', async () => {
      await operations.upsert.execute(upsertOf(), context());
      harness.refuseAppend(
        googleError(400, 'INVALID_ARGUMENT', 'Invalid requests[0]: No grid with id: 4711'),
      );
      const other = upsertOf({ Email: 'other@example.com' });
      expect(await operations.upsert.execute(other, context())).toMatchObject({
        action: 'appended',
      });
      expect(await sheet()).toHaveLength(3);
    });

    test('a marker that nobody has but Sheets refuses: room is made, then another is taken', async () => {
      await fill();
      const refusal = googleError(
        400,
        'INVALID_ARGUMENT',
        'Invalid requests[1].createDeveloperMetadata: no room',
      );
      harness.refuseAppend(refusal, refusal);
      const input = upsertOf({ Email: 'new@example.com' });
      expect(await operations.upsert.execute(input, context())).toMatchObject({
        action: 'appended',
      });
      expect(await sheet()).toHaveLength(rows.length + 1);
    });

    test('what lacks its key, or names a column that is not there, is refused', async () => {
      await fill();
      expect(
        await failureOf(operations.upsert.execute(upsertOf({ Email: ' ' }), context())),
      ).toMatchObject({ code: 'invalid_config', pointer: '/values', effect: 'none' });
      expect(
        await failureOf(operations.upsert.execute(upsertOf({ 'Phone/Mobile': 1 }), context())),
      ).toMatchObject({ code: 'invalid_config', pointer: '/values/Phone~1Mobile' });
      expect(await sheet()).toHaveLength(rows.length);
    });

    test('after the key cell is appended, no failure says that nothing happened', async () => {
      await fill();
      harness.emulator.injectWhere(isValuesUpdate, {
        kind: 'reply',
        reply: googleError(429, 'RESOURCE_EXHAUSTED', 'q', 'RATE_LIMIT_EXCEEDED'),
      });
      const values = { Email: 'new@example.com', Score: '5' };
      const input = upsertOf(values, { valueInput: 'user_entered' });
      const same = context();
      expect(await failureOf(operations.upsert.execute(input, same))).toMatchObject({
        code: 'rate_limited',
        effect: 'possible',
        permanent: false,
      });
      await operations.upsert.execute(input, same);
      expect((await sheet()).slice(4)).toEqual([['ليلى', 'new@example.com', 5]]);
    });
  });

  describe('create-sheet', () => {
    const created = () => operations.createSheet;

    test('adds a tab with its header row, whose rows can be read and appended to', async () => {
      const output = await created().execute(createOf(), context());
      expect(output).toMatchObject({ title: 'Leads 2026', created: true });
      await harness.append(inputOf({ range: "'Leads 2026'!A:B", values: ['x', 'y'] }));
      expect(await sheet("'Leads 2026'")).toEqual([
        ['Name', 'Email'],
        ['x', 'y'],
      ]);
    });

    test('a repetition knows its own tab; others use it or fail', async () => {
      const same = context();
      const output = await created().execute(createOf(), same);
      expect(await created().execute(createOf({ ifExists: 'fail' }), same)).toEqual(output);
      const other = createOf({ title: 'LEADS 2026' });
      expect(await created().execute(other, context())).toEqual({
        sheetId: output.sheetId,
        title: 'Leads 2026',
        created: false,
      });
      expect(
        await failureOf(created().execute(createOf({ ifExists: 'fail' }), context())),
      ).toMatchObject({ code: 'rejected', permanent: true, effect: 'none', pointer: '/title' });
      const tabs = (await harness.stored()).filter(({ operation }) => operation === 'create-sheet');
      expect(tabs).toHaveLength(1);
    });
  });
});
