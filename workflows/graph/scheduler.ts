/**
 * The ready-set machine: which node may run next. Pure: no IO, no clock, no randomness. One caller
 * (the workflow) owns a Scheduler and is the only one to mutate it, through `start` and `settle`.
 *
 * Invariants (scheduler.test.ts names them)
 * S1  A node starts at most once.
 * S2  A node with join `all` starts only when every incoming connection is settled (taken or dead)
 *     and at least one was taken; with join `any` on the first one taken.
 * S3  A node none of whose incoming connections was taken is skipped, and so are, transitively, all
 *     that only it leads to (dead-path elimination).
 * S4  Every graph without a cycle ends: when nothing is ready or running, every node is settled.
 * S5  The order in which nodes complete never changes which nodes run or are skipped.
 * S6  `ready()` answers in the plan's order, so a replay starts the same nodes in the same order.
 * S7  After `halt` nothing starts any more; what runs may settle; all that never started is skipped.
 * S8  `restore(snapshot())` behaves as the original.
 */
import type { PlanConnection } from './plan-types.ts';

export interface SchedulerGraph {
  readonly nodes: readonly { readonly id: string; readonly join: 'all' | 'any' }[];
  readonly connections: readonly PlanConnection[];
}

type NodePhase = 'pending' | 'ready' | 'running' | 'settled' | 'skipped';
type ConnectionPhase = 'open' | 'taken' | 'dead';

/** All that a continued run needs to go on: phases in the plan's order. */
export interface SchedulerSnapshot {
  readonly nodes: readonly NodePhase[];
  readonly connections: readonly ConnectionPhase[];
  readonly halted: boolean;
}

export interface Scheduler {
  /** Nodes that may start now, in the plan's order (S6). */
  ready(): readonly string[];
  /** @throws Error if the node is not ready (S1) */
  start(nodeId: string): void;
  /**
   * A running node is done: connections from `ports` are taken, its other ones die.
   * @returns nodes that are skipped because of it, in the plan's order (S3)
   * @throws Error if the node is not running
   */
  settle(nodeId: string, ports: readonly string[]): readonly string[];
  /** Nothing starts any more (S7). @returns nodes that are skipped because of it */
  halt(): readonly string[];
  /** Nodes that have started and are not settled. */
  running(): readonly string[];
  /** True when nothing is ready or running. */
  ended(): boolean;
  snapshot(): SchedulerSnapshot;
}

interface NodeEntry {
  readonly id: string;
  readonly join: 'all' | 'any';
  readonly incoming: ConnectionEntry[];
  readonly outgoing: ConnectionEntry[];
  phase: NodePhase;
}

interface ConnectionEntry {
  readonly output: string;
  readonly target: NodeEntry;
  phase: ConnectionPhase;
}

/**
 * @param graph nodes and connections of a validated plan: ids exist and there is no cycle
 * @param snapshot state of an earlier run of the same graph
 */
export function createScheduler(graph: SchedulerGraph, snapshot?: SchedulerSnapshot): Scheduler {
  const nodes: NodeEntry[] = graph.nodes.map((node, index) => ({
    id: node.id,
    join: node.join,
    incoming: [],
    outgoing: [],
    phase: snapshot?.nodes[index] ?? 'pending',
  }));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const connections: ConnectionEntry[] = graph.connections.map((connection, index) => {
    const source = find(connection.from);
    const target = find(connection.to);
    const entry: ConnectionEntry = {
      output: connection.output,
      target,
      phase: snapshot?.connections[index] ?? 'open',
    };
    source.outgoing.push(entry);
    target.incoming.push(entry);
    return entry;
  });
  let halted = snapshot?.halted ?? false;

  if (snapshot === undefined) {
    for (const node of nodes) if (node.incoming.length === 0) node.phase = 'ready';
  }

  function find(id: string): NodeEntry {
    const node = byId.get(id);
    if (node === undefined) throw new Error(`The plan has no node "${id}".`);
    return node;
  }

  /** Looks at a pending node after one of its incoming connections was settled. */
  function consider(node: NodeEntry, skipped: Set<NodeEntry>): void {
    if (node.phase !== 'pending') return;
    const taken = node.incoming.some((connection) => connection.phase === 'taken');
    const open = node.incoming.some((connection) => connection.phase === 'open');
    if (taken && (node.join === 'any' || !open)) {
      node.phase = 'ready';
    } else if (!open) {
      node.phase = 'skipped';
      skipped.add(node);
      closeOutputs(node, [], skipped);
    }
  }

  function closeOutputs(node: NodeEntry, ports: readonly string[], skipped: Set<NodeEntry>): void {
    for (const connection of node.outgoing) {
      connection.phase = ports.includes(connection.output) ? 'taken' : 'dead';
    }
    for (const connection of node.outgoing) consider(connection.target, skipped);
  }

  function inPlanOrder(chosen: Set<NodeEntry>): string[] {
    return nodes.filter((node) => chosen.has(node)).map((node) => node.id);
  }

  function inPhase(phase: NodePhase): string[] {
    return nodes.filter((node) => node.phase === phase).map((node) => node.id);
  }

  return {
    ready: () => (halted ? [] : inPhase('ready')),

    start(nodeId) {
      const node = find(nodeId);
      if (halted || node.phase !== 'ready') {
        throw new Error(`Node "${nodeId}" can't start: it is ${halted ? 'halted' : node.phase}.`);
      }
      node.phase = 'running';
    },

    settle(nodeId, ports) {
      const node = find(nodeId);
      if (node.phase !== 'running') {
        throw new Error(`Node "${nodeId}" can't settle: it is ${node.phase}.`);
      }
      node.phase = 'settled';
      if (halted) return [];
      const skipped = new Set<NodeEntry>();
      closeOutputs(node, ports, skipped);
      return inPlanOrder(skipped);
    },

    halt() {
      halted = true;
      const skipped = new Set(
        nodes.filter((node) => node.phase === 'pending' || node.phase === 'ready'),
      );
      for (const node of skipped) node.phase = 'skipped';
      return inPlanOrder(skipped);
    },

    running: () => inPhase('running'),

    ended: () =>
      nodes.every((node) => node.phase !== 'running' && (halted || node.phase !== 'ready')),

    snapshot: () => ({
      nodes: nodes.map((node) => node.phase),
      connections: connections.map((connection) => connection.phase),
      halted,
    }),
  };
}
