import type { Json, JsonObject } from './json.ts';

/** How the scheduler treats a node; which of them there are is closed, so switches are exhaustive. */
export type ControlType = 'condition' | 'set';

interface PlanNodeBase {
  readonly id: string;
  /** What people read: the node's name, or its id. */
  readonly name: string;
  readonly config: JsonObject;
  readonly join: 'all' | 'any';
  readonly onError: 'fail' | 'continue' | 'error';
  /** The node's outputs, the default one first. */
  readonly outputs: readonly string[];
}

/** A node that the workflow itself carries out. */
export interface ControlPlanNode extends PlanNodeBase {
  readonly kind: 'control';
  readonly type: ControlType;
}

/** A node that calls a connector. */
export interface OperationPlanNode extends PlanNodeBase {
  readonly kind: 'operation';
  readonly type: string;
  readonly operation: string;
  /** Top-level config fields that are program text, not templates. */
  readonly rawFields: readonly string[];
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

/** A frozen, self-contained graph: what an execution runs, whatever is published afterwards. */
export interface ExecutionPlan {
  readonly planVersion: 1;
  readonly workflowId: string;
  readonly name: string;
  /** 0 for a single-node call, which belongs to no published version. */
  readonly version: number;
  readonly nodes: readonly PlanNode[];
  readonly connections: readonly PlanConnection[];
  readonly timeoutMs?: number;
}

export type { Json, JsonObject };
