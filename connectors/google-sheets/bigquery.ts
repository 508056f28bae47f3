/**
 * Where rows go that Sheets refuses: a BigQuery table with the columns c1, c2, … for the cells and
 * `_masar_key` STRING for the append that a row belongs to.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import type { GoogleSession } from './google-session.ts';
import type { Cell } from './schema.ts';

export interface BigQueryTable {
  readonly dataset: string;
  readonly table: string;
}

export const KEY_COLUMN = '_masar_key';
/** How long BigQuery may wait for a query before it answers "not yet". */
const QUERY_WAIT_MS = 10_000;
/** Reasons of row errors after which the same rows may be accepted. */
const PASSING_REASONS = new Set(['backendError', 'internalError', 'timeout', 'rateLimitExceeded']);

const insertAnswerSchema = z.object({
  kind: z.literal('bigquery#tableDataInsertAllResponse'),
  insertErrors: z
    .array(z.object({ errors: z.array(z.object({ reason: z.string().default('') })).default([]) }))
    .default([]),
});
const queryAnswerSchema = z.object({
  kind: z.literal('bigquery#queryResponse'),
  jobComplete: z.boolean(),
  rows: z.array(z.unknown()).default([]),
});

/**
 * Inserts all rows or none. Each carries an insertId, by which BigQuery drops repetitions.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
 * https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency
 */
export async function insertRows(
  session: GoogleSession,
  table: BigQueryTable,
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  const { key } = session.context;
  const hash = createHash('sha256').update(key).digest('base64url');
  const { insertErrors } = await session.call(
    { api: 'BigQuery', acts: true, sent: rows, answer: insertAnswerSchema },
    (google) =>
      google.bigQuery.tabledata.insertAll({
        projectId: projectOf(session),
        datasetId: table.dataset,
        tableId: table.table,
        requestBody: {
          kind: 'bigquery#tableDataInsertAllRequest',
          skipInvalidRows: false,
          ignoreUnknownValues: false,
          rows: rows.map((row, index) => ({
            insertId: `${hash}.${index}`,
            json: { ...columns(row), [KEY_COLUMN]: key },
          })),
        },
      }),
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
      pointer: '/fallback',
    },
  );
}

function columns(row: readonly Cell[]): Record<string, Cell> {
  return Object.fromEntries(row.map((cell, index) => [`c${index + 1}`, cell]));
}

/**
 * Does the table have rows of this append?
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
 * @returns false also if there is no such table
 */
export async function hasRows(session: GoogleSession, table: BigQueryTable): Promise<boolean> {
  if (session.credential.projectId === undefined) return false;
  const projectId = projectOf(session);
  try {
    const { jobComplete, rows } = await session.call(
      { api: 'BigQuery', acts: false, sent: undefined, answer: queryAnswerSchema },
      (google) =>
        google.bigQuery.jobs.query({
          projectId,
          requestBody: {
            // The names are letters, digits and a few signs by their schemas; no backtick among them.
            query: `SELECT 1 FROM \`${projectId}.${table.dataset}.${table.table}\` WHERE ${KEY_COLUMN} = @key LIMIT 1`,
            useLegacySql: false,
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
        }),
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

function projectOf({ credential }: GoogleSession): string {
  if (credential.projectId !== undefined) return credential.projectId;
  throw new ConnectorError(
    'invalid_config',
    'The fallback to BigQuery needs the project. Add projectId to the Google credential.',
    { effect: 'none', permanent: true, pointer: '/fallback' },
  );
}
