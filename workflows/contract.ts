/** What the outside may ask of the workflows: names, inputs, results, queries, updates. */

import type { ContinuedExecution } from './continuation.ts';
import type { Json, JsonObject } from './graph/json.ts';
import type { ExecutionPlan } from './graph/plan-types.ts';

/** The workflow type that interprets an ExecutionPlan. */
export const RUN_AUTOMATION = 'runAutomation';

/** The workflow type that tries a stored credential. */
export const CHECK_CREDENTIAL = 'checkCredential';

/** Which credential. Never its data: a worker opens it. */
export interface CheckCredentialInput {
  readonly projectId: string;
  readonly credentialId: string;
  /** Type of the credential, e.g. `smtp`. */
  readonly type: string;
}

export type CheckCredentialResult =
  | {
      readonly ok: true;
      /** What it opens, for people. */
      readonly account?: string | undefined;
    }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

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

/** What expressions of a draft find below `trigger` when it is tested. */
export type TriggerSample = {
  readonly event?: string;
  readonly data?: Json;
  readonly body?: Json;
  readonly headers?: JsonObject;
  readonly query?: JsonObject;
  readonly from?: string;
  readonly text?: string;
  readonly message?: Json;
};

export type ExecutionTrigger =
  | { readonly type: 'api' }
  | { readonly type: 'manual' }
  | { readonly type: 'node' }
  | ({
      readonly type: 'test';
      /** The node that alone is tested; absent where the whole draft is. */
      readonly nodeId?: string;
      /** Nodes that aren't run, because their outputs are given. */
      readonly pinned: readonly string[];
    } & TriggerSample)
  | {
      readonly type: 'subworkflow';
      readonly parentExecutionId: string;
      /** Definitions that lead here, the outermost first: a cycle or a too deep nesting is refused. */
      readonly ancestors: readonly string[];
    }
  | { readonly type: 'retry'; readonly ofExecutionId: string; readonly fromNode?: string }
  | {
      readonly type: 'event';
      readonly event: string;
      readonly eventId: string;
      readonly data: Json;
    }
  | {
      readonly type: 'schedule';
      /** Key of the trigger in its definition. */
      readonly trigger: string;
      /** The time that came, ISO 8601; the start may be later. */
      readonly scheduledAt: string;
    }
  | {
      readonly type: 'webhook';
      readonly trigger: string;
      readonly method: string;
      readonly headers: JsonObject;
      readonly query: JsonObject;
      /** JSON or the fields of a form as they came; any other text as a string. */
      readonly body: Json;
    }
  | {
      readonly type: 'inbound';
      readonly connector: string;
      /** The provider's id of the message. */
      readonly messageId: string;
      readonly from: string;
      readonly text: string | null;
      /** The message as the provider has it. */
      readonly message: Json;
    }
  | {
      readonly type: 'failure';
      /** The execution that failed. */
      readonly ofExecutionId: string;
      readonly ofWorkflowId: string;
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
  /** Results that this execution keeps from the one it repeats, by node id of the outermost graph. */
  readonly kept?: Readonly<Record<string, KeptResult>>;
  /** Where the run before this one stopped; absent in an execution's first run. */
  readonly continued?: ContinuedExecution;
}

/** What a node that isn't run again had given. */
export interface KeptResult {
  readonly output: Json;
  readonly port: string;
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
  readonly iteration: string;
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

/** Update `decideApproval`: a person approves or rejects. */
export const DECIDE_APPROVAL_UPDATE = 'decideApproval';
export interface DecideApprovalInput {
  readonly nodeId: string;
  readonly iteration: string;
  readonly decision: 'approve' | 'reject';
  readonly comment?: string;
  /** Who decided, as the API knows them. */
  readonly by: string;
}

/** Updates `pause` and `resume`: whether further nodes start. */
export const PAUSE_UPDATE = 'pause';
export const RESUME_UPDATE = 'resume';

/** Signal `event`: something that a wait node may be waiting for. */
export const EVENT_SIGNAL = 'event';
export interface EventSignalInput {
  readonly event: string;
  readonly data: Json;
}

/** Signal `executionEnded`: tells the workflow that waits for an execution that it has ended. */
export const EXECUTION_ENDED_SIGNAL = 'executionEnded';

/** The workflow type that Temporal's schedules start. */
export const FIRE_SCHEDULE = 'fireSchedule';

export interface FireScheduleInput {
  readonly projectId: string;
  readonly workflowId: string;
  /** Key of the trigger in its definition. */
  readonly trigger: string;
  /** Which of the schedule's successive forms fires. */
  readonly generation: number;
  /** True: lasts until the execution has ended, so that Temporal knows that it runs. */
  readonly waits: boolean;
  /** The execution that was accepted before the run went on as a new one. */
  readonly waitsFor?: string;
}

export interface FireScheduleResult {
  /** null: nothing was started. */
  readonly executionId: string | null;
  /** Why nothing was started. */
  readonly problem?: string;
}
