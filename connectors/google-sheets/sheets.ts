/** The calls to the Google Sheets API, https://developers.google.com/workspace/sheets/api/reference/rest */
import type { sheets_v4 } from 'googleapis/build/src/apis/sheets/index.js';
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import { withEffect } from '../google/errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { type AppendTarget, firstCellOf } from './a1-range.ts';
import {
  type AppendMarker,
  expiredMarkers,
  markerRequest,
  PRESSED_MIN_AGE_S,
  SWEEP_MIN_AGE_S,
} from './append-marker.ts';
import type { Cell } from './schema.ts';

export interface SheetRows {
  readonly spreadsheetId: string;
  readonly target: AppendTarget;
  readonly rows: readonly (readonly Cell[])[];
}

const SHEETS = 'Google Sheets';
const MAX_KNOWN_SHEETS = 2_000;

const propertiesSchema = z.object({
  sheets: z.array(
    z.object({
      properties: z.object({
        // JSON leaves out a sheetId of 0.
        sheetId: z.number().int().default(0),
        title: z.string(),
        hidden: z.boolean().default(false),
      }),
    }),
  ),
});
const batchSchema = z.object({ spreadsheetId: z.string() });
const valuesSchema = z.object({
  spreadsheetId: z.string(),
  updates: z.object({ updatedRange: z.string() }),
});
const searchSchema = z.object({
  matchedDeveloperMetadata: z
    .array(
      z.object({
        developerMetadata: z.object({
          metadataId: z.number().int(),
          metadataKey: z.string(),
          metadataValue: z.string().optional(),
          location: z.object({ sheetId: z.number().int().optional() }).optional(),
        }),
      }),
    )
    .default([]),
});

/** Sheet ids by spreadsheet and title, which change only when people delete or rename sheets. */
export interface SheetIds {
  get(session: GoogleSession, rows: SheetRows): Promise<number>;
  /** Asks Sheets, whatever is known. @param maxMs limit of the call in milliseconds */
  refresh(session: GoogleSession, rows: SheetRows, maxMs?: number): Promise<number>;
}

export function createSheetIds(): SheetIds {
  const known = new Map<string, number>();
  const keyOf = ({ credential }: GoogleSession, { spreadsheetId, target }: SheetRows): string =>
    JSON.stringify([credential.sheetsBaseUrl, spreadsheetId, target.title]);

  async function refresh(session: GoogleSession, rows: SheetRows, maxMs?: number): Promise<number> {
    const key = keyOf(session, rows);
    known.delete(key);
    const sheetId = await askSheetId(session, rows, maxMs);
    const oldest = known.keys().next().value;
    if (known.size >= MAX_KNOWN_SHEETS && oldest !== undefined) known.delete(oldest);
    known.set(key, sheetId);
    return sheetId;
  }

  return {
    refresh,
    get: async (session, rows) => known.get(keyOf(session, rows)) ?? (await refresh(session, rows)),
  };
}

/** https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/get */
async function askSheetId(
  session: GoogleSession,
  { spreadsheetId, target }: SheetRows,
  maxMs: number | undefined,
): Promise<number> {
  const { title } = target;
  const { sheets } = await session.call(
    {
      api: SHEETS,
      acts: false,
      sent: title,
      answer: propertiesSchema,
      ...(maxMs === undefined ? {} : { maxMs }),
    },
    (google) =>
      google.sheets.spreadsheets.get({
        spreadsheetId,
        fields: 'sheets.properties(sheetId,title,hidden)',
        ...(title === undefined ? {} : { ranges: [firstCellOf(title)] }),
      }),
  );
  const found =
    title === undefined ? sheets.find(({ properties }) => !properties.hidden) : sheets[0];
  if (found === undefined) {
    throw new ConnectorError(
      'not_found',
      'The sheet that "range" names does not exist in the spreadsheet.',
      { effect: 'none', permanent: true, pointer: '/range' },
    );
  }
  return found.properties.sheetId;
}

/** Every sheet of a spreadsheet. */
export async function listSheets(
  session: GoogleSession,
  spreadsheetId: string,
): Promise<readonly { readonly sheetId: number; readonly title: string }[]> {
  const { sheets } = await session.call(
    { api: SHEETS, acts: false, sent: undefined, answer: propertiesSchema },
    (google) =>
      google.sheets.spreadsheets.get({
        spreadsheetId,
        fields: 'sheets.properties(sheetId,title,hidden)',
      }),
  );
  return sheets.map(({ properties: { sheetId, title } }) => ({ sheetId, title }));
}

/**
 * Appends rows and their marker in one atomic request: both are there afterwards, or neither.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/batchUpdate
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/request#appendcellsrequest
 */
