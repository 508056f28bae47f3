/** Fields of a rendered config, which may hold anything. */
import type { JsonObject } from './graph/json.ts';

export function textAt(config: JsonObject, field: string): string | undefined {
  const value = config[field];
  return value === undefined || value === null ? undefined : String(value);
}

export function numberAt(config: JsonObject, field: string): number | undefined {
  const value = config[field];
  return typeof value === 'number' ? value : undefined;
}

export function objectAt(config: JsonObject, field: string): JsonObject {
  const value = config[field];
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}
