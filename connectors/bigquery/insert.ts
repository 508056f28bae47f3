/**
 * Streams rows into a table.
 *
 * BigQuery drops a repeated insertId only as well as it can and for about a minute
 * (https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency), which is no
 * promise to build on. So an insert in doubt is repeated by itself only where a column of the table
 * carries our key and can be asked.
 */
import { createHash } from 'node:crypto';
import type { LookupResult } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import {
  type InsertErrors,
  insertAll,
  PASSING_REASONS,
  projectOf,
  startQuery,
} from '../google/bigquery-api.ts';
import { withEffect } from '../google/errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import type { InsertInput, InsertOutput } from './schema.ts';

/** How long BigQuery may wait for the look-up before it answers "not yet", in milliseconds. */
const LOOKUP_WAIT_MS = 10_000;

/** @throws ConnectorError `rejected` if rows do not fit the table, with the first such row named */
export async function insert(session: GoogleSession, input: InsertInput): Promise<InsertOutput> {
  const { dataset, table, keyColumn } = input;
  const { key } = session.context;
  const hash = createHash('sha256').update(key).digest('base64url');
  const rows = input.rows ?? [input.row ?? {}];
  const failures = await insertAll(
    session,
    { dataset, table },
    rows.map((row, index) => ({
      insertId: `${hash}.${index}`,
      json: keyColumn === undefined ? row : { ...row, [keyColumn]: key },
    })),
    {
      projectId: projectOf(session),
      skipInvalidRows: input.onInvalidRow === 'skip',
      ignoreUnknownValues: input.ignoreUnknownColumns,
      missing: {
        message: `The table ${dataset}.${table} does not exist in BigQuery, or the account of the credential can't see it. Create it, or check "dataset" and "table".`,
        pointer: '/table',
      },
    },
  );
  const refused = failures.map(toRefusal);
  if (refused.some(({ passing }) => passing)) throw interrupted(refused);
  const skipped = refused.filter(({ reason }) => reason !== 'stopped');
  if (input.onInvalidRow === 'refuse' && refused.length > 0) throw unfit(skipped, rows.length);
  if (skipped.length === rows.length) throw unfit(skipped, rows.length);
  return {
    inserted: rows.length - refused.length,
    skipped: skipped.map(({ index, reason, column }) => ({ index, reason, column })),
  };
}

interface Refusal {
  readonly index: number;
  readonly reason: string;
  /** Empty where BigQuery names none. */
  readonly column: string;
  readonly passing: boolean;
}

function toRefusal({ index, errors }: InsertErrors[number]): Refusal {
  const told = errors.find(({ reason }) => reason !== 'stopped') ?? errors[0];
  const reason = told?.reason || 'unknown';
  return {
    index,
    reason,
    column: told?.location ?? '',
    passing: errors.some((each) => PASSING_REASONS.has(each.reason)),
  };
}

/** The row and column are named, never the value: it may be personal. */
function unfit(skipped: readonly Refusal[], rows: number): ConnectorError {
  const first = skipped[0];
  const column = first?.column ? `, column "${first.column}"` : '';
  const place =
    first === undefined ? '' : ` First: row ${first.index + 1}${column} (${first.reason}).`;
  return new ConnectorError(
    'rejected',
    `BigQuery inserted none of the ${rows} rows: ${skipped.length} do not fit the table.${place} Each value needs a column of its name and a fitting type; set "ignoreUnknownColumns" to drop values without a column, or "onInvalidRow" to "skip" to insert the other rows.`,
    {
      // Without skipInvalidRows one invalid row keeps all of them out.
      effect: 'none',
      permanent: true,
      status: 200,
      pointer: '/rows',
      ...(first === undefined
        ? {}
        : {
            providerCode: first.reason,
            details: { row: first.index, column: first.column, rows: skipped.length },
          }),
    },
  );
}

function interrupted(refused: readonly Refusal[]): ConnectorError {
  const reason = refused.find(({ passing }) => passing)?.reason ?? '';
  return new ConnectorError(
    'unavailable',
    `BigQuery could not take all of the rows for the moment (${reason}).`,
    { effect: 'possible', permanent: false, status: 200, providerCode: reason },
  );
}

/**
 * Does the table have rows that carry our key?
 * @throws ConnectorError with effect `possible` if BigQuery can't be asked
 */
export async function findInserted(
  session: GoogleSession,
  input: InsertInput,
): Promise<LookupResult<InsertOutput>> {
  const { dataset, table, keyColumn } = input;
  if (keyColumn === undefined) return { found: false };
  try {
    const projectId = projectOf(session);
    const { jobComplete, rows } = await startQuery(
      session,
      projectId,
      {
        // The names are letters, digits and a few signs by their schemas; no backtick among them.
        query: `SELECT 1 FROM \`${projectId}.${dataset}.${table}\` WHERE \`${keyColumn}\` = @key LIMIT 1000`,
        parameterMode: 'NAMED',
        queryParameters: [
          {
            name: 'key',
            parameterType: { type: 'STRING' },
            parameterValue: { value: session.context.key },
          },
        ],
        timeoutMs: LOOKUP_WAIT_MS,
      },
      { acts: false, sent: undefined },
    );
    if (!jobComplete) {
      throw new ConnectorError(
        'unavailable',
        `BigQuery did not answer within ${LOOKUP_WAIT_MS} ms whether it has the rows.`,
        { effect: 'possible', permanent: false },
      );
    }
    return rows.length === 0
      ? { found: false }
      : { found: true, output: { inserted: rows.length, skipped: [] } };
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    if (error.code === 'not_found') return { found: false };
    // Whoever can't be asked leaves the earlier attempt in doubt.
    throw withEffect(error, 'possible');
  }
}
