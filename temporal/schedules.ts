/** Schedules in Temporal, as triggers describe them. */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { FIRE_SCHEDULE, type FireScheduleInput, TASK_QUEUES } from '../workflows/contract.ts';
import type { fireSchedule } from '../workflows/fire-schedule.workflow.ts';
import { durationToMs } from '../workflows/graph/duration.ts';
import type { ScheduleTrigger } from '../workflows/graph/trigger-schemas.ts';
import { keyword } from './search-attributes.ts';

export interface WantedSchedule {
  readonly id: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly trigger: string;
  readonly generation: number;
  readonly spec: ScheduleTrigger;
}

/** Long enough to make up for a night's outage, short enough that nothing stale comes after it. */
const DEFAULT_CATCHUP_MS = 86_400_000;
const DEFAULT_DEADLINE_MS = 10_000;

const OVERLAP = {
  skip: ScheduleOverlapPolicy.SKIP,
  bufferOne: ScheduleOverlapPolicy.BUFFER_ONE,
  bufferAll: ScheduleOverlapPolicy.BUFFER_ALL,
  allowAll: ScheduleOverlapPolicy.ALLOW_ALL,
  cancelOther: ScheduleOverlapPolicy.CANCEL_OTHER,
} as const;

export type Schedules = ReturnType<typeof createSchedules>;

/** @param options.deadlineMs how long one call may take, retries by the SDK included */
export function createSchedules(options: {
  readonly client: Client;
  readonly deadlineMs?: number;
}) {
  const { client, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  const timed = <T>(call: () => Promise<T>): Promise<T> =>
    client.withDeadline(Date.now() + deadlineMs, call);

  return {
    /**
     * Creates the schedule, or changes it to what is wanted. Times that came since `since` are made
     * up for; one that was fired already is fired again, which the run must bear.
     * @throws ServiceError if Temporal can't be asked, or refuses (INVALID_ARGUMENT)
     */
    async put(wanted: WantedSchedule, since: Date): Promise<void> {
      const { id } = wanted;
      const wish = toOptions(wanted);
      const handle = client.schedule.getHandle(id);
      try {
        await timed(() => client.schedule.create({ scheduleId: id, ...wish }));
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        // Paused in the Web UI it stays so.
        await timed(() => handle.update(({ state }) => ({ ...wish, state })));
      }
      const end = new Date();
      const start = new Date(Math.max(+since, +end - catchupMs(wanted.spec)));
      if (start < end) await timed(() => handle.backfill({ start, end }));
    },

    /** @returns false if Temporal has no such schedule */
    async exists(id: string): Promise<boolean> {
      return found(() => timed(() => client.schedule.getHandle(id).describe()));
    },

    /** Removes the schedule, if there is one. Runs that it started go on. */
    async remove(id: string): Promise<void> {
      await found(() => timed(() => client.schedule.getHandle(id).delete()));
    },
  };
}

async function found(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

function catchupMs({ catchupWindow }: ScheduleTrigger): number {
  return catchupWindow === undefined ? DEFAULT_CATCHUP_MS : durationToMs(catchupWindow);
}

function toOptions(
  wanted: WantedSchedule,
): Omit<ScheduleOptions<ScheduleOptionsStartWorkflowAction<typeof fireSchedule>>, 'scheduleId'> {
  const { spec, projectId, workflowId, trigger, generation } = wanted;
  const overlap = spec.overlap ?? 'skip';
  const input: FireScheduleInput = {
    projectId,
    workflowId,
    trigger,
    generation,
    waits: overlap !== 'allowAll',
  };
  return {
    spec: {
      ...(spec.cron === undefined ? {} : { cronExpressions: [spec.cron] }),
      ...(spec.every === undefined ? {} : { intervals: [{ every: durationToMs(spec.every) }] }),
      ...(spec.jitter === undefined ? {} : { jitter: durationToMs(spec.jitter) }),
      timezone: spec.timezone,
    },
    policies: { overlap: OVERLAP[overlap], catchupWindow: catchupMs(spec), pauseOnFailure: false },
    action: {
      type: 'startWorkflow',
      workflowType: FIRE_SCHEDULE,
      taskQueue: TASK_QUEUES.workflows,
      // Temporal adds the time that came.
      workflowId: wanted.id,
      args: [input],
      staticSummary: `Schedule of ${workflowId}`.slice(0, 200),
      typedSearchAttributes: new TypedSearchAttributes([
        keyword('MasarProject', projectId),
        keyword('MasarWorkflow', workflowId),
        keyword('MasarTrigger', 'schedule'),
      ]),
    },
  };
}
