/** From BigQuery's results, in which every scalar is text, to JSON. */
import { z } from 'zod';
import type { Json, JsonObject } from '../contract.ts';
import type { QueryPage, ResultField } from '../google/bigquery-api.ts';

const cellSchema = z.object({ v: z.unknown() });
const recordSchema = z.object({ f: z.array(cellSchema) });

/**
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query#response-body, with
 * useInt64Timestamp: timestamps are whole microseconds.
 */
export function toObjects(
  fields: readonly ResultField[],
  rows: QueryPage['rows'],
): readonly JsonObject[] {
  return rows.map((row) => toObject(fields, row));
}

function toObject(
  fields: readonly ResultField[],
  { f }: { readonly f: readonly { readonly v?: unknown }[] },
): JsonObject {
  return Object.fromEntries(fields.map((field, at) => [field.name, toJson(field, f[at]?.v)]));
}

function toJson(field: ResultField, value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (field.mode === 'REPEATED') {
    const cells = z.array(cellSchema).safeParse(value);
    const item = { ...field, mode: undefined };
    return cells.success ? cells.data.map(({ v }) => toJson(item, v)) : null;
  }
  if (field.fields !== undefined && field.fields.length > 0) {
    const record = recordSchema.safeParse(value);
    return record.success ? toObject(field.fields, record.data) : null;
  }
  return scalar(field.type, String(value));
}

function scalar(type: string, text: string): Json {
  switch (type) {
    case 'INTEGER':
    case 'INT64': {
      const number = Number(text);
      return Number.isSafeInteger(number) ? number : text;
    }
    case 'FLOAT':
    case 'FLOAT64': {
      const number = Number(text);
      // JSON has no NaN and no infinity.
      return Number.isFinite(number) ? number : text;
    }
    case 'BOOLEAN':
    case 'BOOL':
      return text === 'true';
    case 'TIMESTAMP':
      return timestamp(text);
    case 'JSON':
      return parsed(text);
    default:
      return text;
  }
}

/** @param text whole microseconds since the epoch */
function timestamp(text: string): string {
  if (!/^-?\d+$/.test(text)) return text;
  const micros = BigInt(text);
  const date = new Date(Number(micros / 1_000n));
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

function parsed(text: string): Json {
  try {
    return z.json().parse(JSON.parse(text));
  } catch {
    return text;
  }
}
