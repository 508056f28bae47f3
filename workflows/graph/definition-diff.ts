/**
 * What differs between two versions of a definition, for people: each difference has a sentence
 * besides the values that a builder shows side by side. Pure.
 */
import type { Connection, Definition, DefinitionNode, Graph, Trigger } from './definition.ts';
import { graphSchema } from './definition.ts';
import { pointerStep } from './expressions.ts';

type Change = 'added' | 'removed' | 'changed';

/** One value that differs. `before` is absent where it was added, `after` where it was removed. */
export interface FieldChange {
  /** JSON pointer into the node, the settings or the definition. */
  readonly pointer: string;
  readonly change: Change;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly summary: string;
}

export interface NodeChange {
  readonly nodeId: string;
  readonly change: Change;
  readonly type: string;
  /** The forEach in whose body the node stands; null on the outermost level. */
  readonly inside: string | null;
  /** True where nothing but place and notes differ, which mean nothing for a run. */
  readonly cosmetic: boolean;
  readonly fields: readonly FieldChange[];
  readonly summary: string;
}

export interface ConnectionChange {
  readonly change: 'added' | 'removed';
  readonly from: string;
  /** Null: the default output. */
  readonly output: string | null;
  readonly to: string;
  readonly inside: string | null;
  readonly summary: string;
}

export interface TriggerChange {
  readonly change: 'added' | 'removed';
  readonly trigger: Trigger;
  readonly summary: string;
}

export interface DefinitionDiff {
  readonly identical: boolean;
  /** The definition's own name and description. */
  readonly about: readonly FieldChange[];
  readonly nodes: readonly NodeChange[];
  readonly connections: readonly ConnectionChange[];
  readonly triggers: readonly TriggerChange[];
  readonly settings: readonly FieldChange[];
}

/** @param before the older definition @param after the newer one */
export function diffDefinitions(before: Definition, after: Definition): DefinitionDiff {
  const levels = [levelsOf(before), levelsOf(after)] as const;
  const about = (['name', 'description'] as const).flatMap((field) =>
    diffValues(before[field], after[field], pointerStep(field)),
  );
  const nodes = diffNodes(...levels);
  const connections = diffConnections(...levels);
  const triggers = diffTriggers(before.triggers, after.triggers);
  const settings = diffValues(before.settings, after.settings, '');
  const identical = [about, nodes, connections, triggers, settings].every(
    (changes) => changes.length === 0,
  );
  return { identical, about, nodes, connections, triggers, settings };
}

interface LevelGraph {
  readonly inside: string | null;
  readonly graph: Graph;
}

/** The definition's own graph and the bodies of forEach nodes, as far as they can be read. */
function levelsOf(definition: Definition): readonly LevelGraph[] {
  const levels: LevelGraph[] = [{ inside: null, graph: definition }];
  for (const level of levels) {
    for (const node of level.graph.nodes) {
      const graph = bodyOf(node);
      if (graph !== undefined) levels.push({ inside: node.id, graph });
    }
  }
  return levels;
}

function bodyOf(node: DefinitionNode): Graph | undefined {
  if (node.type !== 'forEach') return undefined;
  const body = graphSchema.safeParse(node.config.body);
  return body.success ? body.data : undefined;
}

interface PlacedNode {
  readonly node: DefinitionNode;
  readonly inside: string | null;
}

/** Nodes by id; the second of two that share one (a draft may have that) by id and number. */
function placed(levels: readonly LevelGraph[]): ReadonlyMap<string, PlacedNode> {
  const found = new Map<string, PlacedNode>();
  for (const { inside, graph } of levels) {
    for (const node of graph.nodes) {
      let key = node.id;
      for (let number = 2; found.has(key); number += 1) key = `${node.id}\n${number}`;
      found.set(key, { node, inside });
    }
  }
  return found;
}

function diffNodes(
  before: readonly LevelGraph[],
  after: readonly LevelGraph[],
): readonly NodeChange[] {
  const old = placed(before);
  const now = placed(after);
  const changes: NodeChange[] = [];
  for (const [key, { node, inside }] of old) {
    if (!now.has(key)) changes.push(wholeNode('removed', node, inside));
  }
  for (const [key, { node, inside }] of now) {
    const earlier = old.get(key);
    if (earlier === undefined) {
      changes.push(wholeNode('added', node, inside));
      continue;
    }
    const fields = [
      ...diffValues(earlier.inside, inside, '/inside'),
      ...diffValues(comparable(earlier.node), comparable(node), ''),
    ];
    if (fields.length === 0) continue;
    changes.push({
      nodeId: node.id,
      change: 'changed',
      type: node.type,
      inside,
      cosmetic: fields.every(({ pointer }) => /^\/(?:position|notes)(?:\/|$)/.test(pointer)),
      fields,
      summary: `${named(node)}: ${fields.map(({ summary }) => summary).join('; ')}.`,
    });
  }
  return changes;
}

