import { stringify } from 'csv-stringify/sync';
import type { Json } from '../contract.ts';
import { refusedData } from '../refused-data.ts';
import { MAX_COLUMNS, type StringifyInput, type StringifyOutput } from './schema.ts';

/** What spreadsheets take for a formula: https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA = /^[=@\t\r]|^[+-](?!\s*[\d٠-٩(])/u;

/** @throws ConnectorError `invalid_config` */
export function stringifyCsv(input: StringifyInput): StringifyOutput {
  const { rows } = input;
  const lists = rows.filter((row) => Array.isArray(row)).length;
  if (lists !== 0 && lists !== rows.length) {
    throw refusedData(
      'Some rows are objects and others are lists. Make them all the same.',
      '/rows',
    );
  }
  const columns = input.columns ?? (lists === 0 ? namesOf(rows) : undefined);
  if (columns !== undefined && columns.length > MAX_COLUMNS) {
    throw refusedData(
      `The rows have ${columns.length} different fields; ${MAX_COLUMNS} columns is the limit. Choose some with "columns".`,
      '/rows',
    );
  }
  const records = rows.map((row, index) => cellsOf(row, columns, index, input.formulas));
  if (input.header && columns !== undefined) {
    records.unshift(columns.map((name) => textOf(name, input.formulas)));
  }
  const text = stringify(records, {
    delimiter: input.delimiter,
    quoted: input.quoteAll,
    quoted_empty: input.quoteAll,
    record_delimiter: input.lineEnding === 'crlf' ? '\r\n' : '\n',
    bom: input.bom,
  });
  return { text, count: rows.length };
}

function namesOf(rows: StringifyInput['rows']): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return [...names];
}

function cellsOf(
  row: StringifyInput['rows'][number],
  columns: readonly string[] | undefined,
  index: number,
  formulas: StringifyInput['formulas'],
): string[] {
  if (!Array.isArray(row)) {
    return (columns ?? []).map((name) =>
      textOf(Object.hasOwn(row, name) ? row[name] : null, formulas),
    );
  }
  if (columns !== undefined && row.length > columns.length) {
    throw refusedData(
      `Row ${index + 1} has ${row.length} cells, and "columns" names ${columns.length}.`,
      `/rows/${index}`,
    );
  }
  return row.map((value) => textOf(value, formulas));
}

/** Lists and objects within a cell are written as JSON. */
function textOf(value: Json | undefined, formulas: StringifyInput['formulas']): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return JSON.stringify(value);
  const text = String(value);
  return formulas === 'escape' && typeof value === 'string' && FORMULA.test(text)
    ? `'${text}`
    : text;
}
