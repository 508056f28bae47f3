/** Shapes of the JSON connector. */
import { z } from 'zod';
import type { JsonObject } from '../contract.ts';
import { parsePath } from './path.ts';

export const MAX_TEXT = 8_000_000;
export const MAX_DEPTH = 100;

const data = z.json().meta({ description: 'An object or a list of objects' });

const path = z.string().superRefine((text, context) => {
  try {
    parsePath(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'can’t be read';
    context.addIssue({ code: 'custom', message: `The path ${reason}` });
  }
});

const separator = z
  .string()
  .min(1)
  .max(5)
  .default('.')
  .meta({ description: 'What stands between the names of the levels' });

export const queryInputSchema = z.strictObject({
  data: z.json().meta({ description: 'Any JSON' }),
  path: path.meta({
    description:
      'What to take out: order.items[0], items[*].name, items[?price >= 50], items[-1], items[2:5], totals.*, "a name".x',
    example: 'orders[?total > 100].id',
  }),
  default: z
    .json()
    .optional()
    .meta({ description: 'The value where nothing is; null if left out' }),
});
export type QueryInput = z.output<typeof queryInputSchema>;
export const valueOutputSchema = z.strictObject({
  value: z.json().meta({ description: 'What was found' }),
});

export const pickInputSchema = z.strictObject({
  data,
  fields: z
    .array(z.string().min(1))
    .min(1)
    .max(1_000)
    .meta({ description: 'Names of the fields to keep', example: ['name', 'email'] }),
  keep: z
    .boolean()
    .default(true)
    .meta({ description: 'false: these fields are dropped, the others kept' }),
});
export type PickInput = z.output<typeof pickInputSchema>;

export const renameInputSchema = z.strictObject({
  data,
  names: z
    .record(z.string().min(1), z.string().min(1))
    .meta({ description: 'New names by old ones', example: { fname: 'firstName' } }),
  others: z
    .enum(['keep', 'drop'])
    .default('keep')
    .meta({ description: 'What becomes of fields that are not named' }),
});
export type RenameInput = z.output<typeof renameInputSchema>;

export const mergeInputSchema = z.strictObject({
  objects: z
    .array(z.record(z.string(), z.json()).nullable())
    .min(1)
    .max(100)
    .meta({ description: 'Later ones win; null is passed over', example: [{ a: 1 }, { b: 2 }] }),
  deep: z.boolean().default(true).meta({
    description: 'true: objects within are merged too; lists are never merged, the later one stays',
  }),
});
export type MergeInput = z.output<typeof mergeInputSchema>;

export const flattenInputSchema = z.strictObject({ data, separator });
export type FlattenInput = z.output<typeof flattenInputSchema>;

export const changedOutputSchema = z.strictObject({
  data: z.json().meta({ description: 'The changed object, or list of objects' }),
});

export const objectOutputSchema = z.strictObject({
  data: z.record(z.string(), z.json()).meta({ description: 'The merged object' }),
});
export interface ObjectOutput {
  readonly data: JsonObject;
}

export const parseInputSchema = z.strictObject({
  text: z
    .string()
    .meta({ description: `JSON text, up to ${MAX_TEXT} characters`, example: '{"a": 1}' }),
  lines: z
    .boolean()
    .default(false)
    .meta({ description: 'true: one JSON value a line (NDJSON); they become a list' }),
});
export type ParseInput = z.output<typeof parseInputSchema>;

export const stringifyInputSchema = z.strictObject({
  data: z.json().meta({ description: 'Any JSON' }),
  indent: z
    .int()
    .min(0)
    .max(8)
    .default(0)
    .meta({ description: 'Blanks by which levels are indented' }),
});
export type StringifyInput = z.output<typeof stringifyInputSchema>;
export const textOutputSchema = z.strictObject({
  text: z.string().meta({ description: 'JSON text' }),
});
