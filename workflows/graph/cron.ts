/**
 * Cron expressions as Temporal's schedules take them: five fields, or a shorthand. What Temporal
 * takes besides (a year, seconds, comments, zones, @every) is refused, because people mean something
 * else by it: with six fields the first would be the minute and the last the year, where other
 * programs begin with seconds.
 * https://docs.temporal.io/schedule and CalendarSpec in temporal/api/schedule/v1/message.proto
 */

const SHORTHANDS = [
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
] as const;

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names: readonly string[];
  /** What the first of the names stands for. */
  readonly firstName: number;
}

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59, names: [], firstName: 0 },
  { name: 'hour', least: 0, most: 23, names: [], firstName: 0 },
  { name: 'day of the month', least: 1, most: 31, names: [], firstName: 0 },
  { name: 'month', least: 1, most: 12, names: MONTHS, firstName: 1 },
  { name: 'day of the week', least: 0, most: 7, names: DAYS, firstName: 0 },
];

/** Most days that a month has, in any year. */
const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export interface CronProblem {
  readonly severity: 'error' | 'warning';
  /** A sentence. */
  readonly message: string;
}

/** @returns what is wrong with the expression, in plain words; undefined if nothing is */
export function cronProblem(text: string): CronProblem | undefined {
  const trimmed = text.trim();
  if (trimmed.startsWith('@')) {
    if (SHORTHANDS.some((known) => known === trimmed)) return undefined;
    return error(
      trimmed.startsWith('@every')
        ? 'For an interval, use `every` instead of `cron`, such as "15m".'
        : `"${trimmed}" is not known. Use ${SHORTHANDS.join(', ')}, or five fields such as "0 9 * * 1-5".`,
    );
  }
  const fields = trimmed.split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return error(
      `It has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, but needs five: minute, hour, day of the month, month, day of the week, such as "0 9 * * 1-5". Seconds and years can’t be given.`,
    );
  }
  const values: ReadonlySet<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const read = readField(fields[index] ?? '', field);
    if (typeof read === 'string') return error(read);
    values.push(read);
  }
  const [, , days, months, weekdays] = values;
  if (days === undefined || months === undefined || weekdays === undefined) return undefined;
  const exists = [...months].some((month) => Math.min(...days) <= (LONGEST_MONTHS[month - 1] ?? 0));
  if (!exists) return error('No month that it names has such a day, so it would never fire.');
  if (days.size < 31 && weekdays.size < 7) {
    return {
      severity: 'warning',
      message:
        'It names days of the month and days of the week, and fires only on days that are both. Put * in one of the two fields, or use two schedules, if you mean either.',
    };
  }
  return undefined;
}

function error(message: string): CronProblem {
  return { severity: 'error', message };
}

/** @returns the values that the field names, or a sentence */
function readField(text: string, field: Field): ReadonlySet<number> | string {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|[^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(part);
    const [, from, to, step] = match ?? [];
    if (from === undefined || (from === '*' && to !== undefined)) return unreadable(part, field);
    const first = from === '*' ? field.least : readValue(from, field);
    // With a step and no end, a number means "from here on".
    const openEnd = from === '*' || (to === undefined && step !== undefined);
    const last = openEnd ? field.most : to === undefined ? first : readValue(to, field);
    const by = step === undefined ? 1 : Number(step);
    if (first === undefined || last === undefined || by < 1) return unreadable(part, field);
    if (last < first) {
      return `"${part}" in its ${field.name} runs backwards. Write the smaller value first.`;
    }
    // Sunday is 0 and 7.
    const isWeekday = field.most === 7;
    const end = openEnd && isWeekday ? 6 : last;
    for (let value = first; value <= end; value += by) values.add(isWeekday ? value % 7 : value);
  }
  return values;
}

function readValue(text: string, field: Field): number | undefined {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text);
    return value >= field.least && value <= field.most ? value : undefined;
  }
  const index = field.names.indexOf(text.toLowerCase());
  return index < 0 ? undefined : index + field.firstName;
}

function unreadable(part: string, field: Field): string {
  const names =
    field.names.length === 0 ? '' : ` or a name (${field.names[0]}, ${field.names[1]}, …)`;
  return `"${part}" is not a ${field.name}: use a number from ${field.least} to ${field.most}${names}, a range such as 1-5, a list such as 1,3, or a step such as */2.`;
}
