import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { refusedData, refuseLonger } from '../refused-data.ts';
import { MAX_COLUMNS, MAX_ROWS, MAX_TEXT, type ParseInput, type ParseOutput } from './schema.ts';

type Cell = string | number | null;

const recordsSchema = z.array(
  z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) }),
);

const DELIMITERS = [',', ';', '\t', '|'] as const;

/** What JSON takes for a number, except for what begins with 0 as codes do, and no longer than exact. */
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/;

/**
 * RFC 4180, with any delimiter and either line ending: https://www.rfc-editor.org/rfc/rfc4180
 * @throws ConnectorError `invalid_config` with the line, `too_large`
 */
export function parseCsv(input: ParseInput): ParseOutput {
  refuseLonger(input.text, MAX_TEXT, 'CSV text', '/text');
  const text = input.text.replace(/^\ufeff/, '');
  const delimiter = input.delimiter === 'auto' ? findDelimiter(text) : input.delimiter;
  const records = readRecords(text, delimiter, input.trim);
  const head = input.header ? records.shift() : undefined;
  const names = input.columns ?? head?.record ?? [];
  refuseTooMany(records.length, names.length);
  refuseRepeated(names, input.columns === undefined ? '/text' : '/columns');
  const cell = (value: string | undefined): Cell => {
    if (value === undefined) return null;
    return input.numbers && NUMBER.test(value) ? Number(value) : value;
  };
  const hasNames = names.length > 0;
  const width = hasNames ? names.length : Math.max(0, ...[records[0]?.record.length ?? 0]);
  const rows = records.map(({ record, info }) => {
    refuseWidth(record.length, width, info.lines, input.short);
    return hasNames
      ? Object.fromEntries(names.map((name, index) => [name, cell(record[index])]))
      : Array.from({ length: width }, (_, index) => cell(record[index]));
  });
  return { rows, columns: [...names], count: rows.length, delimiter };
}

function readRecords(text: string, delimiter: string, trim: boolean) {
  try {
    return recordsSchema.parse(
      parse(text, {
        delimiter,
        trim,
        info: true,
        relax_column_count: true,
        skip_empty_lines: true,
        record_delimiter: ['\r\n', '\n', '\r'],
      }),
    );
  } catch (error) {
    if (error instanceof CsvError) throw unreadable(error);
    throw error;
  }
}

/** The parser's own messages repeat pieces of the text, and are about its settings. */
function unreadable(error: CsvError): Error {
  const line = 'lines' in error && typeof error.lines === 'number' ? error.lines : 1;
  const reasons: Readonly<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED: 'a quote that is opened there is never closed',
    CSV_INVALID_CLOSING_QUOTE: 'there is text after the closing quote of a cell',
    INVALID_OPENING_QUOTE:
      'there is a quote amid a cell; such a cell has to be quoted, and its quotes doubled',
    CSV_MAX_RECORD_SIZE: 'a row is too long',
  };
  const reason = reasons[error.code] ?? `it can’t be read (${error.code})`;
  return refusedData(
    `The CSV text isn’t right in line ${line}: ${reason}. If the cells are separated by something else, set "delimiter".`,
    '/text',
    { line },
  );
}

/** The one that the first line has most of, outside of quotes. */
function findDelimiter(text: string): string {
  const [line = ''] = text.replace(/"(?:[^"]|"")*"/g, '').split(/\r?\n|\r/, 1);
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  const most = Math.max(...counts);
  return DELIMITERS[counts.indexOf(most)] ?? ',';
}

function refuseTooMany(rows: number, columns: number): void {
  if (rows > MAX_ROWS) {
    throw refusedData(
      `The CSV text has ${rows} rows; ${MAX_ROWS} is the limit. Split it.`,
      '/text',
      { rows },
    );
  }
  if (columns > MAX_COLUMNS) {
    throw refusedData(
      `The CSV text has ${columns} columns; ${MAX_COLUMNS} is the limit.`,
      '/text',
      { columns },
    );
  }
}

function refuseRepeated(names: readonly string[], pointer: string): void {
  if (names.includes('__proto__')) {
    throw refusedData(
      'A column is called "__proto__", a name that JavaScript keeps for itself. Give the columns other names with "columns".',
      pointer,
    );
  }
  const repeated = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (repeated === -1) return;
  throw refusedData(
    `Columns ${names.indexOf(names[repeated] ?? '') + 1} and ${repeated + 1} have the same name, so one would hide the other. Give them names of their own with "columns".`,
    pointer,
    { column: repeated + 1 },
  );
}

function refuseWidth(cells: number, width: number, line: number, short: 'refuse' | 'fill'): void {
  if (cells === width || (cells < width && short === 'fill')) return;
  const advice =
    cells < width
      ? 'Set "short" to "fill" if the rest may be empty.'
      : 'Look for a cell with the delimiter in it that isn’t quoted.';
  throw refusedData(
    `The row that ends in line ${line} has ${cells} cells, and there are ${width} columns. ${advice}`,
    '/text',
    { line, cells, columns: width },
  );
}
