/** The calls that read and set cells by range, https://developers.google.com/workspace/sheets/api/guides/values */
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { parseCells } from './a1-range.ts';
import type { Cell, Render, UpdateOutput, ValueInput } from './schema.ts';

const SHEETS = 'Google Sheets';

const answeredCell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const rangeSchema = z.object({
  range: z.string(),
  values: z.array(z.array(answeredCell)).default([]),
});
const updatedSchema = z.object({
  spreadsheetId: z.string(),
  updatedRange: z.string(),
  updatedRows: z.number().int().default(0),
  updatedColumns: z.number().int().default(0),
  updatedCells: z.number().int().default(0),
});

const RENDER_OPTIONS = {
  unformatted: 'UNFORMATTED_VALUE',
  formatted: 'FORMATTED_VALUE',
  formula: 'FORMULA',
} as const satisfies Record<Render, string>;

export interface SheetValues {
  /** As Sheets tells it: with the sheet and all bounds. */
  readonly range: string;
  readonly title: string;
  /** 1 for the first row of the sheet. */
  readonly startRow: number;
  /** 0 for column A. */
  readonly startColumn: number;
  /** Without the blank cells at the end of rows and the blank rows at the end. */
  readonly values: readonly Cell[][];
}

/**
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/get
 * @throws ConnectorError `not_found` if there is no such sheet
 */
export async function readValues(
  session: GoogleSession,
  wanted: { readonly spreadsheetId: string; readonly range: string; readonly render: Render },
): Promise<SheetValues> {
  const { spreadsheetId, range } = wanted;
  const answer = await narrowed(
    session.call({ api: SHEETS, acts: false, sent: range, answer: rangeSchema }, (google) =>
      google.sheets.spreadsheets.values.get({
        spreadsheetId,
        range,
        majorDimension: 'ROWS',
        valueRenderOption: RENDER_OPTIONS[wanted.render],
        // Dates as people see them rather than days since 1899.
        dateTimeRenderOption: 'FORMATTED_STRING',
      }),
    ),
  );
  const { title, startRow, startColumn } = parseCells(answer.range);
  if (title === undefined) {
    throw new ConnectorError(
      'invalid_response',
      'Google Sheets answered a range without the name of its sheet.',
      { effect: 'none', permanent: false },
    );
  }
  return { range: answer.range, title, startRow, startColumn, values: answer.values };
}

/** Says what to do about an answer that is too large. */
async function narrowed<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'too_large') throw error;
    throw new ConnectorError(
      'too_large',
      'The range has more cells than can be read at once. Narrow "range" to the rows and columns that are needed, for example Leads!A1:D5000.',
      { effect: 'none', permanent: true, pointer: '/range' },
    );
  }
}

/**
 * Sets cells. A null leaves its cell as it is; an empty text clears it.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/update
 */
export async function writeValues(
  session: GoogleSession,
  wanted: {
    readonly spreadsheetId: string;
    readonly range: string;
    readonly rows: readonly (readonly Cell[])[];
    readonly valueInput: ValueInput;
  },
): Promise<UpdateOutput> {
  const { spreadsheetId, range, rows, valueInput } = wanted;
  const { updatedRange, updatedRows, updatedColumns, updatedCells } = await session.call(
    { api: SHEETS, acts: true, sent: rows, answer: updatedSchema },
    (google) =>
      google.sheets.spreadsheets.values.update({
        spreadsheetId,
        range,
        valueInputOption: valueInput === 'raw' ? 'RAW' : 'USER_ENTERED',
        requestBody: { majorDimension: 'ROWS', values: rows.map((row) => [...row]) },
      }),
  );
  return { updatedRange, updatedRows, updatedColumns, updatedCells };
}
