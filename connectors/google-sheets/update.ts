/**
 * Sets cells of a range. The same values in the same cells are the same effect, however often they
 * are written, so an update may be repeated.
 */
import type { GoogleSession } from '../google/google-session.ts';
import { parseRange } from './a1-range.ts';
import type { UpdateInput, UpdateOutput } from './schema.ts';
import { writeValues } from './values.ts';

export async function update(session: GoogleSession, input: UpdateInput): Promise<UpdateOutput> {
  parseRange(input.range);
  return writeValues(session, {
    spreadsheetId: input.spreadsheetId,
    range: input.range,
    rows: input.rows ?? [input.values ?? []],
    valueInput: input.valueInput,
  });
}
