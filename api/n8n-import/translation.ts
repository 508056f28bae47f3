/** What the translators of n8n's node types are given and give. */
import type { DefinitionInput } from '../../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import type { Resolved, Step } from './expression.ts';
import type { N8nNode } from './n8n-workflow.ts';

export type NodeInput = DefinitionInput['nodes'][number];
export type TriggerInput = NonNullable<DefinitionInput['triggers']>[number];

export interface ReportItem {
  /** `error`: it doesn't work before a person has mended it; mostly publishing refuses it too. */
  readonly severity: 'info' | 'warning' | 'error';
  /** Null: it concerns the whole workflow. */
  readonly n8nNode: string | null;
  readonly field?: string;
  readonly message: string;
  readonly suggestion: string;
}

/** One n8n node while it is translated. */
export interface NodeContext {
  readonly node: N8nNode;
  /** Id of the node that takes its place. */
  readonly id: string;
  readonly parameters: JsonObject;
  readonly timezone: string | undefined;
  /** A parameter's value, its expressions translated; what isn't certain is reported. */
  value(field: string, given?: Json): Json | undefined;
  /** As `value`, where a text is needed; undefined for an empty one. */
  text(field: string, given?: Json): string | undefined;
  /** The data that comes in, as a whole. */
  incoming(): Resolved;
  /** The list that comes in, where the node before gives one. */
  incomingList(): string | undefined;
  report(
    severity: ReportItem['severity'],
    message: string,
    suggestion: string,
    field?: string,
  ): void;
}

/** Where a connection from an output leaves from. */
export interface Leaving {
  readonly from: string;
  readonly output?: string;
}

/** The nodes that take one n8n node's place; the first is where connections lead to. */
export interface TranslatedNode {
  readonly nodes: readonly [NodeInput, ...NodeInput[]];
  /** Connections among those nodes. */
  readonly connections?: DefinitionInput['connections'];
  /** @returns undefined if nothing corresponds to that output */
  leaving(output: number): Leaving | undefined;
}

export type Translator = (context: NodeContext) => TranslatedNode;

/** What later nodes find below `$json` after a node, by n8n's names. */
export interface Shape {
  json(id: string, path: readonly Step[], parameters: JsonObject): Resolved | 'incoming';
  /** Expression of the list that n8n would run the nodes after it for, item by item. */
  list?(id: string, parameters: JsonObject): string | undefined;
}

/** One node with one output, and an error output besides it. */
export function single(context: NodeContext, type: string, config: JsonObject): TranslatedNode {
  const { id } = context;
  return {
    nodes: [{ id, type, config }],
    leaving: (output) => ({ from: id, ...(output === 0 ? {} : { output: 'error' }) }),
  };
}

/** A node that does nothing but join or pass on. */
export function passing(context: NodeContext): TranslatedNode {
  return {
    nodes: [{ id: context.id, type: 'set', config: { values: {} } }],
    leaving: () => ({ from: context.id }),
  };
}

/** A type that validation doesn't know: the draft keeps its form, and can't be published as it is. */
export function unsupported(
  context: NodeContext,
  what: string,
  suggestion: string,
): TranslatedNode {
  const { node, id } = context;
  const kind = node.type.slice(node.type.lastIndexOf('.') + 1);
  context.report('error', what, suggestion);
  const notes = `From n8n (${node.type}): ${JSON.stringify(node.parameters)}`;
  return {
    nodes: [{ id, type: `n8n-${kind}`.slice(0, 64), config: {}, notes: notes.slice(0, 5_000) }],
    leaving: (output) => ({ from: id, ...(output === 0 ? {} : { output: 'error' }) }),
  };
}

/** Leaves out what is undefined. */
export function defined(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  const entries = Object.entries(fields).flatMap(([key, value]): [string, Json][] =>
    value === undefined ? [] : [[key, value]],
  );
  return Object.fromEntries(entries);
}
