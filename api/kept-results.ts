/** What a retry keeps of the execution that it repeats. Pure. */
import type { LogEntry } from '../db/repositories/execution-logs.ts';
import type { KeptResult } from '../workflows/contract.ts';
import { allNodes, type PlanGraph, type PlanNode } from '../workflows/graph/plan-types.ts';

/** @returns a node with all that can be reached from it */
export function downstreamOf(graph: PlanGraph, nodeId: string): ReadonlySet<string> {
  const reached = new Set([nodeId]);
  // A Set is walked in the order of insertion, what is added meanwhile included.
  for (const from of reached) {
    for (const connection of graph.connections) {
      if (connection.from === from) reached.add(connection.to);
    }
  }
  return reached;
}

/**
 * Results of the outermost nodes that succeeded, except those that are to run again.
 *
 * Not kept either: nodes whose effect was taken back (nothing is there any more), the nodes that
 * take effects back (they may have to do so again), and `set` nodes (running them again acts on
 * nothing, and is what puts their values into `vars`).
 * @param again nodes that are to run again although they succeeded
 */
export function keptResults(
  plan: PlanGraph,
  logs: readonly LogEntry[],
  again: ReadonlySet<string>,
): Readonly<Record<string, KeptResult>> {
  const rows = new Map(
    logs.filter(({ iteration }) => iteration === '').map((row) => [row.nodeId, row]),
  );
  const undoing = new Set(plan.nodes.map((node) => node.undo));
  const wasBegun = (nodeId: string): boolean => (rows.get(nodeId)?.attempts ?? 0) > 0;
  return Object.fromEntries(
    plan.nodes.flatMap((node): (readonly [string, KeptResult])[] => {
      const row = rows.get(node.id);
      if (row?.status !== 'succeeded' || row.outputPort === null) return [];
      if (again.has(node.id) || undoing.has(node.id) || node.type === 'set') return [];
      if (node.undo !== undefined && wasBegun(node.undo)) return [];
      return [[node.id, { output: row.output, port: row.outputPort }]];
    }),
  );
}

/**
 * Finds a node that a retry would run again although it may have acted: its second run has a new
 * key, by which no provider recognises the first.
 * @param kept nodes that aren't run again
 * @param again nodes that a person wants to run again, whatever became of them
 * @param manifestClass the idempotency class that the catalog names for an operation
 */
export function findDoubt(
  plan: PlanGraph,
  logs: readonly LogEntry[],
  kept: Readonly<Record<string, KeptResult>>,
  again: ReadonlySet<string>,
  manifestClass: (entry: LogEntry) => string | undefined,
): PlanNode | undefined {
  const inDoubt = new Set(logs.filter(isDoubtful).map(({ nodeId }) => nodeId));
  return plan.nodes
    .filter((node) => kept[node.id] === undefined && !again.has(node.id))
    .flatMap((node) => allNodes({ nodes: [node], connections: [] }))
    .find(({ id }) => inDoubt.has(id));

  function isDoubtful(entry: LogEntry): boolean {
    if (!entry.inDoubt || entry.status === 'succeeded') return false;
    const known = manifestClass(entry);
    if (known === 'read') return false;
    // A blind send in doubt would be `unknown`: one that failed was found repeatable (a GET).
    return !(known === 'blind' && entry.status === 'failed');
  }
}
