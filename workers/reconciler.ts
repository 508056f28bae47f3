/**
 * Keeps our own status tables and Temporal in agreement, whatever crashed in between:
 * - an accepted execution whose start never reached Temporal is started;
 * - one whose run Temporal ended without our hearing of it (terminated, timed out) is closed;
 * - one whose run Temporal no longer knows (its database was lost or set back) is started again:
 *   the ledger answers for every node that acted, so the run goes on where it was.
 *
 * Runs in every worker process; a database lock lets one pass through at a time. Doing a pass twice
 * changes nothing, because starts are idempotent by execution id and an ended row stays as it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Knex } from 'knex';
import type { Ledger } from '../db/ledger.ts';
import type { ExecutionRepository } from '../db/repositories/executions.ts';
import type { ExecutionStarter } from '../temporal/start-execution.ts';
import type { ExecutionEnd } from '../workflows/activity-contract.ts';
import type { RunAutomationResult } from '../workflows/contract.ts';

export interface ReconcilerDeps {
  readonly database: Knex;
  readonly ledger: Ledger;
  readonly client: Client;
  readonly executions: Pick<ExecutionRepository, 'findStartable'>;
  /** Starts an accepted execution in Temporal; does nothing if it runs there already. */
  readonly start: ExecutionStarter;
  readonly log: (
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ) => void;
  /** Pause between passes. */
  readonly intervalMs?: number;
  /** An execution is looked at when it hasn't been for this long. */
  readonly graceMs?: number;
}

export interface Reconciler {
  /** @returns how many executions were started and closed */
  pass(): Promise<{ readonly started: number; readonly closed: number }>;
  stop(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 5_000;
const DEFAULT_GRACE_MS = 15_000;
/** Few enough that a pass stays far below what Temporal's frontend allows per second. */
const BATCH = 50;

const DUE_SQL = `
  UPDATE executions SET checked_at = now()
  WHERE id IN (
    SELECT id FROM executions
    WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')
      AND coalesce(checked_at, queued_at) < now() - make_interval(secs => :graceSeconds)
    ORDER BY coalesce(checked_at, queued_at)
    LIMIT :batch
    FOR UPDATE SKIP LOCKED
  )
  RETURNING id, status`;

const DEFINITION_DELETED: ExecutionEnd = {
  status: 'cancelled',
  result: null,
  error: {
    code: 'definition_deleted',
    message: 'The definition was deleted before the execution could be started.',
  },
};

/** Starts the loop. @returns its handle; `stop` waits for the pass under way */
export function startReconciler(deps: ReconcilerDeps): Reconciler {
  const { database, ledger, client, log } = deps;
  const graceSeconds = (deps.graceMs ?? DEFAULT_GRACE_MS) / 1_000;
  const stopping = new AbortController();

  async function pass(): Promise<{ started: number; closed: number }> {
    const { rows } = await database.raw<{ rows: { id: string; status: string }[] }>(DUE_SQL, {
      graceSeconds,
      batch: BATCH,
    });
    let started = 0;
    let closed = 0;
    for (const { id } of rows) {
      if (stopping.signal.aborted) break;
      const end = await runEnd(id);
      if (end === 'unknown_run') {
        const execution = await deps.executions.findStartable(id);
        if (execution === undefined) {
          await ledger.end(id, DEFINITION_DELETED);
          closed += 1;
        } else {
          await deps.start(execution);
          started += 1;
        }
      } else if (end !== 'open') {
        await ledger.end(id, end);
        closed += 1;
      }
    }
    return { started, closed };
  }

  async function runEnd(executionId: string): Promise<ExecutionEnd | 'open' | 'unknown_run'> {
    try {
      const handle = client.workflow.getHandle(executionId);
      const { status } = await handle.describe();
      if (status.name !== 'COMPLETED') return endOf(status.name);
      // The row was set back to an earlier point than the run.
      const { result }: RunAutomationResult = await handle.result();
      return { status: 'succeeded', result, error: null };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'unknown_run';
      throw error;
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const { started, closed } = await pass();
        if (started + closed > 0) log('Executions reconciled with Temporal.', { started, closed });
      } catch (error) {
        // PostgreSQL or Temporal is away: the next pass finds the same executions due again.
        log('Reconciling was interrupted and goes on with the next pass.', {
          reason: reasonOf(error),
        });
      }
      await sleep(deps.intervalMs ?? DEFAULT_INTERVAL_MS, undefined, {
        signal: stopping.signal,
      }).catch(() => undefined);
    }
  }

  const running = loop();
  return {
    pass,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** What a run that ended without a result means for its row; `open` where it goes on. */
function endOf(status: string): ExecutionEnd | 'open' {
  const ended = (how: ExecutionEnd['status'], code: string, message: string): ExecutionEnd => ({
    status: how,
    result: null,
    error: { code, message },
  });
  switch (status) {
    case 'TERMINATED':
      return ended('cancelled', 'terminated', 'The run was terminated in Temporal.');
    case 'TIMED_OUT':
      return ended(
        'timed_out',
        'execution_timed_out',
        'The run reached its time limit in Temporal.',
      );
    case 'CANCELLED':
      return ended('cancelled', 'cancelled', 'The run was cancelled in Temporal.');
    case 'FAILED':
      return ended('failed', 'run_failed', 'The run failed in Temporal; its Web UI shows why.');
    default:
      return 'open';
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : String(error);
}
