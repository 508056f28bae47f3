/** What the outside may ask of the workflows: names, inputs, results, queries, updates. */

import type { Json, JsonObject } from './graph/json.ts';
import type { ExecutionPlan } from './graph/plan-types.ts';

/** The workflow type that interprets an ExecutionPlan. */
export const RUN_AUTOMATION = 'runAutomation';

/** Task queues, by what their workers can do. */
export const TASK_QUEUES = {
  /** Workflow tasks, and the local activities that run with them. */
  workflows: 'masar-workflows',
  /** Queued activities: retries, long operations. */
  connectors: 'masar-connectors',
} as const;

export const EXECUTION_STATUSES = [
  'queued',
  'running',
  'waiting',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'unknown',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];
/** Statuses after which nothing changes any more. `unknown` is one only when the workflow has ended. */
export const FINAL_EXECUTION_STATUSES = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;

export const NODE_STATUSES = [
  'pending',
  'running',
  'waiting',
  'retrying',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'unknown',
] as const;
export type NodeStatus = (typeof NODE_STATUSES)[number];

/** Why an execution or a node failed. */
export interface ExecutionError {
  readonly code: string;
  readonly message: string;
  readonly nodeId?: string;
  readonly details?: JsonObject;
}

export type ExecutionTrigger =
  | { readonly type: 'api' }
  | { readonly type: 'manual' }
  | { readonly type: 'node' }
  | {
      readonly type: 'event';
      readonly event: string;
      readonly eventId: string;
      readonly data: Json;
    };

export interface RunAutomationInput {
  readonly executionId: string;
  readonly projectId: string;
  readonly mode: 'live' | 'sandbox';
  readonly plan: ExecutionPlan;
  readonly leadId: string | null;
  readonly lead: JsonObject | null;
  readonly input: JsonObject;
  readonly trigger: ExecutionTrigger;
}

export interface RunAutomationResult {
  readonly status: 'succeeded';
  /** Outputs of the nodes that nothing follows, by node id. */
  readonly result: JsonObject;
}

/** Query `state`: where every node is, while the run goes on. */
export const STATE_QUERY = 'state';
export interface NodeState {
  readonly nodeId: string;
  readonly name: string;
  readonly status: NodeStatus;
  readonly attempts: number;
  readonly error: ExecutionError | null;
}
export interface ExecutionState {
  readonly status: ExecutionStatus;
  readonly nodes: readonly NodeState[];
}

/** Update `resolveNode`: a person says what became of a send whose outcome is unknown. */
export const RESOLVE_NODE_UPDATE = 'resolveNode';
export interface ResolveNodeInput {
  readonly nodeId: string;
  readonly iteration: string;
  readonly outcome: 'sent' | 'not_sent' | 'resend';
  readonly output?: Json;
}
