import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { failureOf } from '../connector-suite.ts';
import { googleError } from '../google/emulator-replies.ts';
import { type AppendHarness, inputOf, openHarness, SPREADSHEET } from './append-harness.ts';
import { appendMarker } from './append-marker.ts';

const locationSchema = z.object({ location: z.object({ sheetId: z.number() }) });

describe('google-sheets append: written once', () => {
  let harness: AppendHarness;
  beforeEach(async () => {
    harness = await openHarness();
  });
  afterEach(() => harness.close());

  test('an answer that is lost is found afterwards', async () => {
    harness.emulator.inject({ kind: 'dropAfterAccept' });
    expect(await failureOf(harness.append(inputOf()))).toMatchObject({ effect: 'possible' });
    expect(await harness.lookup(inputOf())).toEqual({
      found: true,
      output: { store: 'sheets', rows: 1 },
    });
    expect(await harness.stored()).toHaveLength(1);
  });

  test('an attempt that repeats without looking is refused by its own marker', async () => {
    harness.emulator.inject({ kind: 'dropAfterAccept' });
    await failureOf(harness.append(inputOf()));
    expect(await harness.append(inputOf())).toEqual({ store: 'sheets', rows: 1 });
    expect(await harness.stored()).toHaveLength(1);
  });

  test('two overlapping attempts write once', async () => {
    await harness.append(inputOf(), { key: 'warms up' });
    await Promise.all([
      harness.append(inputOf()),
      harness.append(inputOf()),
      harness.append(inputOf()),
    ]);
    expect(await harness.stored()).toHaveLength(2);
  });

  test('rows that are there despite a 500 count as written', async () => {
    harness.emulator.inject({ kind: 'dropAfterAccept' });
    await failureOf(harness.append(inputOf()));
    harness.refuseAppend(googleError(500, 'INTERNAL', 'Internal error encountered.'));
    expect(await harness.append(inputOf())).toEqual({ store: 'sheets', rows: 1 });
    expect(await harness.stored()).toHaveLength(1);
  });

  test('an id that is taken by chance is left out', async () => {
    harness.refuseAppend(
      googleError(400, 'INVALID_ARGUMENT', 'Invalid requests[1].createDeveloperMetadata: exists'),
    );
    expect(await harness.append(inputOf())).toEqual({ store: 'sheets', rows: 1 });
    expect(await harness.lookup(inputOf())).toMatchObject({ found: true });
  });

  test('a sheet that was made anew is found by its title', async () => {
    await harness.append(inputOf(), { key: 'remembers the id' });
    harness.refuseAppend(
      googleError(400, 'INVALID_ARGUMENT', 'Invalid requests[0]: No grid with id: 4711'),
    );
    expect(await harness.append(inputOf())).toEqual({ store: 'sheets', rows: 1 });
  });

  test('one append in 50 removes markers beyond the kept ones, and only old ones', async () => {
    const old = (Math.floor(Date.now() / 1000) - 7_200).toString(36);
    await harness.append(inputOf(), { key: 'teaches the emulator the sheet' });
    const [first] = await harness.stored();
    const { sheetId } = locationSchema.parse(first?.message.developerMetadata).location;
    for (let at = 0; at < 620; at += 1) {
      const { metadataKey, metadataId } = appendMarker(`old-${at}`);
      const developerMetadata = {
        metadataKey,
        metadataId,
        metadataValue: old,
        visibility: 'DOCUMENT',
        location: { sheetId },
      };
      await harness.store.add({
        connector: 'google-sheets',
        operation: 'append',
        to: SPREADSHEET,
        lookupKey: metadataKey,
        message: { sheet: 'Leads', rows: [['x']], valueInput: 'raw', developerMetadata },
      });
    }
    const sweeper = keys().find((key) => appendMarker(key).sweeps) ?? '';
    const logged: unknown[] = [];
    await harness.append(inputOf(), {
      key: sweeper,
      log: (...entry: unknown[]) => logged.push(entry),
    });
    expect(logged).toEqual([['Old append markers removed', { removed: 22 }]]);
    expect(await harness.lookup(inputOf(), { key: sweeper })).toMatchObject({ found: true });
  });
});

function keys(): string[] {
  return Array.from({ length: 500 }, (_, at) => `execution-${at}/node-1/`);
}
