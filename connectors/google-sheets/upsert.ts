/**
 * Updates the row whose key column has a value, or appends one.
 *
 *   U1  It converges: whoever repeats it finds the row that the attempt before has left, and sets
 *       the same cells to the same values. So it may be repeated.
 *   U2  A row is appended with a marker that follows from the key column's value, in one atomic
 *       request, and Sheets takes a marker once only. So of two that append the same value at the
 *       same time, in one execution or in several, one is refused; it reads again and updates.
 *   U3  The key cell is written by the append alone and as it is, so it is found again.
 *   U4  Sheets has no conditional write: if a person inserts or deletes rows between the read and
 *       the update, which is about a second, the update meets the row that has moved there.
 *   U5  A marker outlives a row that a person deletes. Then the next free marker of the value is
 *       taken, by which U2 holds for the new row.
 */
import { ConnectorError } from '../errors.ts';
import { withEffect } from '../google/errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { columnLetters, parseRange, quotedTitle } from './a1-range.ts';
import { isMarkerRefusal, isRefusalOf, sweepQuietly } from './append.ts';
import { type AppendMarker, appendMarker } from './append-marker.ts';
import { cellText, columnAt, namedColumns, rowWith } from './header-table.ts';
import type { Cell, UpsertInput, UpsertOutput } from './schema.ts';
import {
  appendMarked,
  findMarkers,
  type SheetIds,
  type SheetRows,
  sweepMarkers,
} from './sheets.ts';
import { readValues, type SheetValues, writeValues } from './values.ts';

const MAX_ROUNDS = 4;
/** How many rows of one value can have been appended and deleted again before U5 ends. */
const MAX_GENERATIONS = 20;

interface Table extends Pick<SheetValues, 'title' | 'startColumn'> {
  readonly columns: readonly string[];
  /** False: the sheet is empty, and the columns are those of the values given. */
  readonly hasHeader: boolean;
  /** Number of the found row in the sheet. */
  readonly row: number | undefined;
  /** By place among the columns; null: left as it is. */
  readonly cells: readonly Cell[];
  readonly keyAt: number;
  readonly key: Cell;
}

/**
 * @throws ConnectorError `invalid_config` if the sheet lacks a column, or the values lack the key
 */
export async function upsert(
  session: GoogleSession,
  sheetIds: SheetIds,
  input: UpsertInput,
): Promise<UpsertOutput> {
  parseRange(input.range);
  const state: Progress = { appended: false, generation: 0, swept: false };
  try {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const output = await converge(session, sheetIds, input, state, round);
      if (output !== undefined) return output;
    }
  } catch (error) {
    throw state.appended && error instanceof ConnectorError ? withEffect(error, 'possible') : error;
  }
  throw new ConnectorError(
    'unavailable',
    'The row was neither found nor could it be appended, because others change the sheet at the same time.',
    { effect: state.appended ? 'possible' : 'none', permanent: false },
  );
}

interface Progress {
  /** True once this attempt has appended the row's key cell, whose other cells follow. */
  appended: boolean;
  /** Which of the value's markers is the next to try. */
  generation: number;
  /** True once room has been made for markers. */
  swept: boolean;
}

/** Reads, then updates or appends. @returns undefined if it has to be read again */
async function converge(
  session: GoogleSession,
  sheetIds: SheetIds,
  input: UpsertInput,
  state: Progress,
  round: number,
): Promise<UpsertOutput | undefined> {
  const table = await readTable(session, input);
  if (table.row !== undefined) {
    const done = await updateRow(session, input, table, table.row);
    return state.appended ? { ...done, action: 'appended' } : done;
  }
  if (input.ifMissing === 'skip') return { action: 'none', row: null };
  const rows = newRows(input, table);
  const sheetId =
    round === 0 ? await sheetIds.get(session, rows) : await sheetIds.refresh(session, rows);
  const markers = markersOf(sheetId, input, table.key);
  const free = markers[state.generation];
  const marker = free ?? appendMarker(session.context.key);
  try {
    await appendMarked(session, rows, sheetId, marker, { withId: free !== undefined });
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    if (isRefusalOf(error, /no grid with id/i)) return undefined;
    if (!isMarkerRefusal(error)) throw error;
    await chooseMarker(session, input.spreadsheetId, sheetId, markers, state);
    return undefined;
  }
  if (marker.sweeps) await sweepQuietly(session, input.spreadsheetId, sheetId);
  if (input.valueInput === 'raw') return { action: 'appended', row: null };
  // What is to be read as if typed goes into the row that has its key cell now.
  state.appended = true;
  return undefined;
}

