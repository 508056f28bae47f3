/** Rows under a header row. Pure: cells in, objects out. */
import { ConnectorError } from '../errors.ts';
import { columnLetters } from './a1-range.ts';
import type { Cell } from './schema.ts';

/**
 * Names of columns: the header's texts; the column's letters where it is blank; a repeated name gets
 * a number (`Name_2`).
 * @param startColumn of the first one, 0 for A
 */
export function namedColumns(
  header: readonly Cell[],
  width: number,
  startColumn: number,
): string[] {
  const taken = new Set<string>();
  return Array.from({ length: width }, (_, at) => {
    const base = cellText(header[at] ?? null) || columnLetters(startColumn + at);
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}_${number}`;
    taken.add(name);
    return name;
  });
}

/** Blank cells are null, also those that Sheets leaves out at a row's end. */
export function toRowObject(
  columns: readonly string[],
  row: readonly Cell[],
): Record<string, Cell> {
  return Object.fromEntries(
    columns.map((name, at) => {
      const cell = row[at] ?? null;
      return [name, cell === '' ? null : cell];
    }),
  );
}

/**
 * Finds a column by its header, or else by its letters.
 * @param pointer where the name stands in the config
 * @returns its place among `columns`
 * @throws ConnectorError `invalid_config` that lists what is there
 */
export function columnAt(
  columns: readonly string[],
  name: string,
  startColumn: number,
  pointer: string,
): number {
  const wanted = name.trim();
  const exact = columns.indexOf(wanted);
  if (exact !== -1) return exact;
  const similar = columns.findIndex((each) => each.toLowerCase() === wanted.toLowerCase());
  if (similar !== -1) return similar;
  const byLetters = columns.findIndex((_, at) => columnLetters(startColumn + at) === wanted);
  if (byLetters !== -1) return byLetters;
  const known = columns.slice(0, 20).map((each) => `"${each}"`);
  throw new ConnectorError(
    'invalid_config',
    `The sheet has no column "${wanted}". Its first row names ${known.length === 0 ? 'none' : known.join(', ')}. Check the spelling, or that "range" begins with the header row.`,
    { effect: 'none', permanent: true, pointer },
  );
}

/** Where a row has this value: numbers, texts and truth values are compared as they read. */
export function rowWith(
  rows: readonly (readonly Cell[])[],
  column: number,
  value: Cell,
  options: { readonly ignoreCase: boolean; readonly last?: boolean },
): number {
  const normal = (cell: Cell): string =>
    options.ignoreCase ? cellText(cell).toLowerCase() : cellText(cell);
  const wanted = normal(value);
  const matches = (row: readonly Cell[]): boolean => normal(row[column] ?? null) === wanted;
  return options.last === true ? rows.findLastIndex(matches) : rows.findIndex(matches);
}

export function cellText(cell: Cell): string {
  return cell === null ? '' : String(cell).trim();
}
