/** What the workflows ask of activities. Types only: the workflows never import an activity. */
import type {
  CheckCredentialInput,
  CheckCredentialResult,
  ExecutionError,
  FireScheduleInput,
  FireScheduleResult,
  NodeStatus,
  RunAutomationInput,
} from './contract.ts';
import type { Json, JsonObject } from './graph/json.ts';

/** What a control node did, or that a node was skipped: written in batches, since nobody is called. */
export interface NodeRecord {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly iteration: string;
  readonly type: string;
  readonly status: Extract<
    NodeStatus,
    'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'cancelled'
  >;
  readonly startedAt: string;
  /** null while the node is at work or waits. */
  readonly endedAt: string | null;
  readonly input: Json;
  readonly output: Json;
  readonly port: string | null;
  readonly error: ExecutionError | null;
}

/** Where an execution ended. */
export interface ExecutionEnd {
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out';
  readonly result: JsonObject | null;
  readonly error: ExecutionError | null;
}

/** One node, its config rendered. The triple (executionId, nodeId, iteration) is the key of its effect. */
export interface RunNodeInput {
  readonly executionId: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly leadId: string | null;
  readonly mode: 'live' | 'sandbox';
  readonly nodeId: string;
  readonly name: string;
  readonly iteration: string;
  readonly connector: string;
  readonly operation: string;
  readonly input: JsonObject;
  /** The expression roots, for operations that work on all of them (custom code). */
  readonly scope?: JsonObject;
  readonly credential?: string;
  readonly timeoutMs: number;
  readonly maximumAttempts: number;
  readonly onUnknown: 'hold' | 'resend' | 'assume-sent';
  /** Back-off of the first repetition, doubled by the coefficient up to the maximum. */
  readonly retry: {
    readonly initialIntervalMs: number;
    readonly backoffCoefficient: number;
    readonly maximumIntervalMs: number;
  };
  /** True for the first node of an execution: its start shows the execution as running. */
  readonly marksRunning: boolean;
  /** Rows that are to be written along with this one. */
  readonly records: readonly NodeRecord[];
}

export interface RunNodeResult {
  readonly output: Json;
  readonly attempt: number;
  /** Characters of the output's JSON, where they are more than a few thousand. */
  readonly size?: number;
  /** How long the attempt took, where that was more than half a second. */
  readonly ms?: number;
}

/**
 * What a failed attempt tells the workflow, as the first detail of its ApplicationFailure.
 * - `retry`: repeat it after `retryAfterMs`
 * - `failed`: the node has failed for good
 * - `unknown`: it may have acted, and neither a repetition nor a look-up is safe
 * - `ledger_unavailable`: nothing was tried, because the ledger can't be reached; costs no attempt
 */
export interface NodeFailureDetail {
  readonly verdict: 'retry' | 'failed' | 'unknown' | 'ledger_unavailable';
  readonly error: ExecutionError;
  readonly attempt: number;
  readonly retryAfterMs: number;
}

/** What a respond node answers. */
export interface ExecutionResponse {
  readonly status: number;
  readonly body: Json;
  readonly headers: Readonly<Record<string, string>>;
}

export interface SubworkflowRequest {
  readonly projectId: string;
  readonly parentExecutionId: string;
  readonly nodeId: string;
  readonly iteration: string;
  readonly workflowId: string;
  readonly leadId: string | null;
  readonly lead: JsonObject | null;
  readonly input: JsonObject;
  readonly mode: 'live' | 'sandbox';
  /** Definitions that lead here, the caller last. */
  readonly ancestors: readonly string[];
  /** What control nodes did since the last activity. Absent in runs from before there were any. */
  readonly records?: readonly NodeRecord[];
}

export type SubworkflowAnswer =
  | { readonly start: RunAutomationInput; readonly summary: string }
  | { readonly error: ExecutionError };

/** Activities of every execution, besides the one per connector operation (`<connector>.<operation>`). */
export interface ExecutionActivities {
  /** Writes how the execution ended, with what control nodes did last. Repeating it changes nothing. */
  'execution.end'(input: {
    readonly executionId: string;
    readonly end: ExecutionEnd;
    readonly records: readonly NodeRecord[];
  }): Promise<void>;
  /** Shows that the execution is held or goes on. */
  'execution.status'(input: {
    readonly executionId: string;
    readonly status: 'running' | 'waiting' | 'paused' | 'unknown';
    readonly records?: readonly NodeRecord[];
  }): Promise<void>;
  /** Stores the answer for whoever waits for the execution. The first one counts. */
  'execution.respond'(input: {
    readonly executionId: string;
    readonly response: ExecutionResponse;
  }): Promise<void>;
  /**
   * Accepts the execution of another definition, once per (execution, node, iteration).
   * @returns what to start it with, or why that can't be
   */
  'execution.prepareSubworkflow'(input: SubworkflowRequest): Promise<SubworkflowAnswer>;
  /** Stores a person's answer about a send whose outcome was unknown. */
  'execution.resolve'(input: {
    readonly executionId: string;
    readonly nodeId: string;
    readonly iteration: string;
    readonly outcome: 'sent' | 'not_sent' | 'resend';
    readonly output: Json;
  }): Promise<void>;
}

/** Activities that belong to no execution. */
export interface CredentialActivities {
  /** Opens a stored credential and logs in with it. Changes nothing, so repeating it is harmless. */
  'credential.check'(input: CheckCredentialInput): Promise<CheckCredentialResult>;
}

/** Activities of schedules. */
export interface ScheduleActivities {
  /** Accepts the execution of a time that has come, once per time, and starts it. */
  'schedule.fire'(
    input: Omit<FireScheduleInput, 'waitsFor'> & {
      readonly scheduledAt: string;
      /** Workflow id of the run that asks. */
      readonly runId: string;
    },
  ): Promise<FireScheduleResult>;
  'schedule.hasEnded'(input: { readonly executionId: string }): Promise<boolean>;
  'schedule.cancel'(input: { readonly executionId: string }): Promise<void>;
}
