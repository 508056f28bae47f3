/**
 * What a graph must come to, told from its definition alone: no schedule, no clock, no engine. It
 * is written against the documentation, not against the engine's code, and shares none with it.
 *
 * Where a node fails the execution while others run beside it, what those come to depends on who is
 * faster; the model says what is possible then.
 */

export const PORTS = ['success', 'error', 'true', 'false', 'gold', 'default'] as const;
export type Port = (typeof PORTS)[number];

/** One node of a generated graph, with what its making decides about its course. */
export type ModelNode = {
  readonly id: string;
  readonly join: 'all' | 'any';
  readonly disabled: boolean;
} & (
  | { readonly kind: 'condition'; readonly result: boolean }
  | { readonly kind: 'switch'; readonly matches: boolean }
  | { readonly kind: 'set' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'respond' }
  | { readonly kind: 'read' }
  | { readonly kind: 'write' }
  /** A write that is refused for good. */
  | { readonly kind: 'refused'; readonly onError: 'fail' | 'continue' | 'error' }
  | { readonly kind: 'fail' }
  /** Writes once for each item; those whose flag is false are refused. */
  | {
      readonly kind: 'forEach';
      readonly items: readonly boolean[];
      readonly concurrency: number;
      readonly onItemError: 'fail' | 'continue';
    }
);

export interface ModelGraph {
  /** In an order in which every connection leads forward. */
  readonly nodes: readonly ModelNode[];
  readonly connections: readonly {
    readonly from: string;
    readonly output: Port;
    readonly to: string;
  }[];
}

export type ModelStatus = 'succeeded' | 'failed' | 'skipped';

export interface Expected {
  /** Of every node, if nothing stops the execution before its time. */
  readonly statuses: Readonly<Record<string, ModelStatus>>;
  /** Nodes that fail the execution; empty: it succeeds. */
  readonly fatal: readonly string[];
}

/** What the node comes to when it runs. `ports` undefined: it fails the execution. */
function courseOf(node: ModelNode): {
  readonly status: ModelStatus;
  readonly ports: readonly Port[] | undefined;
} {
  // Passed over: on through its first output.
  if (node.disabled) return { status: 'skipped', ports: outputsOf(node).slice(0, 1) };
  switch (node.kind) {
    case 'condition':
      return { status: 'succeeded', ports: [node.result ? 'true' : 'false'] };
    case 'switch':
      return { status: 'succeeded', ports: [node.matches ? 'gold' : 'default'] };
    case 'refused':
      switch (node.onError) {
        case 'fail':
          return { status: 'failed', ports: undefined };
        case 'continue':
          return { status: 'failed', ports: ['success'] };
        case 'error':
          return { status: 'failed', ports: ['error'] };
      }
      break;
    case 'fail':
      return { status: 'failed', ports: undefined };
    case 'forEach':
      return node.onItemError === 'continue' || node.items.every(Boolean)
        ? { status: 'succeeded', ports: ['success'] }
        : { status: 'failed', ports: undefined };
    case 'set':
    case 'wait':
    case 'respond':
    case 'read':
    case 'write':
      return { status: 'succeeded', ports: ['success'] };
  }
}

export function expectedOf(graph: ModelGraph): Expected {
  const statuses: Record<string, ModelStatus> = {};
  const left = new Map<string, readonly Port[]>();
  const fatal: string[] = [];
  for (const node of graph.nodes) {
    const incoming = graph.connections.filter(({ to }) => to === node.id);
    const runs =
      incoming.length === 0 ||
      incoming.some(({ from, output }) => left.get(from)?.includes(output) === true);
    if (!runs) {
      statuses[node.id] = 'skipped';
      continue;
    }
    const { status, ports } = courseOf(node);
    statuses[node.id] = status;
    left.set(node.id, ports ?? []);
    if (ports === undefined) fatal.push(node.id);
  }
  return { statuses, fatal };
}

/** The outputs that a node can leave through, as its definition has them. */
export function outputsOf(node: ModelNode): readonly Port[] {
  switch (node.kind) {
    case 'condition':
      return ['true', 'false'];
    case 'switch':
      return ['gold', 'default'];
    case 'fail':
      return [];
    case 'refused':
      return ['success', 'error'];
    case 'forEach':
    case 'set':
    case 'wait':
    case 'respond':
    case 'read':
    case 'write':
      return ['success'];
  }
}
