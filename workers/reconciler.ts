/**
 * Keeps our own status tables and Temporal in agreement, whatever crashed in between:
 * - an accepted execution whose start never reached Temporal is started;
 * - one whose run Temporal ended without our hearing of it (terminated, timed out) is closed;
 * - one whose run Temporal no longer knows (its database was lost or set back) is started again:
 *   the ledger answers for every node that acted, so the run goes on where it was;
 * - one that is held because of a send that has reported its success since then (its worker slept
 *   and woke up again) goes on.
 *
 * Runs in every worker process; a pass takes the executions that it looks at, so that no other one
 * does meanwhile. Doing a pass twice changes nothing, because starts are idempotent by execution id
 * and an ended row stays as it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Knex } from 'knex';
import type { Ledger } from '../db/ledger.ts';
import type { ExecutionRepository } from '../db/repositories/executions.ts';
import type { ExecutionStarter, StartableExecution } from '../temporal/start-execution.ts';
import type { ExecutionEnd } from '../workflows/activity-contract.ts';
import {
  type ExecutionState,
  RESOLVE_NODE_UPDATE,
  type ResolveNodeInput,
  type RunAutomationResult,
  STATE_QUERY,
} from '../workflows/contract.ts';
import type { Json } from '../workflows/graph/json.ts';

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
  pass(): Promise<Reconciled>;
  stop(): Promise<void>;
}

/** How many executions a pass did what to. */
export interface Reconciled {
  readonly started: number;
  readonly closed: number;
  /** Held ones that go on, because what was unknown is known. */
  readonly resumed: number;
}

const DEFAULT_INTERVAL_MS = 5_000;
const DEFAULT_GRACE_MS = 15_000;
/** Few enough that a pass stays far below what Temporal's frontend allows per second. */
const BATCH = 50;

/** After so many failures in a row it isn't the executions: PostgreSQL or Temporal is away. */
const FAILURES_IN_A_ROW = 3;
const CALL_DEADLINE_MS = 10_000;
/** Of gRPC. A larger one is refused in a way that looks as if it passed. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** gRPC's INVALID_ARGUMENT: https://grpc.io/docs/guides/status-codes/ */
const INVALID_ARGUMENT = 3;

/** What was never looked at comes first: among it are the starts that were lost. */
const DUE_SQL = `
  UPDATE executions SET checked_at = now()
  WHERE id IN (
    SELECT id FROM executions
    WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')
      AND coalesce(checked_at, queued_at) < now() - make_interval(secs => :graceSeconds)
      AND (concurrency_key IS NULL OR admitted_at IS NOT NULL)
    ORDER BY checked_at NULLS FIRST, queued_at
    LIMIT :batch
    FOR UPDATE SKIP LOCKED
  )
  RETURNING id, status = 'unknown' AND NOT EXISTS (
    SELECT FROM execution_logs WHERE execution_id = executions.id AND status = 'unknown'
  ) AS known_now`;

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

  async function pass(): Promise<Reconciled> {
    const { rows } = await database.raw<{ rows: DueRow[] }>(DUE_SQL, {
      graceSeconds,
      batch: BATCH,
    });
    const counts = { started: 0, closed: 0, resumed: 0 };
    let failures = 0;
    for (const row of rows) {
      if (stopping.signal.aborted) break;
      try {
        const done = await reconcile(row);
        if (done !== 'nothing') counts[done] += 1;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === FAILURES_IN_A_ROW) throw error;
        log('An execution could not be reconciled; it is looked at again.', {
          executionId: row.id,
          reason: reasonOf(error),
        });
      }
    }
    return counts;
  }

  async function reconcile({ id, known_now }: DueRow): Promise<keyof Reconciled | 'nothing'> {
    const end = await runEnd(id);
    if (end === 'open') {
      if (!known_now) return 'nothing';
      await resume(id);
      return 'resumed';
    }
    if (end !== 'unknown_run') {
      await ledger.end(id, end);
      return 'closed';
    }
    const execution = await deps.executions.findStartable(id);
    if (execution === undefined) {
      await ledger.end(id, DEFINITION_DELETED);
      return 'closed';
    }
    const refusal = await refusalOf(execution);
    if (refusal === undefined) return 'started';
    await ledger.end(id, startRefused(refusal));
    return 'closed';
  }

  /** Starts the execution. @returns why it can never be started; undefined if it was */
  async function refusalOf(execution: StartableExecution): Promise<string | undefined> {
    if (Buffer.byteLength(JSON.stringify(execution)) > MAX_MESSAGE_BYTES) {
      return 'its plan, lead and input are larger than any message may be';
    }
    try {
      await deps.start(execution);
      return undefined;
    } catch (error) {
      const cause = error instanceof ServiceError ? error.cause : error;
      if (isGrpcServiceError(cause) && cause.code === INVALID_ARGUMENT) return cause.details;
      throw error;
    }
  }

  /** Answers for the person whom the workflow waits for: the ledger knows by now. */
  async function resume(executionId: string): Promise<void> {
    const handle = client.workflow.getHandle(executionId);
    const { nodes } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      handle.query<ExecutionState>(STATE_QUERY),
    );
    for (const { nodeId, iteration, status } of nodes) {
      if (status !== 'unknown') continue;
      const row: { output_data: Json } | undefined = await database('execution_logs')
        .where({ execution_id: executionId, node_id: nodeId, iteration, status: 'succeeded' })
        .first('output_data');
      if (row === undefined) continue;
      await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        handle.executeUpdate<void, [ResolveNodeInput]>(RESOLVE_NODE_UPDATE, {
          args: [{ nodeId, iteration, outcome: 'sent', output: row.output_data }],
        }),
      );
    }
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
        const { started, closed, resumed } = await pass();
        if (started + closed + resumed > 0) {
          log('Executions reconciled with Temporal.', { started, closed, resumed });
        }
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

interface DueRow {
  readonly id: string;
  /** It is held for an outcome that is no longer unknown. */
  readonly known_now: boolean;
}

/** It would be refused for ever, so it is no use to try again. */
function startRefused(reason: string): ExecutionEnd {
  return {
    status: 'failed',
    result: null,
    error: {
      code: 'start_refused',
      message: `Temporal refuses to start the execution: ${reason.slice(0, 500)}. If it is too large, send less input or split the definition.`,
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
