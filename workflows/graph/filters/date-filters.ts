/**
 * Filters for times. Each takes "now" (the workflow's time, which a replay repeats), seconds or
 * milliseconds since the epoch, or a text; what has no offset is meant in the zone that the filter
 * is given, else in UTC. The machine's own time zone never matters.
 */

import {
  charge,
  type ExpressionFilter,
  type FilterThis,
  localeOf,
  oneOf,
  plain,
  textArgument,
  textOf,
} from './filter-support.ts';
import { dateFormatter } from './formatters.ts';
import {
  addLength,
  difference,
  endOf,
  instantOf,
  lengthOf,
  localOf,
  startOf,
  unitOf,
} from './instants.ts';
import { parseByFormat } from './parse-by-format.ts';
import {
  type Display,
  dayOfYear,
  displayOffset,
  isoWeek,
  offsetText,
  strftime,
  weekday,
} from './strftime.ts';

const DEFAULT_FORMAT = '%A, %B %-e, %Y at %-l:%M %P %z';
const STYLES = ['medium', 'short', 'long', 'full'] as const;
const WEEK_STARTS = ['monday', 'sunday', 'saturday'] as const;
const WEEK_START_DAYS = { monday: 1, sunday: 7, saturday: 6 } as const;

function zoneOf(value: unknown): string {
  return textArgument(value, 'UTC');
}

/** @throws Error if the value says no time */
function timeOf(filter: FilterThis, value: unknown, zone: string): number {
  const at = instantOf(value, zone);
  if (at === undefined) {
    throw new Error(
      `${filter.token.name} was given what is no time: write one such as "2026-03-29T09:00:00Z", or read another form with parse_date`,
    );
  }
  return at;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

/** As Liquid has them: what is no time comes back as it is. */
function liquidDate(format: (given: unknown) => string): ExpressionFilter {
  return function (value, given, zone, locale) {
    const display = displayOf(this, zone, locale);
    const at = instantOf(value);
    return at === undefined ? value : strftime(this, at, format(given), display);
  };
}

function displayOf(filter: FilterThis, zone: unknown, locale: unknown): Display {
  const given = plain(zone);
  return {
    zone: typeof given === 'number' ? given : zoneOf(given),
    locale: localeOf(filter, locale),
  };
}

function dateInWords(month: string): ExpressionFilter {
  return function (value, type, style) {
    const at = instantOf(value);
    if (at === undefined) return value;
    const ordinal = style === 'US' ? `${month} %-d%q, %Y` : `%-d%q ${month} %Y`;
    const format = type === 'ordinal' ? ordinal : `%d ${month} %Y`;
    return strftime(this, at, format, { zone: 'UTC', locale: 'en-US' });
  };
}

function moved(sign: 1 | -1): ExpressionFilter {
  return function (value, length, zone) {
    const { amount, unit } = lengthOf(textArgument(length, ''));
    const at = timeOf(this, value, zoneOf(zone));
    return iso(addLength(at, sign * amount, unit, zoneOf(zone)));
  };
}

function edge(find: typeof startOf): ExpressionFilter {
  return function (value, unit, zone, weekStart) {
    const at = timeOf(this, value, zoneOf(zone));
    const first = WEEK_START_DAYS[oneOf(this, weekStart, WEEK_STARTS)];
    return iso(find(at, unitOf(textArgument(unit, 'day')), zoneOf(zone), first));
  };
}

export const DATE_FILTERS: Readonly<Record<string, ExpressionFilter>> = {
  date: liquidDate((given) => textArgument(given, DEFAULT_FORMAT)),
  date_to_xmlschema: liquidDate(() => '%Y-%m-%dT%H:%M:%S%:z'),
  date_to_rfc822: liquidDate(() => '%a, %d %b %Y %H:%M:%S %z'),
  date_to_string: dateInWords('%b'),
  date_to_long_string: dateInWords('%B'),

  /** By a style of the language, or by a format with %. */
  format_date(value, format, zone, locale) {
    const display = displayOf(this, zoneOf(zone), locale);
    const at = timeOf(this, value, zoneOf(zone));
    const given = textArgument(format, 'medium');
    if (given.includes('%')) return strftime(this, at, given, display);
    const [style = '', part = 'both'] = given.split(' ');
    const chosen = oneOf(this, style, STYLES);
    const shown = oneOf(this, part, ['both', 'date', 'time']);
    // A language's own calendar only where it is asked for ("ar-SA-u-ca-islamic-umalqura").
    const calendar = display.locale.includes('-u-ca-') ? {} : { calendar: 'gregory' };
    const text = dateFormatter(display.locale, {
      ...calendar,
      timeZone: zoneOf(zone),
      ...(shown === 'time' ? {} : { dateStyle: chosen }),
      ...(shown === 'date' ? {} : { timeStyle: chosen }),
    }).format(at);
    charge(this, text.length);
    return text;
  },

  parse_date(value, format, zone) {
    const text = textOf(this, value);
    const at =
      plain(format) === null
        ? timeOf(this, value, zoneOf(zone))
        : parseByFormat(text, textArgument(format, ''), zoneOf(zone));
    return iso(at);
  },

  iso(value, zone) {
    const at = timeOf(this, value, zoneOf(zone));
    if (plain(zone) === null) return iso(at);
    const offset = displayOffset(at, zoneOf(zone));
    return iso(at + offset).replace('Z', offsetText(offset, ':'));
  },

  timestamp(value, unit) {
    const at = timeOf(this, value, 'UTC');
    return oneOf(this, unit, ['s', 'ms']) === 'ms' ? at : Math.floor(at / 1000);
  },

  date_add: moved(1),
  date_subtract: moved(-1),

  date_diff(value, other, unit, zone) {
    const at = timeOf(this, value, zoneOf(zone));
    const from = timeOf(this, other, zoneOf(zone));
    return difference(at, from, unitOf(textArgument(unit, 'days')), zoneOf(zone));
  },

  start_of: edge(startOf),
  end_of: edge(endOf),

  date_part(value, part, zone) {
    const local = localOf(timeOf(this, value, zoneOf(zone)), zoneOf(zone));
    switch (
      oneOf(this, part, [
        'day',
        'month',
        'year',
        'hour',
        'minute',
        'second',
        'weekday',
        'week',
        'day_of_year',
        'quarter',
      ])
    ) {
      case 'day':
        return local.getUTCDate();
      case 'month':
        return local.getUTCMonth() + 1;
      case 'year':
        return local.getUTCFullYear();
      case 'hour':
        return local.getUTCHours();
      case 'minute':
        return local.getUTCMinutes();
      case 'second':
        return local.getUTCSeconds();
      case 'weekday':
        return weekday(local);
      case 'week':
        return isoWeek(local).week;
      case 'day_of_year':
        return dayOfYear(local);
      case 'quarter':
        return Math.floor(local.getUTCMonth() / 3) + 1;
    }
  },
};