export async function appendMarked(
  session: GoogleSession,
  rows: SheetRows,
  sheetId: number,
  marker: AppendMarker,
  options: { readonly withId: boolean },
): Promise<void> {
  const requests: sheets_v4.Schema$Request[] = [
    {
      appendCells: {
        sheetId,
        fields: 'userEnteredValue',
        rows: rows.rows.map((row) => ({
          values: padded(rows.target, row).map((cell) =>
            cell === null ? {} : { userEnteredValue: typedValue(cell) },
          ),
        })),
      },
    },
    markerRequest(marker, sheetId, options.withId),
  ];
  await batchUpdate(session, rows.spreadsheetId, requests, rows.rows);
}

/**
 * Applies all of the requests or none.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/batchUpdate
 * @param sent what no message may repeat
 */
export async function batchUpdate(
  session: GoogleSession,
  spreadsheetId: string,
  requests: sheets_v4.Schema$Request[],
  sent: unknown,
): Promise<void> {
  await session.call({ api: SHEETS, acts: true, sent, answer: batchSchema }, (google) =>
    google.sheets.spreadsheets.batchUpdate({ spreadsheetId, requestBody: { requests } }),
  );
}

/** AppendCells always begins at column A. */
function padded({ startColumn }: AppendTarget, row: readonly Cell[]): Cell[] {
  return [...new Array<Cell>(startColumn).fill(null), ...row];
}

/** A text stays a text, also one that begins with `=`. */
function typedValue(cell: string | number | boolean): sheets_v4.Schema$ExtendedValue {
  switch (typeof cell) {
    case 'number':
      return { numberValue: cell };
    case 'boolean':
      return { boolValue: cell };
    case 'string':
      return { stringValue: cell };
  }
}

/**
 * Appends rows as if typed by a person. Sheets takes no key here and no marker.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/append
 * @returns where the rows are
 */
export async function appendTyped(
  session: GoogleSession,
  rows: SheetRows,
  range: string,
): Promise<string> {
  const { updates } = await session.call(
    { api: SHEETS, acts: true, sent: rows.rows, answer: valuesSchema },
    (google) =>
      google.sheets.spreadsheets.values.append({
        spreadsheetId: rows.spreadsheetId,
        range,
        valueInputOption: 'USER_ENTERED',
        insertDataOption: 'INSERT_ROWS',
        requestBody: { majorDimension: 'ROWS', values: rows.rows.map((row) => [...row]) },
      }),
  );
  return updates.updatedRange;
}

/**
 * Is the append's marker in the spreadsheet?
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.developerMetadata/search
 */
export async function hasMarker(
  session: GoogleSession,
  spreadsheetId: string,
  marker: AppendMarker,
): Promise<boolean> {
  return (await findMarkers(session, spreadsheetId, [marker])).has(marker.metadataKey);
}

/** @returns the keys of those markers that are in the spreadsheet */
export async function findMarkers(
  session: GoogleSession,
  spreadsheetId: string,
  markers: readonly AppendMarker[],
): Promise<ReadonlySet<string>> {
  const found = await searchMarkers(
    session,
    spreadsheetId,
    markers.map(({ metadataKey }) => ({ metadataKey })),
  );
  return new Set(found.map(({ metadataKey }) => metadataKey));
}

/**
 * Removes old markers; see append-marker.ts for which.
 * @param pressed true if Sheets has no room for another one
 * @returns how many were removed
 */
export async function sweepMarkers(
  session: GoogleSession,
  spreadsheetId: string,
  sheetId: number,
  pressed: boolean,
): Promise<number> {
  const entries = await searchMarkers(session, spreadsheetId, [
    { locationType: 'SHEET', visibility: 'DOCUMENT' },
  ]);
  const expired = expiredMarkers(entries, sheetId, pressed ? PRESSED_MIN_AGE_S : SWEEP_MIN_AGE_S);
  if (expired.length === 0) return 0;
  const requests = expired.map((metadataId) => ({
    deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup: { metadataId } } },
  }));
  try {
    await batchUpdate(session, spreadsheetId, requests, undefined);
  } catch (error) {
    // Whatever became of the markers, no row was touched.
    throw error instanceof ConnectorError ? withEffect(error, 'none') : error;
  }
  return expired.length;
}

async function searchMarkers(
  session: GoogleSession,
  spreadsheetId: string,
  lookups: readonly sheets_v4.Schema$DeveloperMetadataLookup[],
) {
  const { matchedDeveloperMetadata } = await session.call(
    { api: SHEETS, acts: false, sent: undefined, answer: searchSchema },
    (google) =>
      google.sheets.spreadsheets.developerMetadata.search({
        spreadsheetId,
        requestBody: {
          dataFilters: lookups.map((developerMetadataLookup) => ({ developerMetadataLookup })),
        },
      }),
  );
  return matchedDeveloperMetadata.map(({ developerMetadata }) => developerMetadata);
}
