import { expect, test } from '@jest/globals';
import { triggerSchema } from '../workflows/graph/trigger-schemas.ts';
import { upcomingTimes } from './upcoming-times.ts';

function times(schedule: object, now: string, count = 2): string[] {
  const trigger = triggerSchema.parse({ type: 'schedule', ...schedule });
  if (trigger.type !== 'schedule') throw new Error('It is a schedule.');
  return upcomingTimes(trigger, count, new Date(now)).map((time) => time.toISOString());
}

test.each([
  [
    { cron: '0 9 * * 1-5', timezone: 'Asia/Dubai' },
    '2026-11-20T06:00:00Z',
    ['2026-11-23T05:00:00.000Z', '2026-11-24T05:00:00.000Z'],
  ],
  // The zone's clocks go forward in between: the local time stays, the distance doesn't.
  [
    { cron: '0 9 * * *', timezone: 'Europe/Berlin' },
    '2027-03-27T09:00:00Z',
    ['2027-03-28T07:00:00.000Z', '2027-03-29T07:00:00.000Z'],
  ],
  [
    { cron: '@daily' },
    '2026-11-20T06:00:00Z',
    ['2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
  ],
  // Friday the 13th, not every 13th and every Friday.
  [
    { cron: '0 0 13 * 5' },
    '2026-11-20T00:00:00Z',
    ['2027-08-13T00:00:00.000Z', '2028-10-13T00:00:00.000Z'],
  ],
  [
    { every: '15m' },
    '2026-11-20T06:07:00Z',
    ['2026-11-20T06:15:00.000Z', '2026-11-20T06:30:00.000Z'],
  ],
  [{ cron: 'soon' }, '2026-11-20T06:07:00Z', []],
  [{ cron: '0 9 * * *', timezone: 'Mars/Olympus' }, '2026-11-20T06:07:00Z', []],
])('%j comes next', (schedule, now, expected) => {
  expect(times(schedule, now)).toEqual(expected);
});
