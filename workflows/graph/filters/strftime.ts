/**
 * Prints times by the format of C's strftime, as the `date` filter of Liquid takes it. LiquidJS's own
 * works in the time zone of the machine, so that another machine may print another hour.
 */

import { offsetAt } from '../local-time.ts';
import { charge, type FilterThis } from './filter-support.ts';
import { dateFormatter, numberFormatter } from './formatters.ts';

/** How a time is shown. */
export interface Display {
  /** IANA name, or an offset in minutes as JavaScript counts it: -240 is 4 h ahead of UTC. */
  readonly zone: string | number;
  /** BCP 47, for the names of months and days and for the digits. */
  readonly locale: string;
}

const DIRECTIVE = /%([-_0^#:]*)(\d+)?([a-zA-Z%+])/g;
const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  T: '%H:%M:%S',
  v: '%e-%b-%Y',
  X: '%H:%M:%S',
  x: '%m/%d/%y',
  '+': '%a %b %e %H:%M:%S %Z %Y',
};
/** Directives that print a number: their width, and what fills it. */
const NUMBERS: Readonly<Record<string, readonly [width: number, fill: string]>> = {
  C: [2, '0'],
  d: [2, '0'],
  e: [2, ' '],
  G: [4, '0'],
  g: [2, '0'],
  H: [2, '0'],
  I: [2, '0'],
  j: [3, '0'],
  k: [2, ' '],
  L: [3, '0'],
  l: [2, ' '],
  M: [2, '0'],
  m: [2, '0'],
  N: [9, '0'],
  S: [2, '0'],
  s: [1, '0'],
  U: [2, '0'],
  u: [1, '0'],
  V: [2, '0'],
  W: [2, '0'],
  w: [1, '0'],
  Y: [4, '0'],
  y: [2, '0'],
};
const DAY_MS = 86_400_000;

/** @returns how far the display's clock is ahead of UTC at that moment, in milliseconds */
export function displayOffset(at: number, zone: Display['zone']): number {
  return typeof zone === 'number' ? -zone * 60_000 : offsetAt(at, zone);
}

/**
 * @param at milliseconds since the epoch
 * @throws RangeError if the zone is unknown
 */
export function strftime(filter: FilterThis, at: number, format: string, display: Display): string {
  const offset = displayOffset(at, display.zone);
  // Its UTC fields are what the display's clock and calendar say.
  const local = new Date(at + offset);
  const digits = digitsOf(display.locale);

  const print = (text: string): string =>
    text.replace(DIRECTIVE, (whole, flags: string, width: string | undefined, letter: string) => {
      const composed = COMPOSED[letter];
      const number = numberFor(letter, local, at);
      const text =
        composed !== undefined
          ? print(composed)
          : (number?.toString() ?? wordFor(letter, flags, local, offset, display));
      if (text === undefined) return whole;
      const [usualWidth, usualFill] = NUMBERS[letter] ?? [0, ' '];
      const fill = flags.includes('_') ? ' ' : flags.includes('0') ? '0' : usualFill;
      const length = flags.includes('-') ? 0 : Number(width ?? usualWidth);
      charge(filter, length);
      return cased(text.padStart(length, fill), flags, letter);
    });

  charge(filter, format.length);
  const printed = print(format);
  charge(filter, printed.length);
  return digits === undefined
    ? printed
    : printed.replace(/\d/g, (digit) => digits[Number(digit)] ?? digit);
}

function cased(text: string, flags: string, letter: string): string {
  if (flags.includes('^')) return text.toUpperCase();
  if (flags.includes('#')) return letter === 'p' ? text.toLowerCase() : text.toUpperCase();
  return text;
}

function numberFor(letter: string, local: Date, at: number): number | undefined {
  const hour = local.getUTCHours();
  const year = local.getUTCFullYear();
  switch (letter) {
    case 'C':
      return Math.floor(year / 100);
    case 'd':
    case 'e':
      return local.getUTCDate();
    case 'G':
      return isoWeek(local).year;
    case 'g':
      return isoWeek(local).year % 100;
    case 'H':
    case 'k':
      return hour;
    case 'I':
    case 'l':
      return hour % 12 === 0 ? 12 : hour % 12;
    case 'j':
      return dayOfYear(local);
    case 'L':
      return local.getUTCMilliseconds();
    case 'M':
      return local.getUTCMinutes();
    case 'm':
      return local.getUTCMonth() + 1;
    case 'N':
      return local.getUTCMilliseconds() * 1_000_000;
    case 'S':
      return local.getUTCSeconds();
    case 's':
      return Math.floor(at / 1000);
    case 'U':
      return Math.floor((dayOfYear(local) + 6 - local.getUTCDay()) / 7);
    case 'u':
      return weekday(local);
    case 'V':
      return isoWeek(local).week;
    case 'W':
      return Math.floor((dayOfYear(local) + 7 - weekday(local)) / 7);
    case 'w':
      return local.getUTCDay();
    case 'Y':
      return year;
    case 'y':
      return year % 100;
    default:
      return undefined;
  }
}

function wordFor(
  letter: string,
  flags: string,
  local: Date,
  offset: number,
  { zone, locale }: Display,
): string | undefined {
  const name = (options: Intl.DateTimeFormatOptions): string =>
    dateFormatter(locale, { ...options, calendar: 'gregory', timeZone: 'UTC' }).format(local);
  switch (letter) {
    case 'A':
      return name({ weekday: 'long' });
    case 'a':
      return name({ weekday: 'short' });
    case 'B':
      return name({ month: 'long' });
    case 'b':
    case 'h':
      return name({ month: 'short' });
    case 'n':
      return '\n';
    case 'P':
      return dayPeriod(local, locale).toLowerCase();
    case 'p':
      return dayPeriod(local, locale);
    case 'q':
      return ordinal(local.getUTCDate());
    case 't':
      return '\t';
    case 'Z':
      return typeof zone === 'string' ? zone : '';
    case 'z':
      return offsetText(offset, flags.includes(':') ? ':' : '');
    case '%':
      return '%';
    default:
      return undefined;
  }
}

/** @returns `+0400`, or `+04:00` */
export function offsetText(offset: number, separator: string): string {
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

/** 1 (Monday) to 7 (Sunday), ISO 8601. */
export function weekday(local: Date): number {
  return local.getUTCDay() === 0 ? 7 : local.getUTCDay();
}

export function dayOfYear(local: Date): number {
  const first = Date.UTC(local.getUTCFullYear(), 0, 1);
  return Math.floor((local.getTime() - first) / DAY_MS) + 1;
}

/** The week of ISO 8601: the one that holds the year's first Thursday is week 1. */
export function isoWeek(local: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(local.getTime() + (4 - weekday(local)) * DAY_MS);
  return { year: thursday.getUTCFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}

function dayPeriod(local: Date, locale: string): string {
  const parts = dateFormatter(locale, {
    hour: 'numeric',
    hourCycle: 'h12',
    timeZone: 'UTC',
  }).formatToParts(local);
  const period = parts.find(({ type }) => type === 'dayPeriod')?.value;
  return period ?? (local.getUTCHours() < 12 ? 'AM' : 'PM');
}

function ordinal(day: number): string {
  if (day >= 11 && day <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][day % 10] ?? 'th';
}

/** @returns the locale's digits; undefined where they are 0 to 9 */
function digitsOf(locale: string): readonly string[] | undefined {
  const ten = [...numberFormatter(locale, { useGrouping: false }).format(9_876_543_210)];
  const digits = ten.reverse();
  return digits[1] === '1' || digits.length !== 10 ? undefined : digits;
}
