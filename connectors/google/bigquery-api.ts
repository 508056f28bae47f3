/** The calls to the BigQuery API, https://cloud.google.com/bigquery/docs/reference/rest */
import type { bigquery_v2 } from 'googleapis/build/src/apis/bigquery/index.js';
import { z } from 'zod';
import type { Json } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import type { GoogleCall } from './errors.ts';
import type { GoogleSession } from './google-session.ts';

export interface BigQueryTable {
  readonly dataset: string;
  readonly table: string;
}

export interface InsertedRow {
  readonly insertId: string;
  readonly json: Readonly<Record<string, Json>>;
}

const insertAnswerSchema = z.object({
  kind: z.literal('bigquery#tableDataInsertAllResponse'),
  insertErrors: z
    .array(
      z.object({
        index: z.number().int().default(0),
        errors: z
          .array(
            z.object({
              reason: z.string().default(''),
              location: z.string().default(''),
              message: z.string().default(''),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});
export type InsertErrors = z.output<typeof insertAnswerSchema>['insertErrors'];

/** Reasons of row errors after which the same rows may be accepted. */
export const PASSING_REASONS: ReadonlySet<string> = new Set([
  'backendError',
  'internalError',
  'timeout',
  'rateLimitExceeded',
]);

/**
 * Streams rows into a table. Each carries an insertId, by which BigQuery drops repetitions as well
 * as it can, for about a minute.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
 * https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency
 * @param options.skipInvalidRows false: one invalid row keeps all of them out
 * @returns the rows that BigQuery did not take
 */
export async function insertAll(
  session: GoogleSession,
  table: BigQueryTable,
  rows: readonly InsertedRow[],
  options: {
    readonly projectId: string;
    readonly skipInvalidRows: boolean;
    readonly ignoreUnknownValues: boolean;
    readonly missing: NonNullable<GoogleCall['missing']>;
  },
): Promise<InsertErrors> {
  const { insertErrors } = await session.call(
    {
      api: 'BigQuery',
      acts: true,
      sent: rows.map(({ json }) => json),
      answer: insertAnswerSchema,
      missing: options.missing,
    },
    (google) =>
      google.bigQuery.tabledata.insertAll({
        projectId: options.projectId,
        datasetId: table.dataset,
        tableId: table.table,
        requestBody: {
          kind: 'bigquery#tableDataInsertAllRequest',
          skipInvalidRows: options.skipInvalidRows,
          ignoreUnknownValues: options.ignoreUnknownValues,
          rows: rows.map(({ insertId, json }) => ({ insertId, json: { ...json } })),
        },
      }),
  );
  return insertErrors;
}

/** A column of a result; nested ones have fields. */
export interface ResultField {
  readonly name: string;
  readonly type: string;
  readonly mode?: string | undefined;
  readonly fields?: readonly ResultField[] | undefined;
}
const fieldSchema: z.ZodType<ResultField> = z.object({
  name: z.string(),
  type: z.string(),
  mode: z.string().optional(),
  get fields() {
    return z.array(fieldSchema).optional();
  },
});

const resultSchema = z.object({
  kind: z.enum(['bigquery#queryResponse', 'bigquery#getQueryResultsResponse']),
  jobComplete: z.boolean(),
  jobReference: z
    .object({ projectId: z.string(), jobId: z.string(), location: z.string().optional() })
    .optional(),
  schema: z.object({ fields: z.array(fieldSchema).default([]) }).optional(),
  rows: z.array(z.object({ f: z.array(z.object({ v: z.unknown() })) })).default([]),
  totalRows: z.string().optional(),
  pageToken: z.string().optional(),
  totalBytesProcessed: z.string().optional(),
  numDmlAffectedRows: z.string().optional(),
});
/** One page of a result, or word that the query is not done yet. */
export type QueryPage = z.output<typeof resultSchema>;

/**
 * Starts a query and waits for its first page.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
 */
export function startQuery(
  session: GoogleSession,
  projectId: string,
  request: bigquery_v2.Schema$QueryRequest,
  call: Omit<GoogleCall, 'api'>,
): Promise<QueryPage> {
  return session.call({ api: 'BigQuery', answer: resultSchema, ...call }, (google) =>
    google.bigQuery.jobs.query({ projectId, requestBody: { useLegacySql: false, ...request } }),
  );
}

/**
 * Reads a page of a query's result, or waits for the query.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults
 */
export function readQueryPage(
  session: GoogleSession,
  job: JobReference,
  options: { readonly maxResults: number; readonly timeoutMs: number; readonly pageToken?: string },
): Promise<QueryPage> {
  const { location } = job;
  return session.call(
    { api: 'BigQuery', acts: false, sent: undefined, answer: resultSchema },
    (google) =>
      google.bigQuery.jobs.getQueryResults({
        projectId: job.projectId,
        jobId: job.jobId,
        ...(location === undefined ? {} : { location }),
        ...options,
        'formatOptions.useInt64Timestamp': true,
      }),
  );
}

const jobSchema = z.object({
  kind: z.literal('bigquery#job'),
  jobReference: z.object({
    projectId: z.string(),
    jobId: z.string(),
    location: z.string().optional(),
  }),
  status: z.object({
    state: z.string(),
    errorResult: z
      .object({ reason: z.string().default(''), message: z.string().default('') })
      .optional(),
  }),
  statistics: z
    .object({
      totalBytesProcessed: z.string().optional(),
      query: z
        .object({
          numDmlAffectedRows: z.string().optional(),
          statementType: z.string().optional(),
        })
        .optional(),
    })
    .optional(),
});
export type QueryJob = z.output<typeof jobSchema>;

export interface JobReference {
  readonly projectId: string;
  readonly jobId: string;
  readonly location?: string | undefined;
}

/**
 * Starts a query under an id of ours, which BigQuery takes once only.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/insert
 * @throws ConnectorError with status 409 if the id is taken
 */
export function insertQueryJob(
  session: GoogleSession,
  job: JobReference,
  configuration: bigquery_v2.Schema$JobConfiguration,
  sent: unknown,
): Promise<QueryJob> {
  return session.call({ api: 'BigQuery', acts: true, sent, answer: jobSchema }, (google) =>
    google.bigQuery.jobs.insert({
      projectId: job.projectId,
      requestBody: {
        jobReference: {
          projectId: job.projectId,
          jobId: job.jobId,
          ...(job.location === undefined ? {} : { location: job.location }),
        },
        configuration,
      },
    }),
  );
}

/** Outside of US and EU, BigQuery finds a job only if it is told where. */
const MISPLACED = {
  message:
    'An earlier attempt has started the statement, but BigQuery does not find it. Set "location" to where the data is, for example europe-west1.',
  pointer: '/location',
};

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/get */
export function readQueryJob(session: GoogleSession, job: JobReference): Promise<QueryJob> {
  const { projectId, jobId, location } = job;
  return session.call(
    { api: 'BigQuery', acts: false, sent: undefined, answer: jobSchema, missing: MISPLACED },
    (google) =>
      google.bigQuery.jobs.get({
        projectId,
        jobId,
        ...(location === undefined ? {} : { location }),
      }),
  );
}

/**
 * @param pointer where the config lies that needs the project
 * @throws ConnectorError `invalid_config` if the credential names no project
 */
export function projectOf({ credential }: GoogleSession, pointer?: string): string {
  if (credential.projectId !== undefined) return credential.projectId;
  throw new ConnectorError(
    'invalid_config',
    'BigQuery needs the Google Cloud project. Add projectId to the Google credential.',
    { effect: 'none', permanent: true, ...(pointer === undefined ? {} : { pointer }) },
  );
}
