/**
 * Runs one statement.
 *
 *   Q1  What can only read is a plain query, which may be repeated.
 *   Q2  Anything else runs as a job under an id that follows from our key. BigQuery takes an id
 *       once only, so however often it is attempted, the statement runs once. A request id would
 *       not do: BigQuery remembers it for 15 minutes.
 *       https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query (requestId)
 *       https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid
 *   Q3  A single statement whose job failed changed nothing; after a passing reason the next job has
 *       the next id. The ids are tried in order, so no two attempts run it under different ones at
 *       once. A script may have got half way, so its job is never followed by another.
 */
import { createHash } from 'node:crypto';
import type { bigquery_v2 } from 'googleapis/build/src/apis/bigquery/index.js';
import type { IdempotencyClass, JsonObject } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import {
  insertQueryJob,
  type JobReference,
  PASSING_REASONS,
  projectOf,
  type QueryJob,
  type QueryPage,
  readQueryJob,
  readQueryPage,
  startQuery,
} from '../google/bigquery-api.ts';
import { withEffect } from '../google/errors.ts';
import type { GoogleSession } from '../google/google-session.ts';
import { withoutWhatWasSent } from '../provider-words.ts';
import { toQueryParameters } from './parameters.ts';
import { toObjects } from './result-rows.ts';
import type { QueryInput, QueryOutput } from './schema.ts';

/** How long one request waits for the query, in milliseconds. */
const WAIT_MS = 10_000;
const PAGE_ROWS = 1_000;
const MAX_JOBS = 20;

/**
 * Words without which no statement changes anything. One of them in a text or a name only makes a
 * query take the way of those that do, which is right for both.
 */
const CHANGING =
  /\b(?:insert|update|delete|merge|truncate|create|alter|drop|undrop|call|execute|begin|commit|rollback|declare|set|export|load|grant|revoke|assert|raise)\b/i;
const SEVERAL_STATEMENTS = /;\s*\S/;

