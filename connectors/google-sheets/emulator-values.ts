/** values.get, values.update and values.append of the emulator. */
import { z } from 'zod';
import type { Json, SandboxStore } from '../contract.ts';
import { googleError } from '../google/emulator-replies.ts';
import type { EmulatedReply, EmulatedRequest } from '../http-emulator.ts';
import { cellsIn, parseA1, type Rectangle, sheetsOf, toA1 } from './emulator-grid.ts';

/** How many of the rows that were read the outbox shows. */
const SHOWN_ROWS = 20;

const valuesSchema = z.looseObject({
  values: z.array(z.array(z.union([z.string(), z.number(), z.boolean(), z.null()]))).min(1),
});
const INPUT_OPTIONS: Readonly<Record<string, string>> = {
  RAW: 'raw',
  USER_ENTERED: 'user_entered',
};

export interface ValuesEmulation {
  readonly store: SandboxStore;
  readonly connector: string;
}

export async function getValues(
  { store, connector }: ValuesEmulation,
  spreadsheetId: string,
  range: string,
  request: EmulatedRequest,
): Promise<EmulatedReply> {
  const rectangle = parseA1(range);
  if (rectangle === undefined) return unparsable(range);
  const sheets = await sheetsOf(store, connector, spreadsheetId);
  const isFormatted = request.query.get('valueRenderOption') !== 'UNFORMATTED_VALUE';
  const values = cellsIn(sheets.get(rectangle.title), rectangle).map((row) =>
    row.map((cell) => (isFormatted ? formatted(cell) : cell)),
  );
  await store.add({
    connector,
    operation: 'read',
    ...request.trace,
    to: spreadsheetId,
    message: { sheet: rectangle.title, range: toA1(rectangle), rows: values.slice(0, SHOWN_ROWS) },
  });
  return {
    status: 200,
    body: {
      range: toA1(rectangle),
      majorDimension: 'ROWS',
      ...(values.length === 0 ? {} : { values }),
    },
  };
}

function formatted(cell: Json): Json {
  return typeof cell === 'boolean' ? String(cell).toUpperCase() : String(cell);
}

export async function updateValues(
  { store, connector }: ValuesEmulation,
  spreadsheetId: string,
  range: string,
  request: EmulatedRequest,
): Promise<EmulatedReply> {
  const parsed = valuesSchema.safeParse(request.json());
  if (!parsed.success) return invalid('Invalid JSON payload received.');
  const valueInput = INPUT_OPTIONS[request.query.get('valueInputOption') ?? ''];
  if (valueInput === undefined) {
    return invalid("'valueInputOption' is required but not specified.");
  }
  const rectangle = parseA1(range);
  if (rectangle === undefined) return unparsable(range);
  const { values } = parsed.data;
  const written = extent(rectangle, values);
  if (!rectangle.isCell && written.lastRow > rectangle.lastRow) {
    return invalid(
      `Requested writing within range [${toA1(rectangle)}], but tried writing to row [${written.lastRow + 1}]`,
    );
  }
  if (!rectangle.isCell && written.lastColumn > rectangle.lastColumn) {
    return invalid(
      `Requested writing within range [${toA1(rectangle)}], but tried writing to column [${written.lastColumn + 1}]`,
    );
  }
  await store.add({
    connector,
    operation: 'update',
    ...request.trace,
    to: spreadsheetId,
    message: {
      sheet: rectangle.title,
      range: toA1(written),
      rows: values,
      valueInput,
      firstRow: written.firstRow,
      firstColumn: written.firstColumn,
    },
  });
  return { status: 200, body: { spreadsheetId, ...told(written, values) } };
}

export async function appendValues(
  { store, connector }: ValuesEmulation,
  spreadsheetId: string,
  range: string,
  request: EmulatedRequest,
): Promise<EmulatedReply> {
  const parsed = valuesSchema.safeParse(request.json());
  if (!parsed.success) return invalid('Invalid JSON payload received.');
  if (request.query.get('valueInputOption') !== 'USER_ENTERED') {
    return invalid("'valueInputOption' is required but not specified.");
  }
  const rectangle = parseA1(range);
  if (rectangle === undefined) return unparsable(range);
  const { values } = parsed.data;
  const { title, firstColumn } = rectangle;
  const sheets = await sheetsOf(store, connector, spreadsheetId);
  await store.add({
    connector,
    operation: 'append',
    ...request.trace,
    to: spreadsheetId,
    message: { sheet: title, rows: values, valueInput: 'user_entered', firstColumn },
  });
  const written = extent({ ...rectangle, firstRow: sheets.get(title)?.rows.length ?? 0 }, values);
  return {
    status: 200,
    body: { spreadsheetId, updates: { spreadsheetId, ...told(written, values) } },
  };
}

/** Where values come to lie that begin in the first cell of a rectangle. */
function extent(range: Rectangle, values: readonly (readonly Json[])[]): Rectangle {
  const width = Math.max(...values.map((row) => row.length));
  return {
    ...range,
    lastRow: range.firstRow + values.length - 1,
    lastColumn: range.firstColumn + width - 1,
  };
}

function told(written: Rectangle, values: readonly (readonly Json[])[]) {
  return {
    updatedRange: toA1(written),
    updatedRows: values.length,
    updatedColumns: written.lastColumn - written.firstColumn + 1,
    updatedCells: values.flat().length,
  };
}

function unparsable(range: string): EmulatedReply {
  return invalid(`Unable to parse range: ${range}`);
}

function invalid(message: string): EmulatedReply {
  return googleError(400, 'INVALID_ARGUMENT', message);
}
