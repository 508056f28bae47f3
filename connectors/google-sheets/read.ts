/** Reads rows. Nothing is changed by it, so it may be repeated. */
import type { GoogleSession } from '../google/google-session.ts';
import { parseRange } from './a1-range.ts';
import { namedColumns, toRowObject } from './header-table.ts';
import type { ReadInput, ReadOutput } from './schema.ts';
import { readValues } from './values.ts';

/** @throws ConnectorError `not_found` if there is no such sheet */
export async function read(session: GoogleSession, input: ReadInput): Promise<ReadOutput> {
  const { spreadsheetId, range, header, render, maxRows } = input;
  parseRange(range);
  const found = await readValues(session, { spreadsheetId, range, render });
  const [first = [], ...rest] = found.values;
  const rows = header ? rest : found.values;
  const kept = rows.slice(0, maxRows);
  const width = Math.max(first.length, ...kept.map((row) => row.length));
  const columns = header ? namedColumns(first, width, found.startColumn) : [];
  return {
    range: found.range,
    columns,
    rows: header ? kept.map((row) => toRowObject(columns, row)) : kept,
    rowCount: kept.length,
    firstRow: found.startRow + (header ? 1 : 0),
    truncated: rows.length > kept.length,
  };
}