/** `read` only where the text leaves no doubt (Q1). */
export function classifyQuery({ sql }: QueryInput): IdempotencyClass {
  const isQuery = /^[\s(]*(?:select|with|from)\b/i.test(sql);
  return isQuery && !SEVERAL_STATEMENTS.test(sql) && !CHANGING.test(sql) ? 'read' : 'native-key';
}

export async function query(session: GoogleSession, input: QueryInput): Promise<QueryOutput> {
  const projectId = projectOf(session);
  const statement = {
    query: input.sql,
    parameterMode: 'NAMED',
    queryParameters: toQueryParameters(input.parameters),
    ...(input.defaultDataset === undefined
      ? {}
      : { defaultDataset: { projectId, datasetId: input.defaultDataset } }),
    ...(input.maximumBytesBilled === undefined
      ? {}
      : { maximumBytesBilled: String(input.maximumBytesBilled) }),
  };
  if (classifyQuery(input) === 'read') {
    const { jobReference, ...first } = await startQuery(
      session,
      projectId,
      {
        ...statement,
        ...(input.location === undefined ? {} : { location: input.location }),
        timeoutMs: WAIT_MS,
        maxResults: pageSize(input.maxRows),
        formatOptions: { useInt64Timestamp: true },
        // Nobody waits for it any longer then.
        jobTimeoutMs: String(session.context.timeoutMs),
      },
      { acts: false, sent: input.parameters },
    );
    return collect(session, input, jobReference, first);
  }
  const job = await runOnce(session, projectId, input, { ...statement, useLegacySql: false });
  const { jobReference, statistics } = job;
  const result = await afterActing(collect(session, input, jobReference, undefined));
  const affected = statistics?.query?.numDmlAffectedRows;
  return affected === undefined ? result : { ...result, affectedRows: Number(affected) };
}

/** Reads pages until there are enough rows. */
async function collect(
  session: GoogleSession,
  input: QueryInput,
  job: JobReference | undefined,
  first: QueryPage | undefined,
): Promise<QueryOutput> {
  const rows: JsonObject[] = [];
  let page = first;
  for (;;) {
    if (page?.jobComplete === true) {
      rows.push(...toObjects(page.schema?.fields ?? [], page.rows));
      if (page.pageToken === undefined || rows.length >= input.maxRows) break;
    }
    if (job === undefined) {
      throw new ConnectorError(
        'invalid_response',
        'BigQuery neither answered the query nor said where its answer will be.',
        { effect: 'none', permanent: false },
      );
    }
    page = await readQueryPage(session, job, {
      maxResults: pageSize(input.maxRows - rows.length),
      timeoutMs: WAIT_MS,
      ...(page?.pageToken === undefined ? {} : { pageToken: page.pageToken }),
    });
  }
  const kept = rows.slice(0, input.maxRows);
  const totalRows = Number(page.totalRows ?? kept.length);
  const { numDmlAffectedRows, totalBytesProcessed } = page;
  return {
    rows: kept,
    rowCount: kept.length,
    totalRows,
    truncated: totalRows > kept.length,
    ...(numDmlAffectedRows === undefined ? {} : { affectedRows: Number(numDmlAffectedRows) }),
    ...(totalBytesProcessed === undefined ? {} : { bytesProcessed: Number(totalBytesProcessed) }),
  };
}

/** Q2 and Q3. @returns the job that carried the statement out */
async function runOnce(
  session: GoogleSession,
  projectId: string,
  input: QueryInput,
  statement: bigquery_v2.Schema$JobConfigurationQuery,
): Promise<QueryJob> {
  const hash = createHash('sha256').update(session.context.key).digest('base64url');
  for (let at = 0; at < MAX_JOBS; at += 1) {
    const reference = { projectId, jobId: `masar_${hash}_${at}`, location: input.location };
    const started = await startJob(session, reference, input, statement);
    const ended = await afterActing(untilDone(session, started));
    const { errorResult } = ended.status;
    if (errorResult === undefined) return ended;
    const isScript =
      SEVERAL_STATEMENTS.test(input.sql) || ended.statistics?.query?.statementType === 'SCRIPT';
    if (isScript || !PASSING_REASONS.has(errorResult.reason))
      throw refused(errorResult, input, isScript);
    session.context.log('BigQuery could not finish the statement; it is started anew', {
      reason: errorResult.reason,
      job: at,
    });
  }
  throw new ConnectorError(
    'unavailable',
    `BigQuery gave the statement up ${MAX_JOBS} times. Look at the jobs of this project in the Google Cloud console.`,
    { effect: 'none', permanent: true },
  );
}

async function startJob(
  session: GoogleSession,
  reference: JobReference,
  input: QueryInput,
  statement: bigquery_v2.Schema$JobConfigurationQuery,
): Promise<QueryJob> {
  try {
    return await insertQueryJob(
      session,
      reference,
      { query: statement, labels: { source: 'masar' } },
      input.parameters,
    );
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.status !== 409) throw error;
    // An earlier attempt has started it.
    return afterActing(readQueryJob(session, reference));
  }
}

/** The attempt's own time limit ends the wait. */
async function untilDone(session: GoogleSession, started: QueryJob): Promise<QueryJob> {
  let job = started;
  while (job.status.state !== 'DONE') {
    // Answers as soon as the query is done, or after the wait.
    await readQueryPage(session, job.jobReference, { maxResults: 0, timeoutMs: WAIT_MS });
    job = await readQueryJob(session, job.jobReference);
  }
  return job;
}

function refused(
  { reason, message }: { readonly reason: string; readonly message: string },
  input: QueryInput,
  isScript: boolean,
): ConnectorError {
  const words = withoutWhatWasSent(message, input.parameters);
  return new ConnectorError(
    reason === 'accessDenied' ? 'permission_denied' : 'rejected',
    `BigQuery refused the statement (${reason}).${words === '' ? '' : ` It says: ${words}`}${isScript ? ' Statements before the one that failed may have taken effect.' : ''}`,
    {
      effect: isScript ? 'possible' : 'none',
      permanent: true,
      providerCode: reason,
      pointer: '/sql',
    },
  );
}

/** The job is there: whatever fails from now on, it may have acted. */
async function afterActing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ConnectorError ? withEffect(error, 'possible') : error;
  }
}

function pageSize(wanted: number): number {
  return Math.min(PAGE_ROWS, wanted);
}
