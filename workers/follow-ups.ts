/**
 * What follows from the end of an execution: its slot goes to the next one that waits for it, its
 * failure starts the definition that handles failures, and the schedule's run that waits for it is
 * told. What is still to be done stands in the rows, and doing it twice changes nothing, so any
 * number of workers may look, and none of it is lost whatever dies.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Knex } from 'knex';
import type { Admission } from '../db/admission.ts';
import {
  EXECUTION_ENDED_SIGNAL,
  type ExecutionError,
  type ExecutionStatus,
} from '../workflows/contract.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';
import type { PublishedStarts } from './published-starts.ts';

export interface FollowUpDeps {
  readonly database: Knex;
  readonly client: Client;
  readonly admission: Admission;
  readonly starts: PublishedStarts;
  readonly log: (
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ) => void;
  /** Pause between passes that nobody asked for. */
  readonly intervalMs?: number;
}

export interface FollowUps {
  /** Has the next pass begin at once: an execution has ended. */
  poke(): void;
  /** @returns how many things were done */
  pass(): Promise<number>;
  stop(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 2_000;
const BATCH = 100;
const CALL_DEADLINE_MS = 5_000;

const DUE_SQL = `
  SELECT id FROM executions
  WHERE follow_up AND status IN ('succeeded', 'failed', 'cancelled', 'timed_out')
  ORDER BY ended_at LIMIT ${BATCH}`;

/** Starts the loop. @returns its handle; `stop` waits for the pass under way */
export function startFollowUps(deps: FollowUpDeps): FollowUps {
  const { database, client, admission, starts, log } = deps;
  const stopping = new AbortController();
  let poked = new AbortController();

  async function pass(): Promise<number> {
    const { rows } = await database.raw<{ rows: { id: string }[] }>(DUE_SQL);
    let done = 0;
    for (const { id } of rows) {
      if (stopping.signal.aborted) return done;
      if (await followUp(id)) done += 1;
    }
    // Slots can be free without an end just now: a worker died between an end and its follow-up,
    // or a new version allows more.
    for (const key of await admission.waiting(BATCH)) {
      if (stopping.signal.aborted) return done;
      done += await starts.admit(key);
    }
    return done;
  }

  /** @returns false if another worker has it */
  async function followUp(id: string): Promise<boolean> {
    return database.transaction(async (transaction) => {
      const row: EndedRow | undefined = await transaction('executions')
        .where({ id, follow_up: true })
        .forUpdate()
        .skipLocked()
        .first(...ENDED_COLUMNS);
      if (row === undefined) return false;
      const { project_id: projectId, concurrency_key: key } = row;
      if (key !== null) await starts.admit({ projectId, key });
      if (row.on_failure !== null && ['failed', 'timed_out'].includes(row.status)) {
        await startHandler(row, row.on_failure);
      }
      if (row.awaited_by !== null) await tell(row.awaited_by);
      await transaction('executions').where({ id }).update({ follow_up: false });
      return true;
    });
  }

  async function startHandler(row: EndedRow, workflowId: string): Promise<void> {
    const result = await starts.accept({
      executionId: handlerId(row.id, workflowId),
      projectId: row.project_id,
      workflowId,
      leadId: row.lead_id,
      lead: row.lead,
      input: failureOf(row),
      trigger: { type: 'failure', ofExecutionId: row.id, ofWorkflowId: row.workflow_id },
      mode: row.mode,
    });
    if ('refused' in result) {
      log('A failed execution names a workflow to be started, which can’t be.', {
        executionId: row.id,
        workflowId,
        reason: result.refused.code,
      });
      return;
    }
    await starts.handOver(result.accepted, result.rules);
  }

  /** The run looks by itself now and then, so one that is gone needs nothing. */
  async function tell(workflowId: string): Promise<void> {
    try {
      await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.getHandle(workflowId).signal(EXECUTION_ENDED_SIGNAL),
      );
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      poked = new AbortController();
      try {
        await pass();
      } catch (error) {
        // PostgreSQL or Temporal is away: the next pass finds the same rows.
        log('What follows from ended executions is done later.', {
          reason: error instanceof Error ? error.message.slice(0, 200) : String(error),
        });
      }
      await sleep(deps.intervalMs ?? DEFAULT_INTERVAL_MS, undefined, {
        signal: AbortSignal.any([stopping.signal, poked.signal]),
      }).catch(() => undefined);
    }
  }

  const running = loop();
  return {
    pass,
    poke: () => poked.abort(),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

const ENDED_COLUMNS = [
  'id',
  'project_id',
  'workflow_id',
  'version',
  'lead_id',
  'lead',
  'mode',
  'trigger',
  'status',
  'error',
  'concurrency_key',
  'on_failure',
  'awaited_by',
] as const;

interface EndedRow {
  readonly id: string;
  readonly project_id: string;
  readonly workflow_id: string;
  readonly version: number;
  readonly lead_id: string | null;
  readonly lead: JsonObject | null;
  readonly mode: 'live' | 'sandbox';
  readonly trigger: Json;
  readonly status: ExecutionStatus;
  readonly error: ExecutionError | null;
  readonly concurrency_key: string | null;
  readonly on_failure: string | null;
  readonly awaited_by: string | null;
}

/** What the handler is told, as its `input`. */
function failureOf(row: EndedRow): JsonObject {
  const { code, message, nodeId } = row.error ?? {};
  return {
    executionId: row.id,
    workflowId: row.workflow_id,
    version: row.version,
    status: row.status,
    error:
      row.error === null
        ? null
        : { code: code ?? '', message: message ?? '', nodeId: nodeId ?? null },
    trigger: row.trigger,
  };
}

/** The same each time, so that one failure has one handling. */
function handlerId(executionId: string, workflowId: string): string {
  const hash = createHash('sha256').update(JSON.stringify(['failure', executionId]));
  return `${workflowId}_${hash.digest('hex').slice(0, 32)}`;
}
