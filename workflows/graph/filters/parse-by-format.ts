import { parseTime } from '../local-time.ts';
import { latinDigits } from './filter-support.ts';

/** What a directive reads; `p` is AM or PM, also in Arabic. */
const DIRECTIVES: Readonly<Record<string, string>> = {
  Y: '\\d{4}',
  y: '\\d{2}',
  m: '\\d{1,2}',
  d: '\\d{1,2}',
  e: '\\d{1,2}',
  H: '\\d{1,2}',
  I: '\\d{1,2}',
  l: '\\d{1,2}',
  M: '\\d{1,2}',
  S: '\\d{1,2}',
  p: '[AaPp]\\.?[Mm]\\.?|ص|م',
};
const COMPOSED: Readonly<Record<string, string>> = {
  F: '%Y-%m-%d',
  R: '%H:%M',
  T: '%H:%M:%S',
  D: '%m/%d/%y',
};
/** Two-digit years from here on are of the last century, as POSIX has it. */
const CENTURY_TURN = 69;

/**
 * Reads a time by a format such as "%d/%m/%Y %H:%M".
 * @param zone the IANA zone in which it is meant
 * @returns milliseconds since the epoch
 * @throws Error if the text isn't of that form, or is no time
 */
export function parseByFormat(text: string, format: string, zone: string): number {
  const names: string[] = [];
  const pattern = format
    .replace(/%[-_]?([FRTD])/g, (whole, letter: string) => COMPOSED[letter] ?? whole)
    .replace(/%[-_]?([a-zA-Z%])|\s+|[^\s%]/g, (piece, letter: string | undefined) => {
      if (letter === '%') return '%';
      if (letter === undefined) return /^\s/.test(piece) ? '\\s+' : escaped(piece);
      const reads = DIRECTIVES[letter];
      if (reads === undefined) {
        throw new Error(
          `parse_date reads %Y %y %m %d %H %I %M %S %p %F %T %R %D, not ${JSON.stringify(piece)}`,
        );
      }
      names.push(letter === 'e' ? 'd' : letter === 'l' ? 'I' : letter);
      return `(${reads})`;
    });
  const match = new RegExp(`^${pattern}$`, 'u').exec(latinDigits(text).trim());
  if (match === null) throw unreadable(format);
  const parts = new Map(names.map((name, index) => [name, match[index + 1] ?? '']));
  const number = (name: string): number | undefined => {
    const part = parts.get(name);
    return part === undefined ? undefined : Number(part);
  };
  const short = number('y');
  const year =
    number('Y') ?? (short === undefined ? undefined : short + (short < CENTURY_TURN ? 2000 : 1900));
  if (year === undefined || !parts.has('m') || !parts.has('d')) {
    throw new Error(`the format ${JSON.stringify(format)} must have a year, a month and a day`);
  }
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [String(year).padStart(4, '0'), two(number('m') ?? 1), two(number('d') ?? 1)];
  const time = [
    hourOf(number('H'), number('I'), parts.get('p')),
    number('M') ?? 0,
    number('S') ?? 0,
  ];
  try {
    return parseTime(`${date.join('-')}T${time.map(two).join(':')}`, zone);
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('time zone')) throw error;
    throw unreadable(format);
  }
}

function hourOf(
  hour: number | undefined,
  half: number | undefined,
  period: string | undefined,
): number {
  if (half === undefined) return hour ?? 0;
  return (half % 12) + (/^[Ppم]/.test(period ?? '') ? 12 : 0);
}

function escaped(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}

function unreadable(format: string): Error {
  return new Error(`parse_date was given what is no time of the form ${JSON.stringify(format)}`);
}
