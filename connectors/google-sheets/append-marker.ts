/**
 * The mark that every raw append leaves in the spreadsheet, in the same atomic request as its rows.
 *
 * It is a developer-metadata entry on the sheet: invisible to people, found by its key, refused by
 * Sheets if its id exists already. So an append in doubt can be looked up, and two attempts that
 * overlap cannot both write.
 * https://developers.google.com/workspace/sheets/api/guides/metadata
 *
 * Sheets keeps 30,000 characters of metadata (keys and values) for each sheet of a spreadsheet.
 * An entry takes 28, which makes 1,071; so old entries are removed:
 * - now and then (one append in 50), the oldest beyond 600, but none younger than an hour;
 * - when Sheets says that it has no room, the oldest beyond 600, but none younger than 10 minutes.
 *   (At the default quota of 60 writes a minute and user, 600 is what 10 minutes can leave.)
 * That bounds exactly-once: an attempt in doubt is recognised for an hour at least, for 10 minutes
 * at least on a sheet with more than 400 appends an hour, and in quiet sheets for ever.
 */
import { createHash } from 'node:crypto';
import type { sheets_v4 } from 'googleapis/build/src/apis/sheets/index.js';

export interface AppendMarker {
  readonly metadataKey: string;
  /** Positive int32, as Sheets wants it. */
  readonly metadataId: number;
  /** True for one append in 50. */
  readonly sweeps: boolean;
}

export const KEPT_MARKERS = 600;
export const SWEEP_MIN_AGE_S = 3_600;
export const PRESSED_MIN_AGE_S = 600;
const SWEEP_EVERY = 50;
const PREFIX = 'masar.';
const HASH_CHARACTERS = 16;

/** @param key identity of the side effect */
export function appendMarker(key: string): AppendMarker {
  const hash = createHash('sha256').update(key).digest();
  return {
    metadataKey: PREFIX + hash.toString('base64url').slice(0, HASH_CHARACTERS),
    metadataId: hash.readUInt32BE(16) & 0x7fffffff || 1,
    sweeps: hash.readUInt32BE(20) % SWEEP_EVERY === 0,
  };
}

/** @param withId false if the id turned out to be another entry's */
export function markerRequest(
  marker: AppendMarker,
  sheetId: number,
  withId: boolean,
): sheets_v4.Schema$Request {
  return {
    createDeveloperMetadata: {
      developerMetadata: {
        ...(withId ? { metadataId: marker.metadataId } : {}),
        metadataKey: marker.metadataKey,
        metadataValue: nowSeconds().toString(36),
        visibility: 'DOCUMENT',
        location: { sheetId },
      },
    },
  };
}

export interface StoredMarker {
  readonly metadataId: number;
  readonly metadataKey: string;
  readonly metadataValue?: string | undefined;
  readonly location?: { readonly sheetId?: number | undefined } | undefined;
}

/**
 * Which entries of a sheet can go: the oldest beyond KEPT_MARKERS that have the minimum age.
 * @param minAgeS seconds
 */
export function expiredMarkers(
  entries: readonly StoredMarker[],
  sheetId: number,
  minAgeS: number,
): number[] {
  const youngestS = nowSeconds() - minAgeS;
  return entries
    .filter(
      ({ metadataKey, location }) =>
        // JSON leaves out a sheetId of 0.
        metadataKey.startsWith(PREFIX) && (location?.sheetId ?? 0) === sheetId,
    )
    .map(({ metadataId, metadataValue }) => ({
      metadataId,
      at: Number.parseInt(metadataValue ?? '0', 36) || 0,
    }))
    .sort((a, b) => b.at - a.at)
    .slice(KEPT_MARKERS)
    .filter(({ at }) => at <= youngestS)
    .map(({ metadataId }) => metadataId);
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
