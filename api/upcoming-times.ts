import { Cron } from 'croner';
import { cronProblem } from '../workflows/graph/cron.ts';
import { durationToMs } from '../workflows/graph/duration.ts';
import type { ScheduleTrigger } from '../workflows/graph/trigger-schemas.ts';

/**
 * When a schedule comes next, for people to see whether it means what they mean. Temporal decides
 * when it really fires; the two differ at most in the hour in which clocks change.
 * @param count how many times at most
 * @returns none where the schedule is not valid
 */
export function upcomingTimes(
  { cron, every, timezone }: ScheduleTrigger,
  count: number,
  now = new Date(),
): readonly Date[] {
  if (every !== undefined) {
    const interval = durationToMs(every);
    if (interval < 1_000) return [];
    const first = Math.floor(+now / interval) * interval + interval;
    return Array.from({ length: count }, (_, index) => new Date(first + index * interval));
  }
  if (cron === undefined || cronProblem(cron)?.severity === 'error') return [];
  try {
    // Days of the month and of the week must both fit, as in Temporal.
    const pattern = new Cron(cron.trim(), { timezone, domAndDow: true, paused: true });
    return pattern.nextRuns(count, now);
  } catch {
    // A zone that isn't one is told of by the validation.
    return [];
  }
}