/** What to try after a marker was refused. */
async function chooseMarker(
  session: GoogleSession,
  spreadsheetId: string,
  sheetId: number,
  markers: readonly AppendMarker[],
  state: Progress,
): Promise<void> {
  const taken = await findMarkers(session, spreadsheetId, markers);
  const free = markers.findIndex(({ metadataKey }) => !taken.has(metadataKey));
  if (free !== state.generation) {
    // The row is there by now; or it was deleted again, and the next marker is free (U5).
    state.generation = free === -1 ? MAX_GENERATIONS : free;
  } else if (!state.swept) {
    // Nobody has it: Sheets has no room for it.
    await sweepMarkers(session, spreadsheetId, sheetId, true);
    state.swept = true;
  } else {
    // By chance another's entry has its id.
    state.generation += 1;
  }
}

async function readTable(session: GoogleSession, input: UpsertInput): Promise<Table> {
  const { spreadsheetId, range, keyColumn, values } = input;
  const found = await readValues(session, { spreadsheetId, range, render: 'unformatted' });
  const { title, startColumn } = found;
  const [header, ...rows] = found.values;
  const columns =
    header === undefined
      ? Object.keys(values).map((name) => name.trim())
      : namedColumns(header, header.length, startColumn);
  const keyAt = columnAt(columns, keyColumn, startColumn, '/keyColumn');
  const cells: Cell[] = columns.map(() => null);
  for (const [name, cell] of Object.entries(values)) {
    cells[columnAt(columns, name, startColumn, `/values/${pointerPart(name)}`)] = cell;
  }
  const key = cells[keyAt] ?? null;
  if (cellText(key) === '') {
    throw new ConnectorError(
      'invalid_config',
      `"values" has nothing for the key column "${columns[keyAt] ?? keyColumn}", by which the row is found. Give it a value that is not blank.`,
      { effect: 'none', permanent: true, pointer: '/values' },
    );
  }
  const at = rowWith(rows, keyAt, key, { ignoreCase: input.ignoreCase });
  return {
    title,
    startColumn,
    columns,
    hasHeader: header !== undefined,
    row: at === -1 ? undefined : found.startRow + 1 + at,
    cells,
    keyAt,
    key,
  };
}

async function updateRow(
  session: GoogleSession,
  input: UpsertInput,
  table: Table,
  row: number,
): Promise<UpsertOutput> {
  const { title, startColumn, cells, keyAt } = table;
  const written = cells.map((cell, at) => (at === keyAt ? null : cell));
  if (written.every((cell) => cell === null)) return { action: 'updated', row };
  const first = columnLetters(startColumn);
  const last = columnLetters(startColumn + cells.length - 1);
  await writeValues(session, {
    spreadsheetId: input.spreadsheetId,
    range: `${quotedTitle(title)}!${first}${row}:${last}${row}`,
    rows: [written],
    valueInput: input.valueInput,
  });
  return { action: 'updated', row };
}

/** The new row, below a header where the sheet is empty. */
function newRows(input: UpsertInput, table: Table): SheetRows {
  const { title, startColumn, columns, hasHeader, cells, keyAt } = table;
  const row =
    input.valueInput === 'raw' ? cells : cells.map((cell, at) => (at === keyAt ? cell : null));
  return {
    spreadsheetId: input.spreadsheetId,
    target: { title, startColumn },
    rows: hasHeader ? [row] : [columns, row],
  };
}

/** U2 and U5: the first is the usual one. */
function markersOf(sheetId: number, input: UpsertInput, key: Cell): AppendMarker[] {
  const text = input.ignoreCase ? cellText(key).toLowerCase() : cellText(key);
  const column = input.keyColumn.trim().toLowerCase();
  return Array.from({ length: MAX_GENERATIONS }, (_, generation) =>
    appendMarker(JSON.stringify(['upsert', sheetId, column, text, generation])),
  );
}

/** RFC 6901 */
function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
