/** Fields that several endpoints take or answer. */
import { z } from 'zod';
import { EXECUTION_STATUSES } from '../workflows/contract.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/;

/** An id that other systems gave: anything printable. */
const foreignId = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(PRINTABLE, 'must not hold control characters')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

export const leadIdField = foreignId(200).meta({ description: 'Id of a lead', example: 'lead-42' });
export const eventIdField = foreignId(200).meta({
  description: 'Id of the event at its source; the same id again starts nothing',
});
export const eventNameField = foreignId(128).meta({
  description: 'Name of an event, as the wait node has it',
  example: 'payment.received',
});
export const executionIdField = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'is not the form of an execution id')
  .meta({
    description: 'Id of the execution, also its workflow id in Temporal',
    example: 'welcome-lead_01932d5c9a7b7c3e8f0a1b2c3d4e5f60',
  });
/** Ids of single nodes come from other systems, so they may have more than a definition allows. */
export const nodeIdField = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'must start with a letter or digit and have only letters, digits, . _ - (128 at most)',
  )
  .meta({ description: 'Id of a node', example: 'mail' });

export const modeField = z.enum(['live', 'sandbox']).meta({
  description: '`sandbox`: nothing leaves, the local emulators take every message',
});
export const executionStatusField = z.enum(EXECUTION_STATUSES);

/**
 * Any JSON value or object. Their insides need no check: the body reader parsed them from JSON.
 */
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const jsonField = z
  .custom<Json>((value) => value !== undefined)
  .meta({ override: {}, description: 'Any JSON value' });
export const jsonObjectField = z
  .custom<JsonObject>(isObject, 'must be an object')
  .meta({ override: { type: 'object', additionalProperties: true } });

/** A time in an answer: ISO 8601, UTC, milliseconds. */
export const timeField = z.iso
  .datetime({ precision: 3 })
  .meta({ example: '2026-03-01T09:00:00.000Z' });

/** A time in a query: a date, or a date with time and zone. */
export const timeQuery = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be a date or a time with its zone, such as 2026-03-01T09:00:00Z',
  })
  .transform((text) => new Date(text));

/** Yes or no in a query. */
export const flagQuery = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((text) => text === 'true');

/** One or more values separated by commas. */
export function listQuery<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .pipe(z.array(z.enum(values)).min(1))
    .meta({ description: `One of ${values.join(', ')}, or several separated by commas` });
}

/** The fields of a lead that Masar knows by name; it may have any others. */
export const leadFields = z
  .object({
    id: leadIdField.optional(),
    name: z.string().max(500).optional(),
    email: z.string().max(320).optional(),
    phone: z.string().max(50).optional(),
  })
  .catchall(jsonField)
  .meta({ id: 'LeadFields', example: { name: 'ليلى حدّاد', email: 'layla@example.com' } });

export const leadField = leadFields.transform(toJsonObject);

/** Leaves out what is undefined, which JSON can't say. */
export function toJsonObject(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  const object: Record<string, Json> = {};
  for (const [key, value] of Object.entries(fields)) {
    // Defined rather than assigned, because a key may be called __proto__.
    if (value !== undefined) {
      Object.defineProperty(object, key, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
  }
  return object;
}

export function iso(time: Date): string;
export function iso(time: Date | null): string | null;
export function iso(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
