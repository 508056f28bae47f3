/** The JSON Schema that an answer must follow: what is accepted, and how answers are held to it. */
import { z } from 'zod';
import type { Json } from '../contract.ts';

const schemaObject = z.record(z.string(), z.json());
type SchemaObject = z.output<typeof schemaObject>;

/** Keywords whose value maps names to schemas. */
const NAMED = ['properties', '$defs', 'definitions'];

/**
 * The field of the input. An object at the top, as the API wants it.
 * https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
 */
export const answerSchemaField = schemaObject.superRefine((schema, context) => {
  if (schema.type !== 'object') {
    context.addIssue({ code: 'custom', message: 'must describe an object: "type": "object"' });
    return;
  }
  try {
    checkerOf(schema);
  } catch (error) {
    const reason = error instanceof Error ? `: ${error.message}` : '';
    context.addIssue({ code: 'custom', message: `is not a JSON Schema that can be used${reason}` });
  }
});

/** @returns where the answer departs from the schema and how; empty if it doesn't */
export function departures(schema: SchemaObject, answer: unknown): readonly string[] {
  const result = checkerOf(schema).safeParse(answer);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
}

/** @throws Error that says what in the schema can't be used */
function checkerOf(schema: SchemaObject): z.ZodType {
  return z.fromJSONSchema(withoutPatterns(schema));
}

/**
 * A pattern is for the model to follow. It is not tried here, since some patterns take for ever on
 * some texts and whoever writes one would stop everybody's work.
 */
function withoutPatterns(schema: SchemaObject): SchemaObject {
  return Object.fromEntries(
    Object.entries(schema).flatMap(([keyword, value]) => {
      if (keyword === 'pattern') return [];
      if (keyword === 'patternProperties') throw new Error('patternProperties is not supported');
      const named = NAMED.includes(keyword) ? schemaObject.safeParse(value).data : undefined;
      if (named === undefined) return [[keyword, inside(value)]];
      const cleaned = Object.entries(named).map(([name, inner]) => [name, inside(inner)]);
      return [[keyword, Object.fromEntries(cleaned)]];
    }),
  );
}

function inside(value: SchemaObject[string]): SchemaObject[string] {
  if (Array.isArray(value)) return value.map(inside);
  const nested = schemaObject.safeParse(value);
  return nested.success ? withoutPatterns(nested.data) : value;
}

const MAX_DEPTH = 12;

/** An object that follows the schema, for the sandbox. Plain values, the same every time. */
export function exampleOf(schema: SchemaObject): Json {
  return example(schema, schema, 0);
}

function example(value: Json | undefined, root: SchemaObject, depth: number): Json {
  const parsed = schemaObject.safeParse(value);
  if (!parsed.success || depth > MAX_DEPTH) return null;
  const schema = parsed.data;
  const next = (inner: Json | undefined): Json => example(inner, root, depth + 1);
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0] ?? null;
  if (typeof schema.$ref === 'string') return next(referenced(schema.$ref, root));
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (Array.isArray(choices)) return next(choices[0]);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object': {
      const properties = schemaObject.safeParse(schema.properties).data ?? {};
      return Object.fromEntries(
        Object.entries(properties).map(([name, inner]) => [name, next(inner)]),
      );
    }
    case 'array': {
      const count = Math.min(numberOf(schema.minItems, 1), 100);
      return Array.from({ length: count }, () => next(schema.items));
    }
    case 'string':
      return stringFor(schema);
    case 'integer':
    case 'number':
      return numberOf(schema.minimum, Math.min(1, numberOf(schema.maximum, 1)));
    case 'boolean':
      return true;
    default:
      return null;
  }
}

function stringFor({ format, minLength }: SchemaObject): string {
  const known: Readonly<Record<string, string>> = {
    email: 'sandbox@example.com',
    date: '2026-01-01',
    'date-time': '2026-01-01T00:00:00Z',
    time: '00:00:00Z',
    uuid: '00000000-0000-4000-8000-000000000000',
  };
  return (
    (typeof format === 'string' ? known[format] : undefined) ??
    'sandbox'.padEnd(numberOf(minLength, 0), '.')
  );
}

function numberOf(value: Json | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

/** `#` or `#/$defs/Name`, as far as the API supports references. */
function referenced(reference: string, root: SchemaObject): Json | undefined {
  if (reference === '#') return root;
  const [, map, name] = /^#\/(\$defs|definitions)\/(.+)$/.exec(reference) ?? [];
  if (map === undefined || name === undefined) return undefined;
  return schemaObject.safeParse(root[map]).data?.[name];
}
