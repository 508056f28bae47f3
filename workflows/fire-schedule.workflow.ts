/**
 * One time of a schedule: accepts the execution that it stands for, and lasts as long as that does
 * where the schedule's overlap policy has to know. Temporal's schedule starts it, so that what an
 * execution is, and which version starts, is decided when the time has come and by our own tables.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ScheduleActivities } from './activity-contract.ts';
import {
  EXECUTION_ENDED_SIGNAL,
  type FireScheduleInput,
  type FireScheduleResult,
} from './contract.ts';

/** The time that came, as the schedule has it: https://docs.temporal.io/search-attribute */
const scheduledTime = defineSearchAttributeKey(
  'TemporalScheduledStartTime',
  SearchAttributeType.DATETIME,
);
const executionEnded = defineSignal(EXECUTION_ENDED_SIGNAL);

/** The signal may get lost with the worker that sends it, so the run looks by itself as well. */
const FIRST_LOOK_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** Tried again until it succeeds, whatever PostgreSQL and Temporal go through. */
const schedule = proxyLocalActivities<ScheduleActivities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

export async function fireSchedule(input: FireScheduleInput): Promise<FireScheduleResult> {
  let hasEnded = false;
  setHandler(executionEnded, () => {
    hasEnded = true;
  });
  const { waitsFor, ...firing } = input;
  const info = workflowInfo();
  const fired =
    waitsFor === undefined
      ? await schedule['schedule.fire']({
          ...firing,
          scheduledAt: (
            info.typedSearchAttributes.get(scheduledTime) ?? info.startTime
          ).toISOString(),
          runId: info.workflowId,
        })
      : { executionId: waitsFor };
  const { executionId } = fired;
  if (executionId === null || !input.waits) return fired;
  try {
    await untilEnded(executionId);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Only the policy that cancels the other one cancels this: the next one waits for this end.
    await CancellationScope.nonCancellable(async () => {
      await schedule['schedule.cancel']({ executionId });
      await untilEnded(executionId);
    });
    throw error;
  }
  return fired;

  async function untilEnded(waitedFor: string): Promise<void> {
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      if (await condition(() => hasEnded, pause)) return;
      if (await schedule['schedule.hasEnded']({ executionId: waitedFor })) return;
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof fireSchedule>({ ...input, waitsFor: waitedFor });
      }
    }
  }
}
