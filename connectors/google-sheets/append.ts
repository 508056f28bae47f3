/**
 * Appends rows to a sheet, and to BigQuery when Sheets refuses.
 *
 *   E1  Rows are written once. A raw append is one atomic request that also leaves a marker (see
 *       append-marker.ts), so an attempt in doubt is looked up before the next one acts.
 *   E2  Rows go to BigQuery only if Sheets provably has none of them: it refused, it was asked
 *       afterwards, or nothing was sent to it. A broken connection or a time-out proves nothing:
 *       then the outcome stays in doubt and both are left alone.
 *   E3  A full spreadsheet sends rows to BigQuery at once; a quota or an outage does so on the last
 *       attempt, because waiting may still help before.
 *   E4  With a fallback, every attempt first asks Sheets for the sheet. So an outage shows in a
 *       call that changes nothing, and leaves no doubt that would forbid the fallback.
 */
import type { LookupResult, OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import type { BigQueryTable } from '../google/bigquery-api.ts';
import type { GoogleCredential } from '../google/credential.ts';
import { isCellLimit, withEffect } from '../google/errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { parseRange } from './a1-range.ts';
import { type AppendMarker, appendMarker } from './append-marker.ts';
import { hasRows, insertRows } from './bigquery.ts';
import type { AppendInput, AppendOutput } from './schema.ts';
import {
  appendMarked,
  appendTyped,
  hasMarker,
  type SheetIds,
  type SheetRows,
  sweepMarkers,
} from './sheets.ts';

/** Share of an attempt's time that the question of E4 may take, so that the fallback has the rest. */
const PROBE_SHARE = 1 / 3;

export async function append(
  session: GoogleSession,
  sheetIds: SheetIds,
  input: AppendInput,
  context: OperationContext<GoogleCredential>,
): Promise<AppendOutput> {
  const rows = sheetRows(input);
  try {
    const probeMs = input.fallback === undefined ? undefined : context.timeoutMs * PROBE_SHARE;
    const sheetId =
      probeMs === undefined ? undefined : await sheetIds.refresh(session, rows, Math.ceil(probeMs));
    if (input.valueInput === 'user_entered') {
      const updatedRange = await appendTyped(session, rows, input.range);
      return { store: 'sheets', updatedRange, rows: rows.rows.length };
    }
    await appendOnce(session, sheetIds, rows, sheetId);
    return { store: 'sheets', rows: rows.rows.length };
  } catch (error) {
    if (
      input.fallback === undefined ||
      !(error instanceof ConnectorError) ||
      !mayFallBack(error, context.lastAttempt)
    ) {
      throw error;
    }
    context.log('Google Sheets refused the rows; they go to BigQuery', { code: error.code });
    await insertInstead(session, input.fallback, rows, error);
    return { store: 'bigquery', rows: rows.rows.length };
  }
}

/** E2 and E3. */
function mayFallBack(error: ConnectorError, lastAttempt: boolean): boolean {
  if (error.effect !== 'none') return false;
  if (isCellLimit(error)) return true;
  const waitingHelps = ['rate_limited', 'unavailable', 'timeout', 'invalid_response'];
  return lastAttempt && waitingHelps.includes(error.code);
}

async function insertInstead(
  session: GoogleSession,
  table: BigQueryTable,
  rows: SheetRows,
  refusal: ConnectorError,
): Promise<void> {
  try {
    await insertRows(session, table, rows.rows);
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    throw withEffect(
      error,
      error.effect,
      `${error.message} BigQuery was asked because Google Sheets refused: ${refusal.message}`,
    );
  }
}

/** A raw append with its marker, and what can be settled of its failures. */
async function appendOnce(
  session: GoogleSession,
  sheetIds: SheetIds,
  rows: SheetRows,
  probed: number | undefined,
): Promise<void> {
  const marker = appendMarker(session.context.key);
  let sheetId = probed ?? (await sheetIds.get(session, rows));
  try {
    await appendMarked(session, rows, sheetId, marker, { withId: true });
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    if (isRefusalOf(error, /no grid with id/i)) {
      // The sheet was deleted and made anew since its id was remembered.
      sheetId = await sheetIds.refresh(session, rows);
      await appendMarked(session, rows, sheetId, marker, { withId: true });
    } else if (isMarkerRefusal(error)) {
      await appendDespiteMetadata(session, rows, sheetId, marker);
      return;
    } else {
      await settle(session, rows.spreadsheetId, marker, error);
    }
  }
  if (marker.sweeps) await sweepQuietly(session, rows.spreadsheetId, sheetId);
}

/** Sheets did not take the marker, nor anything else of the request. */
export function isMarkerRefusal(error: ConnectorError): boolean {
  return error.status === 409 || isRefusalOf(error, /developer\s?metadata/i);
}

/** A refused request: nothing of it was applied. */
export function isRefusalOf(error: ConnectorError, words: RegExp): boolean {
  return error.status === 400 && error.effect === 'none' && words.test(error.message);
}

/**
 * Sheets did not take the marker: its id exists, be it ours (the rows are there) or by chance
 * another's, or there is no room.
 */
async function appendDespiteMetadata(
  session: GoogleSession,
  rows: SheetRows,
  sheetId: number,
  marker: AppendMarker,
): Promise<void> {
  if (await hasMarker(session, rows.spreadsheetId, marker)) return;
  await sweepMarkers(session, rows.spreadsheetId, sheetId, true);
  await appendMarked(session, rows, sheetId, marker, { withId: false });
}

/**
 * Sheets answered, but not whether the rows are there (5xx, no known form): it is asked at once,
 * because it has ended the request.
 * @throws the error, with effect `none` if the rows are not there
 */
async function settle(
  session: GoogleSession,
  spreadsheetId: string,
  marker: AppendMarker,
  error: ConnectorError,
): Promise<void> {
  if (error.effect === 'none' || error.status === undefined) throw error;
  let written: boolean;
  try {
    written = await hasMarker(session, spreadsheetId, marker);
  } catch (unanswered) {
    session.context.log('Google Sheets cannot be asked whether the rows were written', {
      reason: unanswered instanceof ConnectorError ? unanswered.code : 'unknown',
    });
    throw error;
  }
  if (!written) {
    throw withEffect(error, 'none', `${error.message} Asked afterwards: they were not written.`);
  }
}

/** The rows are written; a failure to tidy up must not turn that into one. */
export async function sweepQuietly(
  session: GoogleSession,
  spreadsheetId: string,
  sheetId: number,
): Promise<void> {
  try {
    const removed = await sweepMarkers(session, spreadsheetId, sheetId, false);
    if (removed > 0) session.context.log('Old append markers removed', { removed });
  } catch (error) {
    session.context.log('Old append markers could not be removed', {
      reason: error instanceof ConnectorError ? error.code : 'unknown',
    });
  }
}

export async function lookupAppend(
  session: GoogleSession,
  input: AppendInput,
): Promise<LookupResult<AppendOutput>> {
  const rows = sheetRows(input);
  try {
    if (await hasMarker(session, input.spreadsheetId, appendMarker(session.context.key))) {
      return { found: true, output: { store: 'sheets', rows: rows.rows.length } };
    }
    if (input.fallback !== undefined && (await hasRows(session, input.fallback))) {
      return { found: true, output: { store: 'bigquery', rows: rows.rows.length } };
    }
    return { found: false };
  } catch (error) {
    // Whoever can't be asked leaves the earlier attempt in doubt.
    throw error instanceof ConnectorError ? withEffect(error, 'possible') : error;
  }
}

function sheetRows(input: AppendInput): SheetRows {
  return {
    spreadsheetId: input.spreadsheetId,
    target: parseRange(input.range),
    rows: input.rows ?? [input.values ?? []],
  };
}
