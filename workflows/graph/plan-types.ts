import type { Json, JsonObject } from './json.ts';

/** How the workflow treats a node; which of them there are is closed, so switches are exhaustive. */
export type ControlType =
  | 'condition'
  | 'switch'
  | 'set'
  | 'forEach'
  | 'wait'
  | 'approval'
  | 'subworkflow'
  | 'respond'
  | 'fail';

interface PlanNodeBase {
  readonly id: string;
  /** What people read: the node's name, or its id. */
  readonly name: string;
  readonly config: JsonObject;
  /** Top-level config fields that aren't rendered: program text, or a graph of their own. */
  readonly rawFields?: readonly string[];
  readonly join: 'all' | 'any';
  readonly onError: 'fail' | 'continue' | 'error';
  /** The node's outputs, the default one first. */
  readonly outputs: readonly string[];
  /** True: the node is passed over as if it had succeeded. */
  readonly disabled?: boolean;
  /** Node that takes this one's effect back when the execution fails or is cancelled. */
  readonly undo?: string;
}

/** A node that the workflow itself carries out. */
export interface ControlPlanNode extends PlanNodeBase {
  readonly kind: 'control';
  readonly type: ControlType;
  /** What a forEach runs for each item. */
  readonly body?: PlanGraph;
}

/** A node that calls a connector. */
export interface OperationPlanNode extends PlanNodeBase {
  readonly kind: 'operation';
  readonly type: string;
  readonly operation: string;
  /** True: the operation gets all expression roots besides its config (custom code). */
  readonly receivesScope: boolean;
  readonly credential?: string;
  /** `local`: the first attempt runs as a local activity. */
  readonly dispatch: 'local' | 'queued';
  /** Time limit of one attempt. */
  readonly timeoutMs: number;
  readonly onUnknown: 'hold' | 'resend' | 'assume-sent';
  readonly retry: {
    readonly maximumAttempts: number;
    readonly initialIntervalMs: number;
    readonly backoffCoefficient: number;
    readonly maximumIntervalMs: number;
  };
}

export type PlanNode = ControlPlanNode | OperationPlanNode;

export interface PlanConnection {
  readonly from: string;
  readonly output: string;
  readonly to: string;
}

/** Nodes and connections of one level. */
export interface PlanGraph {
  readonly nodes: readonly PlanNode[];
  readonly connections: readonly PlanConnection[];
}

/** A frozen, self-contained graph: what an execution runs, whatever is published afterwards. */
export interface ExecutionPlan extends PlanGraph {
  readonly planVersion: 1;
  readonly workflowId: string;
  readonly name: string;
  /** 0 for a single-node call, which belongs to no published version. */
  readonly version: number;
  readonly timeoutMs?: number;
}

/** Every node of a graph, those in bodies of forEach too, outer before inner. */
export function allNodes(graph: PlanGraph): readonly PlanNode[] {
  return graph.nodes.flatMap((node) =>
    node.kind === 'control' && node.body !== undefined ? [node, ...allNodes(node.body)] : [node],
  );
}

export type { Json, JsonObject };
