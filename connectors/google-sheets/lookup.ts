/** Finds a row by the value of a column. Nothing is changed by it, so it may be repeated. */
import type { GoogleSession } from '../google/google-session.ts';
import { parseRange } from './a1-range.ts';
import { columnAt, namedColumns, rowWith, toRowObject } from './header-table.ts';
import type { LookupInput, LookupOutput } from './schema.ts';
import { readValues } from './values.ts';

const NOTHING: LookupOutput = { found: false, row: null, object: null, values: null };

/** @throws ConnectorError `invalid_config` if the header row has no such column */
export async function lookupRow(session: GoogleSession, input: LookupInput): Promise<LookupOutput> {
  const { spreadsheetId, range, keyColumn, value, ignoreCase, match, render } = input;
  parseRange(range);
  const found = await readValues(session, { spreadsheetId, range, render });
  const [header, ...rows] = found.values;
  // A sheet without any cell has no such row, whatever its columns will be called.
  if (header === undefined) return NOTHING;
  const width = Math.max(header.length, ...rows.map((row) => row.length));
  const columns = namedColumns(header, width, found.startColumn);
  const column = columnAt(columns, keyColumn, found.startColumn, '/keyColumn');
  const at = rowWith(rows, column, value, { ignoreCase, last: match === 'last' });
  const row = rows[at];
  if (row === undefined) return NOTHING;
  return {
    found: true,
    row: found.startRow + 1 + at,
    object: toRowObject(columns, row),
    values: row,
  };
}
