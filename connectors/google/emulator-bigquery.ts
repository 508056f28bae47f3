/**
 * The part of the BigQuery API that the connectors use, https://cloud.google.com/bigquery/docs/reference/rest
 *
 * Every table exists and takes what it is given. Of queries it understands
 * `SELECT * | 1 FROM table [WHERE column = @parameter] [LIMIT n]` and answers the rows that were
 * inserted here; any other statement is noted and answered without rows.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Json, JsonObject, SandboxStore } from '../contract.ts';
import type { EmulatedReply, EmulatedRequest } from '../http-emulator.ts';
import { googleError } from './emulator-replies.ts';

const INSERT = /^\/bigquery\/v2\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)\/insertAll$/;
const QUERY = /^\/bigquery\/v2\/projects\/([^/]+)\/queries$/;
const RESULTS = /^\/bigquery\/v2\/projects\/([^/]+)\/queries\/([^/]+)$/;
const JOBS = /^\/bigquery\/v2\/projects\/([^/]+)\/jobs$/;
const JOB = /^\/bigquery\/v2\/projects\/([^/]+)\/jobs\/([^/]+)$/;
const SIMPLE =
  /^\s*SELECT\s+(\*|1)\s+FROM\s+`?([\w.:-]+)`?(?:\s+WHERE\s+`?(\w+)`?\s*=\s*@(\w+))?(?:\s+LIMIT\s+(\d+))?\s*;?\s*$/i;
/** How far back a query looks. */
const QUERY_LIMIT = 2_000;
const KEPT_RESULTS = 200;

const insertSchema = z.looseObject({
  rows: z
    .array(
      z.strictObject({
        insertId: z.string().max(128).optional(),
        json: z.record(z.string(), z.json()),
      }),
    )
    .min(1),
});
const parameterSchema = z.looseObject({
  name: z.string(),
  parameterType: z.looseObject({ type: z.string() }),
  parameterValue: z.looseObject({ value: z.string().nullish() }),
});
const statementSchema = z.looseObject({
  query: z.string().min(1),
  useLegacySql: z.literal(false),
  queryParameters: z.array(parameterSchema).default([]),
});
const querySchema = statementSchema.extend({ maxResults: z.number().int().optional() });
const jobSchema = z.looseObject({
  jobReference: z.looseObject({ jobId: z.string().regex(/^[\w-]{1,1024}$/) }),
  configuration: z.looseObject({ query: statementSchema }),
});
type Statement = z.output<typeof statementSchema>;

export interface BigQueryEmulationOptions {
  readonly store: SandboxStore;
  /** Under which connector's name messages are kept. */
  readonly connector: string;
}