function wholeNode(
  change: 'added' | 'removed',
  node: DefinitionNode,
  inside: string | null,
): NodeChange {
  const where = inside === null ? '' : ` inside “${inside}”`;
  return {
    nodeId: node.id,
    change,
    type: node.type,
    inside,
    cosmetic: false,
    fields: [],
    summary: `${named(node)} (${node.type})${where} was ${change}.`,
  };
}

function named(node: DefinitionNode): string {
  return node.name === undefined ? `“${node.id}”` : `“${node.name}” (${node.id})`;
}

/** A body's nodes are compared one by one, so the node that holds them is compared without it. */
function comparable(node: DefinitionNode): unknown {
  if (bodyOf(node) === undefined) return node;
  const { body: _body, ...config } = node.config;
  return { ...node, config };
}

function diffConnections(
  before: readonly LevelGraph[],
  after: readonly LevelGraph[],
): readonly ConnectionChange[] {
  const old = placedConnections(before);
  const now = placedConnections(after);
  const gone = [...old].filter(([key]) => !now.has(key));
  const fresh = [...now].filter(([key]) => !old.has(key));
  return [
    ...gone.map(([, placed]) => connectionChange('removed', placed)),
    ...fresh.map(([, placed]) => connectionChange('added', placed)),
  ];
}

interface PlacedConnection {
  readonly connection: Connection;
  readonly inside: string | null;
}

function placedConnections(levels: readonly LevelGraph[]): ReadonlyMap<string, PlacedConnection> {
  return new Map(
    levels.flatMap(({ inside, graph }) =>
      graph.connections.map((connection) => [
        JSON.stringify([inside, connection.from, connection.output ?? null, connection.to]),
        { connection, inside },
      ]),
    ),
  );
}

function connectionChange(
  change: 'added' | 'removed',
  { connection: { from, output, to }, inside }: PlacedConnection,
): ConnectionChange {
  const by = output === undefined ? '' : ` by “${output}”`;
  return {
    change,
    from,
    output: output ?? null,
    to,
    inside,
    summary: `The connection from “${from}”${by} to “${to}” was ${change}.`,
  };
}

function diffTriggers(
  before: readonly Trigger[],
  after: readonly Trigger[],
): readonly TriggerChange[] {
  const without = (list: readonly Trigger[], other: readonly Trigger[]): readonly Trigger[] => {
    const left = other.map(canonical);
    return list.filter((trigger) => {
      const index = left.indexOf(canonical(trigger));
      if (index < 0) return true;
      left.splice(index, 1);
      return false;
    });
  };
  const told = (change: 'added' | 'removed') => (trigger: Trigger) => ({
    change,
    trigger,
    summary: `${describeTrigger(trigger)} was ${change}.`,
  });
  return [
    ...without(before, after).map(told('removed')),
    ...without(after, before).map(told('added')),
  ];
}

/** Every field but the type tells one trigger from another of its kind. */
function describeTrigger(trigger: Trigger): string {
  const { type, ...fields } = trigger;
  const told = Object.entries(fields).map(([name, value]) => `${name} ${shown(value)}`);
  return `The ${type} trigger${told.length === 0 ? '' : ` (${told.join(', ')})`}`;
}

/** Goes into objects, and into lists of the same length; other lists are compared as a whole. */
function diffValues(before: unknown, after: unknown, pointer: string): readonly FieldChange[] {
  if (canonical(before) === canonical(after)) return [];
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) =>
      diffValues(before[key], after[key], pointer + pointerStep(key)),
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) =>
      diffValues(item, after[index], pointer + pointerStep(index)),
    );
  }
  const field = pointer
    .replace(/^\/config\//, '/')
    .slice(1)
    .replaceAll('/', '.');
  if (before === undefined) {
    const summary = `${field} was set to ${shown(after)}`;
    return [{ pointer, change: 'added', after, summary }];
  }
  if (after === undefined) {
    const summary = `${field} was removed (it was ${shown(before)})`;
    return [{ pointer, change: 'removed', before, summary }];
  }
  const summary = `${field} changed from ${shown(before)} to ${shown(after)}`;
  return [{ pointer, change: 'changed', before, after, summary }];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SHOWN_CHARACTERS = 60;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  // By code point, so that no half of a character is left at the cut.
  const characters = Array.from(text);
  const short =
    characters.length > SHOWN_CHARACTERS
      ? `${characters.slice(0, SHOWN_CHARACTERS - 1).join('')}…`
      : text;
  return typeof value === 'string' ? `“${short}”` : short;
}

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, entry: unknown) =>
      isObject(entry)
        ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
        : entry,
    ) ?? ''
  );
}
