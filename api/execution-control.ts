/** Acts on executions that run: through Temporal, whose workflow alone decides what becomes of them. */

import {
  type Client,
  isGrpcServiceError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Ledger } from '../db/ledger.ts';
import type { StoredExecution } from '../db/repositories/executions.ts';
import {
  DECIDE_APPROVAL_UPDATE,
  type DecideApprovalInput,
  EVENT_SIGNAL,
  type EventSignalInput,
  PAUSE_UPDATE,
  RESOLVE_NODE_UPDATE,
  RESUME_UPDATE,
  type ResolveNodeInput,
} from '../workflows/contract.ts';
import { ApiError } from './problem.ts';

const CANCEL_DEADLINE_MS = 5_000;
const SIGNAL_DEADLINE_MS = 5_000;
/** The update is done once a worker has taken it up; without workers nobody would ever answer. */
const UPDATE_DEADLINE_MS = 10_000;

export type ExecutionControl = ReturnType<typeof createExecutionControl>;

export function createExecutionControl(deps: { readonly client: Client; readonly ledger: Ledger }) {
  const { client, ledger } = deps;
  return {
    /**
     * Asks the workflow to end. An execution that Temporal does not have (yet) is ended at once;
     * should its start come later, the ledger lets nothing begin.
     * @param reason a person's words, kept only where no workflow is there to be asked
     */
    async cancel(execution: StoredExecution, reason: string | undefined): Promise<void> {
      try {
        await client.withDeadline(Date.now() + CANCEL_DEADLINE_MS, () =>
          client.workflow.getHandle(execution.executionId).cancel(),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        await ledger.end(execution.executionId, {
          status: 'cancelled',
          result: null,
          error:
            reason === undefined
              ? null
              : { code: 'cancelled', message: `Cancelled before it began: ${reason}` },
        });
      }
    },

    /**
     * Tells the workflow what became of a send whose outcome was unknown.
     * @throws ApiError `node_not_unknown` if the workflow refuses, else as `pause`
     */
    async resolveNode(
      execution: StoredExecution,
      resolution: ResolveNodeInput,
      key: string | undefined,
    ): Promise<void> {
      await update(execution, (handle) =>
        handle.executeUpdate<void, [ResolveNodeInput]>(RESOLVE_NODE_UPDATE, {
          args: [resolution],
          ...updateIdOf(RESOLVE_NODE_UPDATE, key),
        }),
      );
    },

    /**
     * Tells the workflow what a person decided.
     * @throws ApiError `not_waiting` or `already_decided` if the workflow refuses, else as `pause`
     */
    async decideApproval(
      execution: StoredExecution,
      decision: DecideApprovalInput,
      key: string | undefined,
    ): Promise<void> {
      await update(execution, (handle) =>
        handle.executeUpdate<void, [DecideApprovalInput]>(DECIDE_APPROVAL_UPDATE, {
          args: [decision],
          ...updateIdOf(DECIDE_APPROVAL_UPDATE, key),
        }),
      );
    },

    /**
     * Lets no further node start. Pausing what is paused changes nothing.
     * @throws ApiError `execution_ended` if the workflow is gone, `execution_not_handed_over` if it
     * is not there yet, `worker_unavailable` if no worker takes it up in time
     */
    async pause(execution: StoredExecution): Promise<void> {
      await update(execution, (handle) => handle.executeUpdate<void, []>(PAUSE_UPDATE));
    },

    /** Lets nodes start again. @throws ApiError as `pause` */
    async resume(execution: StoredExecution): Promise<void> {
      await update(execution, (handle) => handle.executeUpdate<void, []>(RESUME_UPDATE));
    },

    /**
     * Hands over an event. The workflow keeps it until a node waits for it; no worker is needed.
     * @throws ApiError `execution_ended`, `execution_not_handed_over`
     */
    async signal(execution: StoredExecution, event: EventSignalInput): Promise<void> {
      try {
        await client.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
          client.workflow
            .getHandle(execution.executionId)
            .signal<[EventSignalInput]>(EVENT_SIGNAL, event),
        );
      } catch (error) {
        throw explainError(error, execution);
      }
    },
  };

  async function update(
    execution: StoredExecution,
    send: (handle: WorkflowHandle) => Promise<void>,
  ): Promise<void> {
    try {
      await client.withDeadline(Date.now() + UPDATE_DEADLINE_MS, () =>
        send(client.workflow.getHandle(execution.executionId)),
      );
    } catch (error) {
      throw explainError(error, execution);
    }
  }
}

/**
 * The same Idempotency-Key again gets the first one's outcome. The update's name is part of the id,
 * so that a key that two kinds of acts share doesn't make one of them idle.
 */
function updateIdOf(name: string, key: string | undefined): { readonly updateId?: string } {
  return key === undefined ? {} : { updateId: `${name} ${key}` };
}

function explainError(error: unknown, execution: StoredExecution): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    const { cause } = error;
    const type = cause instanceof ApplicationFailure ? cause.type : undefined;
    // The server's own word for an update that was begun and then overtaken by the end.
    if (type === 'AcceptedUpdateCompletedWorkflow') return gone(error);
    const code = type === 'not_waiting' || type === 'already_decided' ? type : 'node_not_unknown';
    return new ApiError(code, cause?.message ?? error.message, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) {
    if (execution.status !== 'queued') return gone(error);
    return new ApiError(
      'execution_not_handed_over',
      'The execution is accepted, but Temporal does not have it yet. Ask again in a moment.',
      { cause: error, retryAfterSeconds: 2 },
    );
  }
  if (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    (isGrpcServiceError(error) && error.code === 4)
  ) {
    return new ApiError(
      'worker_unavailable',
      'No worker took this up in time. Check that workers run, then ask again; the same Idempotency-Key makes that safe.',
      { cause: error, retryAfterSeconds: 5 },
    );
  }
  return error;
}

function gone(cause: unknown): ApiError {
  return new ApiError(
    'execution_ended',
    'The execution is not running any more, so nothing can be done in it.',
    { cause },
  );
}
