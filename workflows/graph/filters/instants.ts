/** Times as expressions give them, and calculating with them in a time zone's calendar. */
import { offsetAt, parseTime } from '../local-time.ts';
import { plain } from './filter-support.ts';

export const UNITS = ['ms', 's', 'm', 'h', 'd', 'w', 'mo', 'y'] as const;
export type Unit = (typeof UNITS)[number];

/** Units that are always equally long. */
const FIXED_MS: Readonly<Partial<Record<Unit, number>>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const WORDS: readonly (readonly [RegExp, Unit])[] = [
  [/^(?:ms|milliseconds?)$/, 'ms'],
  [/^(?:s|sec|seconds?)$/, 's'],
  [/^(?:m|min|minutes?)$/, 'm'],
  [/^(?:h|hours?)$/, 'h'],
  [/^(?:d|days?)$/, 'd'],
  [/^(?:w|weeks?)$/, 'w'],
  [/^(?:mo|months?)$/, 'mo'],
  [/^(?:y|years?)$/, 'y'],
];

/** A number this large can't mean seconds: it would be after the year 5000. */
const FIRST_MS = 100_000_000_000;
const FIRST_YEAR = Date.UTC(1, 0, 1);
const LAST_YEAR = Date.UTC(9999, 11, 31);
const HAS_ZONE = /(?:\b(?:GMT|UTC|UT|Z|[ECMP][SD]T)\b|[+-]\d{2}:?\d{2})\s*(?:\([^)]*\))?$/i;

/**
 * @param value "now", seconds or milliseconds since the epoch, or a text that says a time
 * @param zone where a time without an offset is meant
 * @returns milliseconds since the epoch; undefined if the value says no time
 * @throws RangeError if the zone is unknown
 */
export function instantOf(value: unknown, zone = 'UTC'): number | undefined {
  offsetAt(0, zone);
  const given = plain(value);
  if (given === 'now' || given === 'today') return Date.now();
  const number =
    typeof given === 'string' && /^-?\d{5,}$/.test(given.trim()) ? Number(given) : given;
  if (typeof number === 'number') {
    return inRange(Math.abs(number) < FIRST_MS ? Math.round(number * 1000) : number);
  }
  if (typeof number !== 'string' || !/\d/.test(number)) return undefined;
  try {
    return inRange(parseTime(number, zone));
  } catch {
    // Not ISO 8601; mail headers and people write times in other ways. Without a zone the engine
    // would read it in the machine's.
    const text = number.trim();
    return inRange(Date.parse(HAS_ZONE.test(text) ? text : `${text} UTC`));
  }
}

function inRange(at: number): number | undefined {
  return at >= FIRST_YEAR && at <= LAST_YEAR ? at : undefined;
}

/** @throws Error if it is no unit of time */
export function unitOf(text: string): Unit {
  const unit = WORDS.find(([pattern]) => pattern.test(text.trim().toLowerCase()))?.[1];
  if (unit === undefined) {
    throw new Error(`${JSON.stringify(text)} is no unit of time: write s, m, h, d, w, mo or y`);
  }
  return unit;
}

/** @throws Error if the text is no length of time such as "2h", "3 days" or "-1mo" */
export function lengthOf(text: string): { readonly amount: number; readonly unit: Unit } {
  const match = /^\s*([+-]?\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (match === null) {
    throw new Error(`${JSON.stringify(text)} is no length of time such as "90m", "2d" or "1mo"`);
  }
  const unit = unitOf(match[2] ?? '');
  const amount = Number(match[1]);
  if (FIXED_MS[unit] === undefined && !Number.isInteger(amount)) {
    throw new Error(
      `${JSON.stringify(text)} must be a whole number of days, weeks, months or years`,
    );
  }
  return { amount, unit };
}

/**
 * Days and longer units are counted in the zone's calendar, so that 9:00 stays 9:00 when clocks
 * change; a day that the month lacks becomes its last one.
 * @throws Error if the result isn't within the years 1 to 9999
 */
export function addLength(at: number, amount: number, unit: Unit, zone: string): number {
  const fixed = FIXED_MS[unit];
  if (fixed !== undefined) return sensible(at + Math.round(amount * fixed));
  const local = localOf(at, zone);
  if (unit === 'd' || unit === 'w') {
    local.setUTCDate(local.getUTCDate() + amount * (unit === 'w' ? 7 : 1));
    return fromLocal(local, zone);
  }
  const day = local.getUTCDate();
  local.setUTCDate(1);
  local.setUTCMonth(local.getUTCMonth() + amount * (unit === 'y' ? 12 : 1));
  const lastDay = new Date(local);
  lastDay.setUTCMonth(local.getUTCMonth() + 1, 0);
  local.setUTCDate(Math.min(day, lastDay.getUTCDate()));
  return fromLocal(local, zone);
}

/** The first moment of the hour, day, week, month or year. @param weekStart 1 Monday to 7 Sunday */
export function startOf(at: number, unit: Unit, zone: string, weekStart: number): number {
  const local = localOf(at, zone);
  const before = at - (((at % 60_000) + 60_000) % 60_000);
  switch (unit) {
    case 'ms':
      return at;
    case 's':
      return Math.floor(at / 1000) * 1000;
    case 'm':
      return before;
    case 'h':
      // Not through the local time: an hour that happens twice has two beginnings.
      return before - local.getUTCMinutes() * 60_000;
    case 'd':
      break;
    case 'w':
      local.setUTCDate(local.getUTCDate() - ((local.getUTCDay() + 7 - (weekStart % 7)) % 7));
      break;
    case 'mo':
      local.setUTCDate(1);
      break;
    case 'y':
      local.setUTCMonth(0, 1);
      break;
  }
  local.setUTCHours(0, 0, 0, 0);
  return fromLocal(local, zone);
}

/** The last millisecond of the hour, day, week, month or year. */
export function endOf(at: number, unit: Unit, zone: string, weekStart: number): number {
  return addLength(startOf(at, unit, zone, weekStart), 1, unit, zone) - 1;
}

/** How many whole units lie between two times; negative if the first is the earlier one. */
export function difference(at: number, other: number, unit: Unit, zone: string): number {
  const fixed = FIXED_MS[unit];
  if (fixed !== undefined) return whole((at - other) / fixed);
  const [from, to] = [localOf(other, zone), localOf(at, zone)];
  const days = (to.getTime() - from.getTime()) / 86_400_000;
  if (unit === 'd') return whole(days);
  if (unit === 'w') return whole(days / 7);
  const months =
    (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  const reached = addLength(other, months, 'mo', zone);
  const passed = at >= other ? Number(reached > at) : -Number(reached < at);
  return whole((months - passed) / (unit === 'y' ? 12 : 1));
}

/** Towards zero, and never minus zero. */
function whole(value: number): number {
  return Math.trunc(value) + 0;
}

/** A date whose UTC fields are what clock and calendar of the zone say. */
export function localOf(at: number, zone: string): Date {
  return new Date(at + offsetAt(at, zone));
}

function fromLocal(local: Date, zone: string): number {
  const text = new Date(sensible(local.getTime())).toISOString().slice(0, -1);
  return sensible(parseTime(text, zone) + local.getUTCMilliseconds());
}

function sensible(at: number): number {
  if (inRange(at) === undefined) throw new Error('a time has to be within the years 1 to 9999');
  return at;
}