/** @returns answers requests below /bigquery/v2/ */
export function createBigQueryEmulation({
  store,
  connector,
}: BigQueryEmulationOptions): (request: EmulatedRequest) => Promise<EmulatedReply> {
  /** Results that are read page by page: convenience of one process, not state that matters. */
  const results = new Map<string, readonly JsonObject[]>();

  async function insert(table: string, request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = insertSchema.safeParse(request.json());
    if (!parsed.success) {
      return googleError(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.', 'invalid');
    }
    for (const { insertId, json } of parsed.data.rows) {
      await store.add(
        {
          connector,
          operation: 'bigquery.insertAll',
          ...request.trace,
          to: table,
          ...(insertId === undefined ? {} : { lookupKey: `${table}/${insertId}` }),
          message: { table, row: json },
        },
        { unique: insertId !== undefined },
      );
    }
    return { status: 200, body: { kind: 'bigquery#tableDataInsertAllResponse' } };
  }

  /** @returns the rows that a statement asks for; undefined if it is none of the simple ones */
  async function rowsOf(
    projectId: string,
    { query, queryParameters }: Statement,
  ): Promise<{ readonly rows: readonly JsonObject[]; readonly isLookup: boolean } | undefined> {
    const simple = SIMPLE.exec(query);
    if (simple === null) return undefined;
    const [, columns, name = '', column, parameter, limit] = simple;
    const table = name.split('.').length === 3 ? name : `${projectId}.${name}`;
    const wanted = queryParameters.find((each) => each.name === parameter)?.parameterValue.value;
    const messages = await store.list({ connector, to: table, limit: QUERY_LIMIT });
    const rows = messages
      .toReversed()
      .flatMap(({ message: { row } }) => (isObject(row) ? [row] : []))
      .filter((row) => column === undefined || asText(row[column] ?? null) === wanted)
      .slice(0, limit === undefined ? undefined : Number(limit));
    const isLookup = columns === '1';
    return { rows: isLookup ? rows.map(() => ({ f0_: 1 })) : rows, isLookup };
  }

  async function runQuery(projectId: string, request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = querySchema.safeParse(request.json());
    if (!parsed.success) {
      return googleError(400, 'INVALID_ARGUMENT', 'Syntax error in query.', 'invalidQuery');
    }
    const found = await rowsOf(projectId, parsed.data);
    const rows = found?.rows ?? [];
    if (found?.isLookup !== true) {
      await store.add({
        connector,
        operation: 'query',
        ...request.trace,
        message: { ...described(parsed.data), rows: rows.length },
      });
    }
    const jobId = `job_${createHash('sha256').update(request.body).digest('base64url')}`;
    results.delete(jobId);
    results.set(jobId, rows);
    const oldest = results.keys().next().value;
    if (results.size > KEPT_RESULTS && oldest !== undefined) results.delete(oldest);
    return page('bigquery#queryResponse', projectId, jobId, 0, parsed.data.maxResults);
  }

  async function startJob(projectId: string, request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = jobSchema.safeParse(request.json());
    if (!parsed.success) {
      return googleError(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.', 'invalid');
    }
    const { jobReference, configuration } = parsed.data;
    const { duplicate } = await store.add(
      {
        connector,
        operation: 'query',
        ...request.trace,
        lookupKey: jobReference.jobId,
        message: described(configuration.query),
      },
      { unique: true },
    );
    return duplicate
      ? googleError(
          409,
          'ALREADY_EXISTS',
          `Already Exists: Job ${projectId}:US.${jobReference.jobId}`,
          'duplicate',
        )
      : doneJob(projectId, jobReference.jobId);
  }

  function page(
    kind: string,
    projectId: string,
    jobId: string,
    from: number,
    maxResults = Number.POSITIVE_INFINITY,
  ): EmulatedReply {
    const rows = results.get(jobId) ?? [];
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const until = Math.min(rows.length, from + maxResults);
    return {
      status: 200,
      body: {
        kind,
        jobComplete: true,
        jobReference: { projectId, jobId, location: 'US' },
        schema: { fields: names.map((name) => ({ name, type: typeOf(rows, name) })) },
        totalRows: String(rows.length),
        totalBytesProcessed: '0',
        ...(until > from
          ? {
              rows: rows
                .slice(from, until)
                .map((row) => ({ f: names.map((name) => ({ v: asText(row[name] ?? null) })) })),
            }
          : {}),
        ...(until < rows.length ? { pageToken: String(until) } : {}),
      },
    };
  }

  return async (request) => {
    const insertion = INSERT.exec(request.path);
    if (request.method === 'POST' && insertion !== null) {
      const [, project, dataset, table] = insertion;
      return insert(`${project}.${dataset}.${table}`, request);
    }
    const query = QUERY.exec(request.path)?.[1];
    if (request.method === 'POST' && query !== undefined) return runQuery(query, request);
    const [, resultProject, resultId] = RESULTS.exec(request.path) ?? [];
    if (request.method === 'GET' && resultProject !== undefined && resultId !== undefined) {
      const from = Number(request.query.get('pageToken') ?? 0);
      const maxResults = Number(request.query.get('maxResults') ?? QUERY_LIMIT);
      return page('bigquery#getQueryResultsResponse', resultProject, resultId, from, maxResults);
    }
    const jobs = JOBS.exec(request.path)?.[1];
    if (request.method === 'POST' && jobs !== undefined) return startJob(jobs, request);
    const [, jobProject, jobId] = JOB.exec(request.path) ?? [];
    if (request.method === 'GET' && jobProject !== undefined && jobId !== undefined) {
      const known = await store.find(connector, jobId);
      if (known !== undefined) return doneJob(jobProject, jobId);
    }
    return googleError(404, 'NOT_FOUND', 'Not found', 'notFound');
  };
}

function described({ query, queryParameters }: Statement): JsonObject {
  return {
    sql: query,
    parameters: Object.fromEntries(
      queryParameters.map(({ name, parameterValue }) => [name, parameterValue.value ?? null]),
    ),
  };
}

function doneJob(projectId: string, jobId: string): EmulatedReply {
  return {
    status: 200,
    body: {
      kind: 'bigquery#job',
      jobReference: { projectId, jobId, location: 'US' },
      status: { state: 'DONE' },
      statistics: { totalBytesProcessed: '0', query: { numDmlAffectedRows: '0' } },
    },
  };
}

/** BigQuery says every scalar as text. */
function asText(value: Json): string | null {
  if (value === null) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function typeOf(rows: readonly JsonObject[], name: string): string {
  const value = rows.map((row) => row[name] ?? null).find((each) => each !== null) ?? null;
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'INTEGER' : 'FLOAT';
    case 'boolean':
      return 'BOOLEAN';
    case 'object':
      return value === null ? 'STRING' : 'JSON';
    default:
      return 'STRING';
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
