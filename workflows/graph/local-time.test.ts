import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseTime } from './local-time.ts';

const utc = (text: string, zone?: string): string => new Date(parseTime(text, zone)).toISOString();

describe('a time with an offset', () => {
  test.each([
    ['2026-03-29T09:00:00Z', '2026-03-29T09:00:00.000Z'],
    ['2026-03-29T09:00:00.250z', '2026-03-29T09:00:00.250Z'],
    ['2026-03-29T09:00:00+04:00', '2026-03-29T05:00:00.000Z'],
    [' 2026-03-29T09:00-05:00 ', '2026-03-29T14:00:00.000Z'],
  ])('%s is %s, whatever the zone', (text, expected) => {
    expect(utc(text, 'Asia/Tokyo')).toBe(expected);
  });
});

describe('a local time', () => {
  test.each([
    ['2026-07-01T09:00', undefined, '2026-07-01T09:00:00.000Z'],
    ['2026-07-01', undefined, '2026-07-01T00:00:00.000Z'],
    ['2026-07-01', 'Asia/Dubai', '2026-06-30T20:00:00.000Z'],
    ['2026-07-01 09:00:30', 'Asia/Kolkata', '2026-07-01T03:30:30.000Z'],
    ['2026-01-15T09:00', 'Europe/Berlin', '2026-01-15T08:00:00.000Z'],
    ['2026-07-15T09:00', 'Europe/Berlin', '2026-07-15T07:00:00.000Z'],
    ['2026-01-15T09:00', 'America/New_York', '2026-01-15T14:00:00.000Z'],
    ['2026-07-15T09:00', 'America/New_York', '2026-07-15T13:00:00.000Z'],
    ['2024-02-29T12:00', 'Pacific/Auckland', '2024-02-28T23:00:00.000Z'],
  ])('%s in %s is %s', (text, zone, expected) => {
    expect(utc(text, zone)).toBe(expected);
  });

  test.each([
    ['2026-03-29T01:59:59', 'Europe/Berlin', '2026-03-29T00:59:59.000Z'],
    ['2026-03-29T02:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    ['2026-03-29T03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-08T01:59', 'America/New_York', '2026-03-08T06:59:00.000Z'],
    ['2026-03-08T02:30', 'America/New_York', '2026-03-08T07:30:00.000Z'],
    ['2026-03-08T03:00', 'America/New_York', '2026-03-08T07:00:00.000Z'],
  ])('%s in %s, around the skipped hour, is %s', (text, zone, expected) => {
    expect(utc(text, zone)).toBe(expected);
  });

  test.each([
    ['2026-10-25T01:59', 'Europe/Berlin', '2026-10-24T23:59:00.000Z'],
    ['2026-10-25T02:00', 'Europe/Berlin', '2026-10-25T00:00:00.000Z'],
    ['2026-10-25T02:59:59', 'Europe/Berlin', '2026-10-25T00:59:59.000Z'],
    ['2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
    ['2026-11-01T01:30', 'America/New_York', '2026-11-01T05:30:00.000Z'],
    ['2026-11-01T02:00', 'America/New_York', '2026-11-01T07:00:00.000Z'],
  ])('%s in %s, around the hour that comes twice, is %s', (text, zone, expected) => {
    expect(utc(text, zone)).toBe(expected);
  });
});

test.each(['', 'tomorrow', '09:00', '2026-02-30T09:00', '2026-13-01T09:00', '2026-03-29T09', 'Z'])(
  'the text %j is refused',
  (text) => {
    expect(() => parseTime(text)).toThrow(RangeError);
    expect(() => parseTime(text)).toThrow('is not a time such as');
  },
);

test.each(['2026-03-29T25:00', '2026-03-29T09:60', '2026-03-29T09:00:61'])(
  'the text %j names no time of a day and is refused',
  (text) => {
    expect(() => parseTime(text, 'Europe/Berlin')).toThrow('is not a time such as');
  },
);

test('an unknown zone is refused by its name', () => {
  expect(() => parseTime('2026-03-29T09:00', 'Europe/Atlantis')).toThrow(
    '"Europe/Atlantis" is not a time zone',
  );
});

/** How the zone's clocks show the moment, as the text that parseTime reads. */
function shownIn(zone: string, at: number): string {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(at);
}

test('what is read is what the zone’s clocks show then, and nothing earlier is, unless they skip it', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Dubai', 'Australia/Lord_Howe', 'UTC'];
  const seconds = fc.integer({
    min: Date.UTC(2015, 0, 1) / 1_000,
    max: Date.UTC(2035, 0, 1) / 1_000,
  });
  fc.assert(
    fc.property(fc.constantFrom(...zones), seconds, (zone, second) => {
      const text = new Date(second * 1_000).toISOString().slice(0, 19).replace('T', ' ');
      const at = parseTime(text, zone);
      const hour = 3_600_000;
      if (shownIn(zone, at) === text) {
        expect([at - hour, at - hour / 2].filter((other) => shownIn(zone, other) === text)).toEqual(
          [],
        );
      } else {
        expect(
          [at - 2 * hour, at - hour, at - hour / 2, at + hour / 2, at + hour].filter(
            (other) => shownIn(zone, other) === text,
          ),
        ).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});
