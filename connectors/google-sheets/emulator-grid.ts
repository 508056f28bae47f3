/**
 * What is in the emulator's spreadsheets. The messages that it accepted are the only state: the
 * cells follow from playing them again, so they outlast a restart.
 */
import { z } from 'zod';
import type { Json, SandboxStore } from '../contract.ts';

export const FIRST_SHEET = 'Sheet1';
/** How many messages back a spreadsheet's cells reach. */
const HISTORY = 2_000;
/** The size of a new sheet. */
const NEW_ROWS = 1_000;
const NEW_COLUMNS = 26;

export interface EmulatedSheet {
  readonly title: string;
  readonly rows: Json[][];
  /** Undefined: the one that follows from the title. */
  readonly sheetId: number | undefined;
}

/** A rectangle of cells, from 0, its ends included. */
export interface Rectangle {
  readonly title: string;
  readonly firstRow: number;
  readonly lastRow: number;
  readonly firstColumn: number;
  readonly lastColumn: number;
  /** True if the range names one cell only. */
  readonly isCell: boolean;
}

const messageSchema = z.looseObject({
  sheet: z.string(),
  rows: z.array(z.array(z.json())),
  valueInput: z.enum(['raw', 'user_entered']).optional(),
  firstRow: z.number().int().optional(),
  firstColumn: z.number().int().optional(),
  sheetId: z.number().int().optional(),
});

/** @returns the sheets of a spreadsheet by title */
export async function sheetsOf(
  store: SandboxStore,
  connector: string,
  spreadsheetId: string,
): Promise<Map<string, EmulatedSheet>> {
  const sheets = new Map<string, EmulatedSheet>();
  const messages = await store.list({ connector, to: spreadsheetId, limit: HISTORY });
  for (const { operation, message } of messages.toReversed()) {
    const parsed = messageSchema.safeParse(message);
    if (!parsed.success || operation === 'read') continue;
    const { sheet: title, rows, valueInput, firstRow, firstColumn = 0, sheetId } = parsed.data;
    const sheet = sheets.get(title) ?? { title, rows: [], sheetId };
    sheets.set(title, sheet);
    const cells = valueInput === 'user_entered' ? rows.map((row) => row.map(asTyped)) : rows;
    setCells(sheet.rows, firstRow ?? sheet.rows.length, firstColumn, cells, operation === 'update');
  }
  return sheets;
}

function setCells(
  grid: Json[][],
  firstRow: number,
  firstColumn: number,
  rows: readonly (readonly Json[])[],
  skipsNull: boolean,
): void {
  for (const [down, row] of rows.entries()) {
    while (grid.length <= firstRow + down) grid.push([]);
    const target = grid[firstRow + down] ?? [];
    for (const [right, cell] of row.entries()) {
      if (cell === null && skipsNull) continue;
      while (target.length <= firstColumn + right) target.push('');
      target[firstColumn + right] = cell ?? '';
    }
  }
  while (grid.length > 0 && grid.at(-1)?.every((cell) => cell === '')) grid.pop();
}

/** Numbers and truth values are understood; formulas and dates stay what was typed. */
function asTyped(cell: Json): Json {
  if (typeof cell !== 'string') return cell;
  if (/^-?\d+(\.\d+)?$/.test(cell)) return Number(cell);
  return /^(true|false)$/i.test(cell) ? cell.toLowerCase() === 'true' : cell;
}

/** @returns the cells of a rectangle, without blank ones at the ends */
export function cellsIn(sheet: EmulatedSheet | undefined, range: Rectangle): Json[][] {
  const rows = (sheet?.rows ?? []).slice(range.firstRow, range.lastRow + 1).map((row) => {
    const cells = row.slice(range.firstColumn, range.lastColumn + 1);
    while (cells.length > 0 && cells.at(-1) === '') cells.pop();
    return cells;
  });
  while (rows.length > 0 && rows.at(-1)?.length === 0) rows.pop();
  return rows;
}

/**
 * Reads a range in A1 notation: `Leads`, `Leads!A:D`, `'My Sheet'!B2:D9`, `A1`.
 * @returns undefined if it is none
 */
export function parseA1(range: string): Rectangle | undefined {
  const [, quoted, plain, afterTitle] =
    /^(?:'((?:[^']|'')+)'|([^'!]+))(?:!(.*))?$/.exec(range) ?? [];
  const name = quoted?.replaceAll("''", "'") ?? plain;
  if (name === undefined) return undefined;
  const isCells =
    quoted === undefined &&
    afterTitle === undefined &&
    /^[A-Z]{1,3}\d*:|^[A-Z]{1,3}\d+$/i.test(name);
  const title = isCells ? FIRST_SHEET : name;
  const cells = (isCells ? name : (afterTitle ?? '')).replaceAll('$', '');
  const bounds = /^([A-Z]{1,3})?(\d+)?(?:(:)([A-Z]{1,3})?(\d+)?)?$/i.exec(cells);
  if (bounds === null) return undefined;
  const [, left, top, colon, right, bottom] = bounds;
  const isCell = colon === undefined && left !== undefined && top !== undefined;
  const firstRow = top === undefined ? 0 : Number(top) - 1;
  const firstColumn = left === undefined ? 0 : columnNumber(left);
  const lastRow = isCell ? firstRow : bottom === undefined ? NEW_ROWS - 1 : Number(bottom) - 1;
  const lastColumn = isCell
    ? firstColumn
    : right === undefined
      ? NEW_COLUMNS - 1
      : columnNumber(right);
  return { title, firstRow, lastRow, firstColumn, lastColumn, isCell };
}

export function toA1({ title, ...range }: Rectangle): string {
  const sheet = /^[A-Za-z_]\w*$/.test(title) ? title : `'${title.replaceAll("'", "''")}'`;
  const first = `${letters(range.firstColumn)}${range.firstRow + 1}`;
  const last = `${letters(range.lastColumn)}${range.lastRow + 1}`;
  return `${sheet}!${first === last ? first : `${first}:${last}`}`;
}

function columnNumber(text: string): number {
  let number = 0;
  for (const letter of text.toUpperCase()) number = number * 26 + letter.charCodeAt(0) - 64;
  return number - 1;
}

function letters(column: number): string {
  const before = Math.floor(column / 26);
  return (before > 0 ? letters(before - 1) : '') + String.fromCharCode(65 + (column % 26));
}
