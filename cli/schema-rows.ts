/** Reads a JSON Schema (draft 2020-12, as zod makes it) as rows of a table for people. */
import { z } from 'zod';

export interface FieldRow {
  /** `attachments[].filename` is a field of the items of a list. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
  /** As JSON text. */
  readonly byDefault: string | undefined;
}

/** What is read of a schema; the rest is for machines. */
const nodeSchema = z.looseObject({
  get properties() {
    return z.record(z.string(), nodeSchema).optional();
  },
  get items() {
    return nodeSchema.optional();
  },
  get anyOf() {
    return z.array(nodeSchema).optional();
  },
  get oneOf() {
    return z.array(nodeSchema).optional();
  },
  type: z.union([z.string(), z.array(z.string())]).optional(),
  format: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  required: z.array(z.string()).optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  $ref: z.string().optional(),
});
type SchemaNode = z.output<typeof nodeSchema>;

const DEEPEST = 4;
const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  null: 'null',
  object: 'object',
  array: 'list',
};

/**
 * @param io what a person writes (`input`: a field with a default may be left out) or gets (`output`)
 * @returns the variants of the schema: one, unless it is a choice between objects
 */
export function schemaVariants(
  schema: z.ZodType,
  io: 'input' | 'output',
): readonly {
  readonly description: string;
  readonly type: string;
  readonly rows: readonly FieldRow[];
}[] {
  const node = nodeSchema.parse(z.toJSONSchema(schema, { io, unrepresentable: 'any' }));
  const choices = alternatives(node);
  const variants = choices.every(({ properties }) => properties !== undefined) ? choices : [node];
  return variants.map((variant) => ({
    description: variant.description ?? '',
    type: typeOf(variant),
    rows: rowsOf(variant, '', 0),
  }));
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.oneOf ?? node.anyOf ?? [node];
}

function rowsOf(node: SchemaNode, prefix: string, depth: number): FieldRow[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => [
    {
      name: prefix + name,
      type: typeOf(field),
      required: node.required?.includes(name) === true,
      description: field.description ?? '',
      byDefault: field.default === undefined ? undefined : JSON.stringify(field.default),
    },
    ...(depth >= DEEPEST ? [] : innerRows(field, prefix + name, depth + 1)),
  ]);
}

/** Fields of the objects that a field can hold; those of several kinds of objects in one list. */
function innerRows(field: SchemaNode, name: string, depth: number): FieldRow[] {
  const found = alternatives(field).flatMap((choice) =>
    choice.items === undefined
      ? [rowsOf(choice, `${name}.`, depth)]
      : alternatives(choice.items).map((item) => rowsOf(item, `${name}[].`, depth)),
  );
  const kinds = found.filter((rows) => rows.length > 0);
  const byName = Map.groupBy(kinds.flat(), (row) => row.name);
  return [...byName.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const types = [...new Set(rows.map(({ type }) => type))];
    const isEverywhere = rows.length >= kinds.length;
    return [
      {
        ...first,
        type: types.join(' or '),
        required: isEverywhere && rows.every(({ required }) => required),
        description: [...new Set(rows.map(({ description }) => description))]
          .filter((text) => text !== '')
          .join('; '),
      },
    ];
  });
}

function typeOf(node: SchemaNode): string {
  if (node.$ref !== undefined) return 'any JSON';
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) return node.enum.map(code).join(', ');
  const choices = node.oneOf ?? node.anyOf;
  if (choices !== undefined) return [...new Set(choices.map(typeOf))].join(' or ');
  if (node.items !== undefined) return `list of ${plural(typeOf(node.items))}`;
  if (node.format === 'uri') return 'address (URL)';
  const types = [node.type ?? []].flat();
  if (types.length === 0) return 'any JSON';
  return types.map((type) => WORDS[type] ?? type).join(' or ') + rangeOf(node);
}

/** Limits that somebody set, not those of the number format. */
function rangeOf({ minimum, maximum }: SchemaNode): string {
  const least = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  if (least !== undefined) return `, ${least} or more`;
  return most === undefined ? '' : `, ${most} at most`;
}

function plural(type: string): string {
  const plurals: Readonly<Record<string, string>> = {
    text: 'texts',
    object: 'objects',
    number: 'numbers',
    'whole number': 'whole numbers',
    'any JSON': 'any JSON',
  };
  return plurals[type] ?? `(${type})`;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
