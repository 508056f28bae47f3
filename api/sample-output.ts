/** Outputs made up for a test of what follows a node that isn't run. Pure. */
import { z } from 'zod';
import type { ConnectorManifest } from '../connectors/contract.ts';
import type { DefinitionNode } from '../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';

/** What control nodes give, as docs/control-nodes.md describes it. */
const CONTROL_SAMPLES: Readonly<Record<string, JsonObject>> = {
  condition: { result: true },
  switch: { value: 'sample value', output: 'default' },
  forEach: { results: [], failed: 0 },
  wait: { until: '2026-01-01T00:00:00.000Z' },
  approval: {
    decision: 'approved',
    comment: null,
    by: 'sample',
    at: '2026-01-01T00:00:00.000Z',
  },
  subworkflow: { executionId: 'sample', result: {} },
  respond: { status: 200 },
};

/** @returns a value of the form that the node's operation declares for its output */
export function sampleOutput(node: DefinitionNode, catalog: readonly ConnectorManifest[]): Json {
  const control = CONTROL_SAMPLES[node.type];
  if (control !== undefined) return control;
  const connector = catalog.find(({ type }) => type === node.type);
  const operation =
    node.config.operation === undefined
      ? connector?.operations[0]
      : connector?.operations.find(({ name }) => name === node.config.operation);
  if (operation === undefined) return {};
  const schema = z.toJSONSchema(operation.output, { io: 'output', unrepresentable: 'any' });
  return sampleOf(jsonSchema.parse(schema), 'value', 0);
}

/** The parts of JSON Schema that connectors' outputs are described with. */
const jsonSchema = z.looseObject({
  type: z.string().optional(),
  const: z.json().optional(),
  enum: z.array(z.json()).optional(),
  examples: z.array(z.json()).optional(),
  example: z.json().optional(),
  default: z.json().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  minimum: z.number().optional(),
});

const MAX_DEPTH = 8;

function sampleOf(schema: z.output<typeof jsonSchema>, name: string, depth: number): Json {
  const told = schema.const ?? schema.example ?? schema.examples?.[0] ?? schema.default;
  if (told !== undefined) return told;
  const [first] = schema.enum ?? [];
  if (first !== undefined) return first;
  if (depth > MAX_DEPTH) return null;
  const inner = (value: unknown, innerName: string): Json => {
    const parsed = jsonSchema.safeParse(value);
    return parsed.success ? sampleOf(parsed.data, innerName, depth + 1) : null;
  };
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice !== undefined) return inner(choice, name);
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, value]) => [key, inner(value, key)]),
      );
    case 'array':
      return schema.items === undefined ? [] : [inner(schema.items, name)];
    case 'string':
      return `sample ${name}`;
    case 'number':
    case 'integer':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    default:
      return null;
  }
}
