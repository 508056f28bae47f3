/**
 * Brings Temporal's schedules to what is published. The wish is in the database, written by the
 * transaction that publishes, so that it outlives any outage of Temporal; this loop makes it true,
 * and makes up for the times that came between the wish and its fulfilment. Now and then it also
 * looks whether Temporal still has what it had.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { Knex } from 'knex';
import type { Schedules } from '../temporal/schedules.ts';
import type { ScheduleTrigger } from '../workflows/graph/trigger-schemas.ts';

export interface ScheduleSyncDeps {
  readonly database: Knex;
  readonly schedules: Schedules;
  readonly log: (
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ) => void;
  /** Pause between passes. */
  readonly intervalMs?: number;
  /** How often Temporal is asked whether it still has a schedule. */
  readonly checkMs?: number;
}

export interface ScheduleSync {
  /** @returns how many schedules were created, changed or removed */
  pass(): Promise<number>;
  stop(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_CHECK_MS = 600_000;
const BATCH = 50;
/** After so many failures in a row it isn't the schedules: Temporal is away. */
const FAILURES_IN_A_ROW = 3;
const RETRY_SECONDS = 5;
/** What Temporal refuses it will refuse again, until somebody publishes something else. */
const REFUSED_RETRY_SECONDS = 3_600;
/** gRPC's INVALID_ARGUMENT: https://grpc.io/docs/guides/status-codes/ */
const INVALID_ARGUMENT = 3;

const DUE_SQL = `
  SELECT id FROM schedules
  WHERE next_try_at <= clock_timestamp()
    AND (applied_generation <> generation
      OR checked_at < clock_timestamp() - make_interval(secs => :checkSeconds))
  ORDER BY next_try_at LIMIT ${BATCH}`;

/** Starts the loop. @returns its handle; `stop` waits for the pass under way */
export function startScheduleSync(deps: ScheduleSyncDeps): ScheduleSync {
  const { database, schedules, log } = deps;
  const checkSeconds = (deps.checkMs ?? DEFAULT_CHECK_MS) / 1_000;
  const stopping = new AbortController();

  async function pass(): Promise<number> {
    const { rows } = await database.raw<{ rows: { id: string }[] }>(DUE_SQL, { checkSeconds });
    let done = 0;
    let failures = 0;
    for (const { id } of rows) {
      if (stopping.signal.aborted) break;
      try {
        if (await apply(id)) done += 1;
        failures = 0;
      } catch (error) {
        failures += 1;
        await postpone(id, error);
        if (failures === FAILURES_IN_A_ROW) break;
      }
    }
    return done;
  }

  /**
   * One worker at a time has a schedule, or a slow one could put back what another has changed since
   * then. The lock is not the row's, so that publishing never waits for Temporal.
   * @returns true if something was changed
   */
  async function apply(id: string): Promise<boolean> {
    return database.transaction(async (lock) => {
      const { rows } = await lock.raw<{ rows: { locked: boolean }[] }>(
        'SELECT pg_try_advisory_xact_lock(hashtextextended(:lock, 0)) AS locked',
        { lock: `masar schedule ${id}` },
      );
      if (rows[0]?.locked !== true) return false;
      const row: ScheduleRow | undefined = await database('schedules').where({ id }).first();
      if (row === undefined) return false;
      const { spec, generation } = row;
      const at = { id, generation };
      if (spec === null) {
        await schedules.remove(id);
        await database('schedules').where(at).delete();
        return true;
      }
      const isApplied = row.applied_generation === generation && row.checked_at !== null;
      const since = isApplied ? (row.checked_at ?? row.changed_at) : row.changed_at;
      const isThere = isApplied && (await schedules.exists(id));
      if (!isThere) {
        await schedules.put(
          {
            id,
            projectId: row.project_id,
            workflowId: row.workflow_id,
            trigger: row.trigger_key,
            generation,
            spec,
          },
          since,
        );
      }
      await database('schedules')
        .where({ id })
        .update({
          applied_generation: generation,
          checked_at: database.raw('clock_timestamp()'),
          error: null,
        });
      return !isThere;
    });
  }

  async function postpone(id: string, error: unknown): Promise<void> {
    const cause = error instanceof ServiceError ? error.cause : error;
    const isRefused = isGrpcServiceError(cause) && cause.code === INVALID_ARGUMENT;
    const reason = isGrpcServiceError(cause) ? cause.details : String(cause);
    log('A schedule is not in Temporal yet; it is tried again.', {
      schedule: id,
      reason: reason.slice(0, 200),
    });
    await database('schedules')
      .where({ id })
      .update({
        next_try_at: database.raw('clock_timestamp() + make_interval(secs => ?)', [
          isRefused ? REFUSED_RETRY_SECONDS : RETRY_SECONDS,
        ]),
        error: isRefused
          ? `Temporal refuses the schedule: ${reason.slice(0, 500)}`
          : 'Temporal can’t be reached. The schedule is set as soon as it can, and what was missed is made up for.',
      });
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await pass();
      } catch (error) {
        log('Setting schedules was interrupted and goes on with the next pass.', {
          reason: error instanceof Error ? error.message.slice(0, 200) : String(error),
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

interface ScheduleRow {
  readonly project_id: string;
  readonly workflow_id: string;
  readonly trigger_key: string;
  readonly spec: ScheduleTrigger | null;
  readonly generation: number;
  readonly changed_at: Date;
  readonly applied_generation: number;
  readonly checked_at: Date | null;
}
