/**
 * Checks whatever claims to be a definition: its form and, as far as that can be read, what it
 * means, so that a misspelt field hides no other problem. Pure, and never throws.
 */
import { z } from 'zod';
import type { CatalogView } from './catalog-view.ts';
import {
  connectionSchema,
  type Definition,
  definitionSchema,
  type Issue,
  nodeSchema,
  settingsSchema,
  triggerSchema,
} from './definition.ts';
import { pointerStep } from './expressions.ts';
import { predicateOf } from './issue-words.ts';
import { validateDefinition } from './validate.ts';

/** @returns every problem, those of form first */
export function checkDefinition(value: unknown, catalog: CatalogView): Issue[] {
  const parsed = definitionSchema.safeParse(value);
  if (parsed.success) return validateDefinition(parsed.data, catalog);
  const form = parsed.error.issues.flatMap((issue) => formIssues(issue, value));
  const readable = readablePart(value);
  if (readable === undefined) return form;
  // The steps that form complains about were left out, and would be missed here once more.
  const told = new Set(form.map(({ pointer }) => pointer));
  const meaning = validateDefinition(readable, catalog).filter(({ pointer }) => !told.has(pointer));
  return [...form, ...meaning];
}

function formIssues(issue: z.core.$ZodIssue, value: unknown): Issue[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      formIssue('unknown_field', [...issue.path, key], value, 'is not known here.'),
    );
  }
  const isAbsent = issue.message.includes('received undefined');
  return [formIssue(issue.code, issue.path, value, predicateOf(issue, isAbsent))];
}

function formIssue(
  code: string,
  path: readonly PropertyKey[],
  value: unknown,
  predicate: string,
): Issue {
  const pointer = path.map((step) => pointerStep(String(step))).join('');
  const nodeId = nodeIdAt(path, value);
  const field = path
    .slice(path[0] === 'nodes' ? 2 : 0)
    .map(String)
    .join('.');
  const subject =
    path.length === 0
      ? 'The definition'
      : path[0] !== 'nodes' || path.length === 1
        ? `"${field === '' ? 'nodes' : field}"`
        : `${field === '' ? '' : `"${field}" of `}${nodeId === undefined ? `node number ${Number(path[1]) + 1}` : `"${nodeId}"`}`;
  return {
    code,
    severity: 'error',
    ...(nodeId === undefined ? {} : { nodeId }),
    pointer,
    message: `${subject.charAt(0).toUpperCase()}${subject.slice(1)} ${predicate}`,
  };
}

const named = z.looseObject({ id: z.string().min(1).max(64) });

function nodeIdAt(path: readonly PropertyKey[], value: unknown): string | undefined {
  const [list, index] = path;
  if (list !== 'nodes' || typeof index !== 'number') return undefined;
  const nodes = z.looseObject({ nodes: z.array(z.unknown()) }).safeParse(value);
  const node = named.safeParse(nodes.data?.nodes[index]);
  return node.data?.id;
}

const outline = z.looseObject({
  nodes: z.array(z.looseObject({ id: z.string(), type: z.string() })),
  connections: z.array(z.looseObject({ from: z.string(), to: z.string() })).default([]),
  triggers: z.unknown().optional(),
  settings: z.unknown().optional(),
});

/**
 * What can be read of a definition whose form has problems: every node and connection at its
 * place, without the fields that are wrong.
 * @returns undefined where not even that can be said
 */
function readablePart(value: unknown): Definition | undefined {
  const parsed = outline.safeParse(value);
  if (!parsed.success) return undefined;
  const { nodes, connections, triggers, settings } = parsed.data;
  const readTriggers = z.array(triggerSchema).safeParse(triggers);
  const readSettings = settingsSchema.safeParse(settings);
  return {
    workflowId: 'draft',
    name: 'draft',
    nodes: nodes.map(({ id, type, ...fields }) => ({
      ...nodeSchema.parse({ ...withoutWrong(nodeSchema, fields), id: 'node', type: 'set' }),
      id,
      type,
    })),
    connections: connections.map(({ from, to, ...fields }) => ({
      ...connectionSchema.parse({ ...withoutWrong(connectionSchema, fields), from: 'a', to: 'b' }),
      from,
      to,
    })),
    triggers: readTriggers.success ? readTriggers.data : [],
    settings: readSettings.success ? readSettings.data : {},
  };
}

/** Leaves out the fields that a schema finds something wrong with. */
function withoutWrong(
  schema: z.ZodType,
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const wrong = new Set(
    (schema.safeParse(fields).error?.issues ?? []).flatMap((issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys : issue.path.slice(0, 1),
    ),
  );
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !wrong.has(key)));
}
