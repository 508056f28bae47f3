/** Acts on executions that run: through Temporal, whose workflow alone decides what becomes of them. */
import {
  type Client,
  isGrpcServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { Ledger } from '../db/ledger.ts';
import type { StoredExecution } from '../db/repositories/executions.ts';
import { RESOLVE_NODE_UPDATE, type ResolveNodeInput } from '../workflows/contract.ts';
import { ApiError } from './problem.ts';

const CANCEL_DEADLINE_MS = 5_000;
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
     * @throws ApiError `node_not_unknown` if the workflow refuses, `execution_ended` if it is gone,
     * `worker_unavailable` if no worker takes it up in time
     */
    async resolveNode(
      executionId: string,
      resolution: ResolveNodeInput,
      updateId: string | undefined,
    ): Promise<void> {
      try {
        await client.withDeadline(Date.now() + UPDATE_DEADLINE_MS, () =>
          client.workflow
            .getHandle(executionId)
            .executeUpdate<void, [ResolveNodeInput]>(RESOLVE_NODE_UPDATE, {
              args: [resolution],
              ...(updateId === undefined ? {} : { updateId }),
            }),
        );
      } catch (error) {
        throw explainUpdateError(error);
      }
    },
  };
}

function explainUpdateError(error: unknown): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    const cause = error.cause?.message ?? error.message;
    return new ApiError('node_not_unknown', cause, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new ApiError(
      'execution_ended',
      'The execution is not running any more, so nothing can be resolved in it.',
      { cause: error },
    );
  }
  if (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    (isGrpcServiceError(error) && error.code === 4)
  ) {
    return new ApiError(
      'worker_unavailable',
      'No worker took the answer up in time. Check that workers run, then ask again; the same Idempotency-Key makes that safe.',
      { cause: error, retryAfterSeconds: 5 },
    );
  }
  return error;
}
