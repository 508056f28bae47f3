/**
 * Where rows go that Sheets refuses: a BigQuery table with the columns c1, c2, … for the cells and
 * `_masar_key` STRING for the append that a row belongs to.
 */
import { createHash } from 'node:crypto';
import { ConnectorError } from '../errors.ts';
import {
  type BigQueryTable,
  insertAll,
  PASSING_REASONS,
  projectOf,
  startQuery,
} from '../google/bigquery-api.ts';
import type { GoogleSession } from '../google/google-session.ts';
import type { Cell } from './schema.ts';

export const KEY_COLUMN = '_masar_key';
/** How long BigQuery may wait for a query before it answers "not yet". */
const QUERY_WAIT_MS = 10_000;
const POINTER = '/fallback';

/** Inserts all rows or none. */
export async function insertRows(
  session: GoogleSession,
  table: BigQueryTable,
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  const { key } = session.context;
  const hash = createHash('sha256').update(key).digest('base64url');
  const insertErrors = await insertAll(
    session,
    table,
    rows.map((row, index) => ({
      insertId: `${hash}.${index}`,
      json: { ...columns(row), [KEY_COLUMN]: key },
    })),
    {
      projectId: projectOf(session, POINTER),
      skipInvalidRows: false,
      ignoreUnknownValues: false,
      missing: {
        message: `The BigQuery table of the fallback does not exist. Create it with the columns c1, c2, … and ${KEY_COLUMN} STRING.`,
        pointer: POINTER,
      },
    },
  );
  const reasons = insertErrors.flatMap(({ errors }) => errors.map(({ reason }) => reason));
  const reason = reasons.find((each) => each !== 'stopped') ?? reasons[0];
  if (reason === undefined) return;
  const passing = PASSING_REASONS.has(reason);
  throw new ConnectorError(
    passing ? 'unavailable' : 'rejected',
    passing
      ? `BigQuery could not take the rows for the moment (${reason}).`
      : `BigQuery refused the rows (${reason}): they do not fit the table. It needs the columns c1, c2, … with fitting types and ${KEY_COLUMN} STRING.`,
    {
      // With skipInvalidRows off, one invalid row keeps all of them out.
      effect: passing ? 'possible' : 'none',
      permanent: !passing,
      status: 200,
      providerCode: reason,
      pointer: POINTER,
    },
  );
}

function columns(row: readonly Cell[]): Record<string, Cell> {
  return Object.fromEntries(row.map((cell, index) => [`c${index + 1}`, cell]));
}

/**
 * Does the table have rows of this append?
 * @returns false also if there is no such table
 */
export async function hasRows(session: GoogleSession, table: BigQueryTable): Promise<boolean> {
  if (session.credential.projectId === undefined) return false;
  const projectId = projectOf(session, POINTER);
  try {
    const { jobComplete, rows } = await startQuery(
      session,
      projectId,
      {
        // The names are letters, digits and a few signs by their schemas; no backtick among them.
        query: `SELECT 1 FROM \`${projectId}.${table.dataset}.${table.table}\` WHERE ${KEY_COLUMN} = @key LIMIT 1`,
        parameterMode: 'NAMED',
        queryParameters: [
          {
            name: 'key',
            parameterType: { type: 'STRING' },
            parameterValue: { value: session.context.key },
          },
        ],
        timeoutMs: QUERY_WAIT_MS,
      },
      { acts: false, sent: undefined },
    );
    if (!jobComplete) {
      throw new ConnectorError(
        'unavailable',
        `BigQuery did not answer within ${QUERY_WAIT_MS} ms whether it has the rows.`,
        { effect: 'none', permanent: false },
      );
    }
    return rows.length > 0;
  } catch (error) {
    if (error instanceof ConnectorError && error.code === 'not_found') return false;
    throw error;
  }
}
