/**
 * Adds a tab to a spreadsheet, with its header row, in one atomic request.
 *
 * Sheets takes a title once only, and the tab's id follows from our key: so a repetition adds
 * nothing, and knows whether the tab that is there is its own.
 */
import { createHash } from 'node:crypto';
import type { sheets_v4 } from 'googleapis/build/src/apis/sheets/index.js';
import { ConnectorError } from '../errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { isRefusalOf } from './append.ts';
import type { CreateSheetInput, CreateSheetOutput } from './schema.ts';
import { batchUpdate, listSheets } from './sheets.ts';

/**
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/request#addsheetrequest
 * @throws ConnectorError `rejected` if the tab is there and `ifExists` is "fail"
 */
export async function createSheet(
  session: GoogleSession,
  input: CreateSheetInput,
): Promise<CreateSheetOutput> {
  const { spreadsheetId, title, headers, ifExists } = input;
  const sheetId = idOf(session.context.key);
  const requests: sheets_v4.Schema$Request[] = [
    { addSheet: { properties: { sheetId, title } } },
    ...(headers === undefined
      ? []
      : [
          {
            updateCells: {
              start: { sheetId, rowIndex: 0, columnIndex: 0 },
              fields: 'userEnteredValue',
              rows: [
                { values: headers.map((name) => ({ userEnteredValue: { stringValue: name } })) },
              ],
            },
          },
        ]),
  ];
  try {
    await batchUpdate(session, spreadsheetId, requests, headers);
    return { sheetId, title, created: true };
  } catch (error) {
    if (!(error instanceof ConnectorError) || !isRefusalOf(error, /already exists/i)) throw error;
    const sheets = await listSheets(session, spreadsheetId);
    const known = sheets.find((each) => each.title.toLowerCase() === title.toLowerCase());
    if (known === undefined) throw error;
    if (known.sheetId === sheetId) return { ...known, created: true };
    if (ifExists === 'use') return { ...known, created: false };
    throw new ConnectorError(
      'rejected',
      'The spreadsheet has a sheet of this title already. Choose another title, or set "ifExists" to "use".',
      { effect: 'none', permanent: true, pointer: '/title' },
    );
  }
}

/** Positive int32, as Sheets wants it. */
function idOf(key: string): number {
  return createHash('sha256').update(`sheet ${key}`).digest().readUInt32BE() & 0x7fffffff || 1;
}
