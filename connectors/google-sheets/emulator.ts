/**
 * Plays what the connector needs of Google: the token endpoint, the Sheets API and BigQuery's
 * insertAll and query, on one address.
 *
 * Every spreadsheet exists and has every sheet that is asked for; so does every BigQuery table.
 */
import type { EmulatorDeps } from '../contract.ts';
import { createBigQueryEmulation } from '../google/emulator-bigquery.ts';
import { type GoogleEmulator, startGoogleApis } from '../google/emulator-google.ts';
import type { EmulatedRequest } from '../http-emulator.ts';
import { createSheetsEmulation } from './emulator-sheets.ts';

const CONNECTOR = 'google-sheets';

export const isSheetsRequest = ({ path }: EmulatedRequest): boolean =>
  path.startsWith('/v4/spreadsheets/');
export const isSheetsAppend = (request: EmulatedRequest): boolean =>
  isSheetsRequest(request) &&
  (request.path.endsWith(':append') ||
    (request.path.endsWith(':batchUpdate') && request.text().includes('"appendCells"')));

export const isValuesRead = ({ method, path }: EmulatedRequest): boolean =>
  method === 'GET' && path.includes('/values/');
export const isValuesUpdate = ({ method, path }: EmulatedRequest): boolean =>
  method === 'PUT' && path.includes('/values/');
export const isAddSheet = (request: EmulatedRequest): boolean =>
  request.path.endsWith(':batchUpdate') && request.text().includes('"addSheet"');

/** Starts the emulator. What `inject` is given strikes appends to Sheets only. */
export function startGoogleEmulator({ store, host, port }: EmulatorDeps): Promise<GoogleEmulator> {
  return startGoogleApis({
    connector: CONNECTOR,
    host,
    port,
    apis: {
      '/v4/spreadsheets/': createSheetsEmulation(store),
      '/bigquery/v2/': createBigQueryEmulation({ store, connector: CONNECTOR }),
    },
    takesFault: isSheetsAppend,
  });
}
