/** Times that people write: with an offset, or as a local time of an IANA zone. */

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?$/;
const ABSOLUTE = /(?:Z|[+-]\d{2}:?\d{2})$/i;

/**
 * @param text ISO 8601, with an offset or Z, or without: then a local time of `timezone`
 * @param timezone IANA name; UTC where absent
 * @returns milliseconds since the epoch. A local time that the zone skips (clocks go forward) is
 *   read as if they had not; one that happens twice is the first of the two.
 * @throws RangeError if the text or the zone can't be read
 */
export function parseTime(text: string, timezone = 'UTC'): number {
  const trimmed = text.trim();
  if (ABSOLUTE.test(trimmed)) {
    const at = Date.parse(trimmed);
    if (Number.isNaN(at)) throw unreadable(text);
    return at;
  }
  const match = LOCAL.exec(trimmed);
  if (match === null) throw unreadable(text);
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  const asUtc = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  // A month 13 or a minute 60 would roll over into another time.
  const [date, time] = [match.slice(1, 4).join('-'), match.slice(4, 7)];
  const asRead = `${date}T${time.map((part) => part ?? '00').join(':')}`;
  if (Number.isNaN(asUtc) || !new Date(asUtc).toISOString().startsWith(asRead)) {
    throw unreadable(text);
  }
  // The offset before the time and the one after: where they differ, the clocks change nearby.
  const before = offsetAt(asUtc - 86_400_000, timezone);
  const after = offsetAt(asUtc + 86_400_000, timezone);
  const first = asUtc - before;
  if (before === after || offsetAt(first, timezone) === before) return first;
  const second_ = asUtc - after;
  return offsetAt(second_, timezone) === after ? second_ : first;
}

/**
 * How far the zone's clocks are ahead of UTC at that moment, in milliseconds.
 * @throws RangeError if the zone is unknown
 */
export function offsetAt(at: number, timezone: string): number {
  if (timezone === 'UTC') return 0;
  const parts = clockOf(timezone).formatToParts(at);
  const value = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value ?? 0);
  const local = Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  );
  return local - Math.floor(at / 1000) * 1000;
}

/** Making one takes far longer than using it. There are a few hundred zones, each with few spellings. */
const clocks = new Map<string, Intl.DateTimeFormat>();
const MAX_CLOCKS = 1_000;

function clockOf(timezone: string): Intl.DateTimeFormat {
  const known = clocks.get(timezone);
  if (known !== undefined) return known;
  let clock: Intl.DateTimeFormat;
  try {
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new RangeError(
      `"${timezone}" is not a time zone. Use a name such as "Asia/Dubai" or "UTC".`,
    );
  }
  if (clocks.size >= MAX_CLOCKS) clocks.clear();
  clocks.set(timezone, clock);
  return clock;
}

function unreadable(text: string): RangeError {
  return new RangeError(
    `"${text}" is not a time such as "2026-03-29T09:00" or "2026-03-29T09:00:00Z".`,
  );
}
