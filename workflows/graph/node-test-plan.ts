/** Plans tests of a draft: one node with given outputs before it, or the whole draft. Pure. */
import type { CatalogView } from './catalog-view.ts';
import type { Definition, DefinitionNode } from './definition.ts';
import { ancestorsOf } from './graph-walks.ts';
import { planNode } from './plan.ts';
import type { ExecutionPlan, Json, PlanConnection, PlanNode } from './plan-types.ts';
import { outputsOf, resolveType } from './resolve-type.ts';

/** The version of an execution that belongs to none. */
const NO_VERSION = 0;

/** What a node is taken to have given, instead of being run. */
export interface GivenOutput {
  readonly output: Json;
  readonly port: string;
}

/**
 * @returns the outermost nodes that run before a node, those that come first in front: also what
 *   ran before the node whose effect it takes back
 */
export function nodesBefore(definition: Definition, nodeId: string): readonly DefinitionNode[] {
  const ids = definition.nodes.map(({ id }) => id);
  const ancestors = ancestorsOf(ids, definition.connections);
  const original = definition.nodes.find(({ undo }) => undo === nodeId)?.id;
  const before = new Set([
    ...(ancestors.get(nodeId) ?? []),
    ...(original === undefined ? [] : [original, ...(ancestors.get(original) ?? [])]),
  ]);
  before.delete(nodeId);
  // In a graph without a cycle a node has more nodes before it than any of those has.
  return definition.nodes
    .filter(({ id }) => before.has(id))
    .toSorted((a, b) => (ancestors.get(a.id)?.size ?? 0) - (ancestors.get(b.id)?.size ?? 0));
}

/** True if a node is run even where only a later one is tested: it acts on nothing but names. */
export function runsInNodeTests(node: Pick<DefinitionNode, 'type'>): boolean {
  return node.type === 'set';
}

/**
 * Plans the run of one node after given outputs: nodes before it stand in a row in front of it, so
 * that it can name them all, whichever way a real run would have taken.
 * @param given by node id, for every node before it that isn't run in tests or disabled
 * @throws Error if there is no such outermost node, or a type in front of it is unknown
 */
export function planNodeTest(
  definition: Definition,
  nodeId: string,
  given: Readonly<Record<string, GivenOutput>>,
  catalog: CatalogView,
): ExecutionPlan {
  const tested = definition.nodes.find(({ id }) => id === nodeId);
  if (tested === undefined) throw new Error(`The definition has no outermost node "${nodeId}".`);
  const plain = (node: DefinitionNode): PlanNode => {
    const { undo: _undo, join: _join, ...rest } = node;
    return planNode({ ...rest, onError: 'fail' }, definition, catalog);
  };
  const before = nodesBefore(definition, nodeId).map((node) => {
    const { disabled, ...planned } = plain(node);
    return given[node.id] === undefined && disabled === true ? { ...planned, disabled } : planned;
  });
  const { disabled: _disabled, ...last } = once(plain(tested));
  const nodes: readonly PlanNode[] = [...before, last];
  const connections = nodes.slice(1).map(({ id: to }, index): PlanConnection => {
    const from = nodes[index];
    const output = from === undefined ? undefined : (given[from.id]?.port ?? from.outputs[0]);
    return { from: from?.id ?? '', output: output ?? 'success', to };
  });
  return {
    planVersion: 1,
    workflowId: definition.workflowId,
    name: `${definition.name}: test of ${tested.name ?? tested.id}`,
    version: NO_VERSION,
    nodes,
    connections,
  };
}

/** A test tells at once what went wrong, instead of trying again for minutes. */
function once(node: PlanNode): PlanNode {
  return node.kind === 'operation'
    ? { ...node, retry: { ...node.retry, maximumAttempts: 1 } }
    : node;
}

/** The outputs that a node has; undefined where its type or operation is unknown. */
export function outputNames(
  node: DefinitionNode,
  catalog: CatalogView,
): readonly string[] | undefined {
  const resolved = resolveType(node, catalog);
  return resolved.kind === 'unknown' ? undefined : outputsOf(node, resolved);
}
