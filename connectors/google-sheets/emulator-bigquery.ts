/** The part of the BigQuery API that the connector uses, https://cloud.google.com/bigquery/docs/reference/rest */
import { z } from 'zod';
import type { SandboxStore } from '../contract.ts';
import type { EmulatedReply, EmulatedRequest } from '../http-emulator.ts';
import { googleError } from './emulator-replies.ts';

const INSERT = /^\/bigquery\/v2\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)\/insertAll$/;
const QUERY = /^\/bigquery\/v2\/projects\/([^/]+)\/queries$/;
const BY_KEY = /^SELECT 1 FROM `([^`]+)` WHERE _masar_key = @key LIMIT 1$/;
/** How far back a query looks. */
const QUERY_LIMIT = 2_000;

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
const querySchema = z.looseObject({
  query: z.string(),
  useLegacySql: z.literal(false),
  queryParameters: z.array(
    z.looseObject({ name: z.string(), parameterValue: z.object({ value: z.string() }) }),
  ),
});

/** @returns answers requests below /bigquery/v2/ */
export function createBigQueryEmulation(
  store: SandboxStore,
): (request: EmulatedRequest) => Promise<EmulatedReply> {
  async function insertAll(table: string, request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = insertSchema.safeParse(request.json());
    if (!parsed.success) {
      return googleError(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.', 'invalid');
    }
    for (const { insertId, json } of parsed.data.rows) {
      await store.add(
        {
          connector: 'google-sheets',
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

  async function query(request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = querySchema.safeParse(request.json());
    const table = parsed.success ? BY_KEY.exec(parsed.data.query)?.[1] : undefined;
    const key = parsed.data?.queryParameters.find(({ name }) => name === 'key');
    if (table === undefined || key === undefined) {
      return googleError(400, 'INVALID_ARGUMENT', 'Syntax error in query.', 'invalidQuery');
    }
    const messages = await store.list({
      connector: 'google-sheets',
      to: table,
      limit: QUERY_LIMIT,
    });
    const found = messages.some(({ message }) => {
      const { row } = message;
      return (
        typeof row === 'object' &&
        row !== null &&
        '_masar_key' in row &&
        row._masar_key === key.parameterValue.value
      );
    });
    return {
      status: 200,
      body: {
        kind: 'bigquery#queryResponse',
        jobComplete: true,
        totalRows: found ? '1' : '0',
        ...(found ? { rows: [{ f: [{ v: '1' }] }] } : {}),
      },
    };
  }

  return async (request) => {
    const insert = INSERT.exec(request.path);
    if (request.method === 'POST' && insert !== null) {
      const [, project, dataset, table] = insert;
      return insertAll(`${project}.${dataset}.${table}`, request);
    }
    if (request.method === 'POST' && QUERY.test(request.path)) return query(request);
    return googleError(404, 'NOT_FOUND', 'Not found', 'notFound');
  };
}
