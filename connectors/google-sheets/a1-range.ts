import { ConnectorError } from '../errors.ts';

/** Where rows go: which sheet, and from which column on. */
export interface AppendTarget {
  /** Undefined: the first visible sheet. */
  readonly title: string | undefined;
  /** 0 for column A. */
  readonly startColumn: number;
}

const CELLS = /^\$?([A-Za-z]{1,3})?\$?(\d+)?(?::\$?[A-Za-z]{0,3}\$?\d*)?$/;
const QUOTED = /^'((?:[^']|'')+)'(?:!(.*))?$/;

/**
 * Reads A1 notation: `Leads!A:D`, `'My Sheet'!B2`, `Leads`, `A:D`. Rows are ignored, because an
 * append goes below the data anyway.
 * https://developers.google.com/workspace/sheets/api/guides/concepts#cell
 * @throws ConnectorError invalid_config
 */
export function parseRange(range: string): AppendTarget {
  const text = range.trim();
  const quoted = QUOTED.exec(text);
  if (quoted?.[1] !== undefined) {
    return target(quoted[1].replaceAll("''", "'"), quoted[2] ?? '');
  }
  if (text.startsWith("'")) throw unreadable();
  const bang = text.lastIndexOf('!');
  if (bang > 0) return target(text.slice(0, bang), text.slice(bang + 1));
  // "A:D" and "B2" are cells of the first sheet; "ABC" and "Leads" can only be titles.
  if (CELLS.test(text) && /[:\d]/.test(text)) return target(undefined, text);
  if (bang === -1 && text !== '') return target(text, '');
  throw unreadable();
}

function target(title: string | undefined, cells: string): AppendTarget {
  const match = CELLS.exec(cells);
  if (match === null) throw unreadable();
  return { title, startColumn: match[1] === undefined ? 0 : columnIndex(match[1]) };
}

export interface CellRange {
  readonly title: string | undefined;
  /** 1 for the first row of the sheet. */
  readonly startRow: number;
  /** 0 for column A. */
  readonly startColumn: number;
}

/**
 * Reads where a range begins, e.g. of `'My Sheet'!B2:D1000`.
 * @throws ConnectorError invalid_config
 */
export function parseCells(range: string): CellRange {
  const { title, startColumn } = parseRange(range);
  const cells = range.slice(range.lastIndexOf('!') + 1);
  const row = /^\$?[A-Za-z]{0,3}\$?(\d+)/.exec(cells)?.[1];
  return { title, startColumn, startRow: row === undefined ? 1 : Number(row) };
}

/** @param column 0 for A */
export function columnLetters(column: number): string {
  const before = Math.floor(column / 26);
  return (before > 0 ? columnLetters(before - 1) : '') + String.fromCharCode(65 + (column % 26));
}

/** A sheet's title as ranges have it. */
export function quotedTitle(title: string): string {
  return `'${title.replaceAll("'", "''")}'`;
}

function columnIndex(letters: string): number {
  return (
    [...letters.toUpperCase()].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1
  );
}

/** A range that can only mean the sheet of this title, and never a named range. */
export function firstCellOf(title: string): string {
  return `${quotedTitle(title)}!A1`;
}

function unreadable(): ConnectorError {
  return new ConnectorError(
    'invalid_config',
    'The field "range" is not in A1 notation. Write the sheet and its columns, for example Leads!A:D, or \'My Sheet\'!A:D if the name has spaces.',
    { effect: 'none', permanent: true, pointer: '/range' },
  );
}
