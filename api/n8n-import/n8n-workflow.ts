/**
 * n8n's export of a workflow, as far as it is read.
 * https://docs.n8n.io/workflows/export-import/
 */
import { z } from 'zod';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { MAX_NODES } from '../../workflows/graph/validate.ts';

const credentialSchema = z.looseObject({ name: z.string().optional() });

const nodeSchema = z.looseObject({
  name: z.string().min(1),
  type: z.string().min(1),
  typeVersion: z.number().default(1),
  position: z.tuple([z.number(), z.number()]).optional().catch(undefined),
  parameters: z.record(z.string(), z.json()).default({}),
  credentials: z.record(z.string(), credentialSchema).default({}),
  disabled: z.boolean().default(false),
  notes: z.string().optional(),
  retryOnFail: z.boolean().default(false),
  maxTries: z.number().optional(),
  waitBetweenTries: z.number().optional(),
  continueOnFail: z.boolean().default(false),
  onError: z.string().optional(),
});
export type N8nNode = z.output<typeof nodeSchema>;

const targetSchema = z.looseObject({ node: z.string(), type: z.string().default('main') });

export const n8nWorkflowSchema = z.looseObject({
  name: z.string().default('Imported from n8n'),
  // Twice what a definition may have: drawings and triggers are no nodes of it.
  nodes: z
    .array(nodeSchema)
    .min(1)
    .max(2 * MAX_NODES),
  connections: z
    .record(z.string(), z.record(z.string(), z.array(z.array(targetSchema).nullable())))
    .default({}),
  settings: z
    .looseObject({
      timezone: z.string().optional(),
      errorWorkflow: z.string().optional(),
      executionTimeout: z.number().optional(),
    })
    .default({}),
});
export type N8nWorkflow = z.output<typeof n8nWorkflowSchema>;

/** A connection with the number of the output that it leaves from. */
export interface N8nLink {
  readonly from: string;
  readonly output: number;
  readonly to: string;
  /** `main`, or what kind of help a sub-node gives (`ai_languageModel`). */
  readonly kind: string;
}

export function linksOf(workflow: N8nWorkflow): readonly N8nLink[] {
  return Object.entries(workflow.connections).flatMap(([from, kinds]) =>
    Object.entries(kinds).flatMap(([kind, outputs]) =>
      outputs.flatMap((targets, output) =>
        (targets ?? []).map(({ node }) => ({ from, output, to: node, kind })),
      ),
    ),
  );
}

/** The type without the package: `n8n-nodes-base.httpRequest` is `httpRequest`. */
export function kindOf(node: Pick<N8nNode, 'type'>): string {
  return node.type.slice(node.type.lastIndexOf('.') + 1);
}

/** @returns true if a value looks like an export of n8n rather than a definition */
export function looksLikeN8n(value: unknown): boolean {
  const shape = z.looseObject({
    nodes: z
      .array(z.looseObject({ type: z.string().includes('.'), parameters: z.unknown() }))
      .min(1),
  });
  const single = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return shape.safeParse(single).success;
}

/** @param path fields separated by dots @returns undefined where one is missing */
export function at(value: Json | undefined, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path.split('.')) found = asObject(found)?.[step];
  return found;
}

export function asObject(value: Json | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** A resource locator's value, or the value itself. */
export function located(value: Json | undefined): Json | undefined {
  const object = asObject(value);
  return object !== undefined && '__rl' in object ? object.value : value;
}
