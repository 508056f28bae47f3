import { spawnSync } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { Liquid } from 'liquidjs';
import { FILTER_NAMES } from './expression-engine.ts';
import { ExpressionError, renderValue } from './expressions.ts';
import type { Json } from './json.ts';

const vars = {
  name: 'نور الهدى',
  text: 'Hello',
  at: '2026-03-01T23:30:15.250+04:00',
  local: '2026-03-01 09:00',
  phone: '050 123-4567',
  list: [3, 1, 2, 1],
  rows: [
    { city: 'دبي', score: 5 },
    { city: 'Cairo', score: 7 },
    { city: 'دبي', score: 1 },
  ],
  object: { a: 1, b: { c: 2 }, secret: 'x' },
  nested: [1, [2, [3, [4]]]],
  jsonText: '{"a": [1, null], "__proto__": {"x": 1}}',
  long: 'x'.repeat(500_000),
};

const value = (expression: string): Json => renderValue(`{{ ${expression} }}`, { vars });

function failure(expression: string): string {
  try {
    value(expression);
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
  throw new Error(`${expression} has a value.`);
}

describe('hashes and encodings', () => {
  test.each<[string, Json]>([
    ['"" | sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['vars.text | md5', '8b1a9953c4611296a827abf8c47804d7'],
    ['vars.text | sha1', 'f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0'],
    ['5 | md5', createHash('md5').update('5').digest('hex')],
    ['vars.name | base64_encode | base64_decode', vars.name],
    ['"a?>" | base64_encode: "url"', 'YT8-'],
    ['"YT8-" | base64_decode', 'a?>'],
    ['"/w==" | base64_encode | base64_decode', '/w=='],
    ['vars.name | hex_encode | hex_decode', vars.name],
    // RFC 9562, appendix A.4
    ['"www.example.com" | uuid_v5: "dns"', '2ed6657d-e927-568b-95e1-2665a8aea6a2'],
    [
      '"www.example.com" | uuid_v5: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"',
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    ],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });

  test.each(['sha256', 'sha512', 'sha1', 'md5'])('%s agrees with Node', (name) => {
    for (const size of [0, 1, 55, 56, 63, 64, 65, 1_000]) {
      const text = randomBytes(size).toString('latin1');
      for (const encoding of ['hex', 'base64'] as const) {
        const own = renderValue(`{{ vars.text | ${name}: "${encoding}" }}`, { vars: { text } });
        expect(own).toBe(createHash(name).update(text).digest(encoding));
      }
    }
  });

  test.each(['sha256', 'sha1'])('hmac_%s agrees with Node', (name) => {
    const expected = createHmac(name, 'ключ').update(vars.name).digest('base64');
    expect(value(`vars.name | hmac_${name}: "ключ", "base64"`)).toBe(expected);
  });

  test('Base64 agrees with Node', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = renderValue('{{ vars.text | base64_encode }}', { vars: { text } });
        expect(encoded).toBe(Buffer.from(text).toString('base64'));
        expect(renderValue('{{ vars.e | base64_decode }}', { vars: { e: encoded } })).toBe(text);
      }),
    );
  });

  test.each([
    ['vars.object | sha256', 'sha256 needs a text, and was given an object (| json makes one'],
    ['vars.list | md5', 'was given a list'],
    ['nil | sha1', 'was given nothing'],
    ['vars.text | sha256: "base32"', 'sha256 knows "hex", "base64", not "base32"'],
    ['vars.text | hmac_sha256', 'hmac_sha256 needs a key'],
    ['"a" | base64_decode', 'no Base64'],
    ['"äöü" | base64_decode', 'no Base64'],
    ['"/w==" | base64_decode', 'no UTF-8'],
    ['"abc" | hex_decode', 'no hex'],
    ['vars.text | uuid_v5: "mine"', 'a UUID or one of "dns"'],
  ])('%s fails: %s', (expression, words) => {
    expect(failure(expression)).toContain(words);
  });
});

describe('times', () => {
  test.each<[string, Json]>([
    ['vars.at | iso', '2026-03-01T19:30:15.250Z'],
    ['vars.at | iso: "Asia/Dubai"', '2026-03-01T23:30:15.250+04:00'],
    ['vars.local | iso: "America/New_York"', '2026-03-01T09:00:00.000-05:00'],
    ['vars.at | timestamp', 1_772_393_415],
    ['vars.at | timestamp: "ms"', 1_772_393_415_250],
    ['1772393415 | iso', '2026-03-01T19:30:15.000Z'],
    ['"1772393415250" | iso', '2026-03-01T19:30:15.250Z'],
    ['"Sun, 01 Mar 2026 23:30:15 +0400" | iso', '2026-03-01T19:30:15.000Z'],
    ['"March 1, 2026 10:00" | iso', '2026-03-01T10:00:00.000Z'],
    ['vars.local | date_add: "90m"', '2026-03-01T10:30:00.000Z'],
    ['vars.local | date_add: "2 days"', '2026-03-03T09:00:00.000Z'],
    ['"2026-01-31" | date_add: "1mo"', '2026-02-28T00:00:00.000Z'],
    ['"2024-02-29" | date_add: "1y"', '2025-02-28T00:00:00.000Z'],
    ['"2026-03-31" | date_subtract: "1mo"', '2026-02-28T00:00:00.000Z'],
    // Clocks go forward in Berlin in the night to 29 March: the day has 23 hours.
    ['"2026-03-28 09:00" | date_add: "1d", "Europe/Berlin"', '2026-03-29T07:00:00.000Z'],
    ['"2026-03-28 09:00" | date_add: "24h", "Europe/Berlin"', '2026-03-29T08:00:00.000Z'],
    ['"2026-03-01" | date_diff: "2026-02-01"', 28],
    ['"2026-02-01" | date_diff: "2026-03-01"', -28],
    ['"2026-03-01 12:00" | date_diff: "2026-03-01 11:01", "hours"', 0],
    ['"2026-03-01 12:00" | date_diff: "2026-03-01 11:01", "m"', 59],
    ['"2026-03-30" | date_diff: "2026-03-29", "days", "Europe/Berlin"', 1],
    ['"2026-03-30" | date_diff: "2026-03-29", "h", "Europe/Berlin"', 23],
    ['"2026-03-01" | date_diff: "1990-03-02", "years"', 35],
    ['"2026-03-02" | date_diff: "1990-03-02", "years"', 36],
    ['"1990-03-02" | date_diff: "2026-03-01", "years"', -35],
    ['"2026-02-28" | date_diff: "2026-01-31", "months"', 1],
    ['vars.at | start_of: "day", "Asia/Dubai"', '2026-02-28T20:00:00.000Z'],
    ['vars.at | start_of: "hour"', '2026-03-01T19:00:00.000Z'],
    ['vars.at | start_of: "hour", "Asia/Kolkata"', '2026-03-01T19:30:00.000Z'],
    ['vars.at | start_of: "week"', '2026-02-23T00:00:00.000Z'],
    ['vars.at | start_of: "week", "UTC", "sunday"', '2026-03-01T00:00:00.000Z'],
    ['vars.at | start_of: "month"', '2026-03-01T00:00:00.000Z'],
    ['vars.at | start_of: "year", "Asia/Dubai"', '2025-12-31T20:00:00.000Z'],
    ['vars.at | end_of: "month"', '2026-03-31T23:59:59.999Z'],
    ['"2026-03-29" | end_of: "day", "Europe/Berlin"', '2026-03-29T21:59:59.999Z'],
    ['vars.at | date_part: "hour", "Asia/Dubai"', 23],
    ['vars.at | date_part: "weekday"', 7],
    ['"2027-01-01" | date_part: "week"', 53],
    ['vars.at | date_part: "quarter"', 1],
    ['"01/03/2026 2:05 PM" | parse_date: "%d/%m/%Y %I:%M %p"', '2026-03-01T14:05:00.000Z'],
    ['"٠١/٠٣/٢٠٢٦ ٠٢:٠٥ م" | parse_date: "%d/%m/%Y %I:%M %p"', '2026-03-01T14:05:00.000Z'],
    ['"1.3.26" | parse_date: "%d.%m.%y", "Asia/Dubai"', '2026-02-28T20:00:00.000Z'],
    ['vars.at | date: "%Y-%m-%d %H:%M", "Asia/Dubai"', '2026-03-01 23:30'],
    ['vars.at | date: "%Y-%m-%d %H:%M", -240', '2026-03-01 23:30'],
    ['vars.local | date: "%H:%M"', '09:00'],
    ['"soon" | date: "%Y"', 'soon'],
    ['vars.at | format_date: "%A %-d %B %Y", "Asia/Dubai", "ar-AE"', 'الأحد 1 مارس 2026'],
    ['vars.at | format_date: "%-d %B %Y", "Asia/Dubai", "ar-EG"', '١ مارس ٢٠٢٦'],
    ['vars.at | format_date: "long date", "Asia/Dubai", "ar-AE"', '1 مارس 2026'],
    ['vars.at | format_date: "long date", "Asia/Dubai", "de"', '1. März 2026'],
    ['vars.at | format_date: "short time", "Asia/Dubai", "de"', '23:30'],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });

  test.each([
    ['"soon" | iso', 'iso was given what is no time'],
    ['vars.object | timestamp', 'no time'],
    ['vars.at | iso: "Dubai"', '"Dubai" is not a time zone'],
    ['vars.at | date: "%H", "Dubai"', '"Dubai" is not a time zone'],
    ['vars.at | date_add: "soon"', '"soon" is no length of time'],
    ['vars.at | date_add: "1.5d"', 'a whole number of days'],
    ['vars.at | date_add: "3 fortnights"', '"fortnights" is no unit of time'],
    ['vars.at | date_add: "9000y"', 'the years 1 to 9999'],
    ['vars.at | start_of: "century"', '"century" is no unit of time'],
    ['vars.at | start_of: "week", "UTC", "friday"', '"monday", "sunday", "saturday"'],
    ['vars.at | date_part: "minutes"', 'date_part knows'],
    ['vars.at | format_date: "big"', 'format_date knows "medium"'],
    ['vars.at | format_date: "long", "UTC", "arabic!"', 'doesn’t know the language'],
    ['"1/2" | parse_date: "%d/%m/%Y"', 'no time of the form "%d/%m/%Y"'],
    ['"31/02/2026" | parse_date: "%d/%m/%Y"', 'no time of the form'],
    ['"1/2" | parse_date: "%d/%m"', 'must have a year, a month and a day'],
    ['"1 Mar" | parse_date: "%d %b"', 'parse_date reads'],
  ])('%s fails: %s', (expression, words) => {
    expect(failure(expression)).toContain(words);
  });

  test('"now" is Date.now, which a workflow replaces', () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2031, 4, 6, 7, 8, 9));
    try {
      expect(value('"now" | iso')).toBe('2031-05-06T07:08:09.000Z');
      expect(value('"now" | date: "%Y-%m-%d %T"')).toBe('2031-05-06 07:08:09');
      expect(value('"today" | date_part: "year"')).toBe(2031);
    } finally {
      clock.mockRestore();
    }
  });

  test('date prints what LiquidJS prints, far from where a machine’s clock may change', () => {
    const liquid = new Liquid({ timezoneOffset: 0, locale: 'en-US' });
    const numbers = [...'deHIjklLmMsSuwyY'].flatMap((letter) =>
      ['', '-', '_', '0', '5'].map((flag) => `%${flag}${letter}`),
    );
    const words = [...'aAbBhpP'].flatMap((letter) => ['', '^'].map((flag) => `%${flag}${letter}`));
    const directives = [...numbers, ...words, '%q', '%%', '%z', '%!', '100%'];
    const quietDays = fc
      .record({
        year: fc.integer({ min: 1975, max: 2060 }),
        month: fc.constantFrom(0, 6),
        second: fc.integer({ min: 5 * 86_400, max: 20 * 86_400 }),
      })
      .map(({ year, month, second }) => Date.UTC(year, month) / 1000 + second);
    fc.assert(
      fc.property(quietDays, fc.constantFrom(...directives), (at, format) => {
        const theirs = liquid.parseAndRenderSync('{{ at | date: format }}', { at, format });
        const ours = renderValue('{{ vars.at | date: vars.format }}', { vars: { at, format } });
        expect([format, ours]).toEqual([format, theirs]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('the machine’s time zone never matters', () => {
    const expressions = [
      '"2026-03-08 02:30" | date: "%F %T %z"',
      '"2026-03-08T06:30:00Z" | date: "%F %T"',
      '"March 8, 2026 02:30" | iso',
      '"2026-11-01 05:30" | date: "%c", "Asia/Dubai"',
      '"2026-03-08 02:30" | date_to_rfc822',
      '"2026-03-08" | format_date: "full"',
    ];
    const module = JSON.stringify(new URL('./expressions.ts', import.meta.url).href);
    const script = `const { renderValue } = await import(${module});
      process.stdout.write(JSON.stringify(${JSON.stringify(expressions)}.map(
        (text) => renderValue('{{ ' + text + ' }}', {}))))`;
    const printed = ['UTC', 'America/New_York', 'Asia/Kolkata'].map((TZ) => {
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['--no-warnings', '--input-type=module', '-e', script],
        { env: { TZ }, encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      return stdout;
    });
    expect(printed[0]).toContain('2026-03-08 02:30:00 +0000');
    expect(new Set(printed).size).toBe(1);
  }, 60_000);
});

describe('JSON, objects and lists', () => {
  test.each<[string, Json]>([
    ['vars.object | json', '{"a":1,"b":{"c":2},"secret":"x"}'],
    ['vars.list | to_json: 1', '[\n 3,\n 1,\n 2,\n 1\n]'],
    ['vars.object | json | parse_json', vars.object],
    ['vars.object | keys', ['a', 'b', 'secret']],
    ['vars.object | values', [1, { c: 2 }, 'x']],
    ['vars.object | pick: "a", "none"', { a: 1 }],
    ['vars.object | omit: "secret", "b"', { a: 1 }],
    ['vars.object | merge: vars.rows[0] | keys', ['a', 'b', 'secret', 'city', 'score']],
    ['vars.nested | flatten', [1, 2, 3, 4]],
    ['vars.nested | flatten: 1', [1, 2, [3, [4]]]],
    ['vars.list | chunk: 3', [[3, 1, 2], [1]]],
    ['vars.list | min', 1],
    ['vars.rows | max: "score"', 7],
    ['vars.list | average', 1.75],
    ['vars.rows | pluck: "city" | unique', ['دبي', 'Cairo']],
    ['vars.rows | where: "city", "دبي" | size', 2],
    ['vars.rows | where_exp: "row", "row.score > 4" | map: "score"', [5, 7]],
    ['vars.rows | group_by: "city" | map: "name"', ['دبي', 'Cairo']],
    ['vars.rows | sort: "score" | map: "score"', [1, 5, 7]],
    ['vars.rows | sum: "score"', 13],
    ['vars.rows | find: "city", "Cairo"', { city: 'Cairo', score: 7 }],
    ['vars.list | first', 3],
    ['vars.list | sort | reverse | join: "-"', '3-2-1-1'],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });

  test('what was parsed has no other prototype than its own', () => {
    const parsed = value('vars.jsonText | parse_json');
    expect(JSON.stringify(parsed)).toBe('{"a":[1,null],"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });

  test.each([
    ['"{secret: 1}" | parse_json', 'parse_json was given a text that is no JSON'],
    ['vars.list | keys', 'keys needs an object'],
    ['vars.list | chunk: 0', 'a size of at least 1'],
    ['vars.rows | max: "city"', 'max needs a number'],
    ['vars.none | default: nil | average', 'at least one item'],
  ])('%s fails: %s', (expression, words) => {
    const message = failure(expression);
    expect(message).toContain(words);
    expect(message.replace(/The expression .* can’t/, '')).not.toContain('secret');
  });
});

describe('text and numbers', () => {
  test.each<[string, Json]>([
    ['"  x " | trim', 'x'],
    ['vars.text | upper', 'HELLO'],
    ['vars.name | slugify', 'نور-الهدى'],
    ['vars.phone | phone: "971"', '+971501234567'],
    ['"+971 50 123 4567" | phone: "20"', '+971501234567'],
    ['"00971501234567" | phone', '+971501234567'],
    ['"971501234567" | phone: "+971"', '+971501234567'],
    ['"٠٥٠١٢٣٤٥٦٧" | phone: "971"', '+971501234567'],
    ['"06 1234 5678" | phone: "39"', '+390612345678'],
    ['"٣٫٥ ١٢" | latin_digits', '3٫5 12'],
    ['7 | pad_start: 3, "0"', '007'],
    ['"ab" | pad_end: 4, "."', 'ab..'],
    ['"٤٢" | to_number', 42],
    ['5 | to_text', '5'],
    ['1234567.5 | format_number', '1,234,567.5'],
    ['1234567.5 | format_number: "de", 2', '1.234.567,50'],
    ['1234.5 | format_money: "USD"', '$1,234.50'],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });

  test.each([
    ['vars.phone | phone', 'needs the country'],
    ['"call me" | phone: "971"', 'no phone number'],
    ['"12" | phone: "971"', '8 to 15 digits'],
    ['vars.text | to_number', 'to_number needs a number'],
    ['"" | to_number', 'needs a number'],
    ['5 | format_money', 'needs a currency'],
    ['5 | pad_start: 100000', '1000 characters at most'],
  ])('%s fails: %s', (expression, words) => {
    expect(failure(expression)).toContain(words);
  });
});

describe('filters there aren’t', () => {
  test.each([
    ['upcas', 'upcase'],
    ['sha265', 'sha256'],
    ['Upcase', 'upcase'],
    ['format_dat', 'format_date'],
    ['base64', 'base64_decode'],
  ])('%s: did you mean %s?', (name, meant) => {
    expect(failure(`vars.text | ${name}`)).toMatch(
      new RegExp(`there is no filter "${name}"; did you mean "${meant}"\\?$`),
    );
  });

  test('nothing is suggested where nothing is near', () => {
    expect(failure('vars.text | translate_to_french')).toMatch(
      /there is no filter "translate_to_french"\.$/,
    );
  });
});

describe('limits hold in filters', () => {
  const many = (filter: string): string =>
    `{% for i in (1..50000) %}{{ vars.text | ${filter} }}{% endfor %}`;
  const scope = { vars: { ...vars, text: 'x'.repeat(1_000), big: vars.rows } };

  test.each([
    '{% for i in (1..10) %}{{ vars.long | sha256 }}{% endfor %}',
    '{% for i in (1..10) %}{{ vars.long | base64_encode | base64_decode }}{% endfor %}',
    many('md5'),
    many('hmac_sha256: "k"'),
    many('hex_encode'),
    many('json'),
    many('latin_digits'),
    many('trim'),
    '{% for i in (1..50000) %}{{ vars.big | json | parse_json | json }}{% endfor %}',
    '{% for i in (1..50000) %}{{ i | pad_start: 1000 }}{% endfor %}',
    '{% for i in (1..90000) %}{{ i | date: "%500Y" }}{% endfor %}',
    '{% for i in (1..45000) %}{{ i | end_of: "week", "Europe/Berlin" }}{% endfor %}',
    '{% for i in (1..45000) %}{{ i | format_date: "%A %B %p", "Asia/Dubai", "ar-EG" }}{% endfor %}',
    '{% for i in (1..45000) %}{{ i | format_money: "AED", "ar-AE" }}{% endfor %}',
    '{% assign a = vars.big %}{% for i in (1..30) %}{% assign a = a | concat: a | flatten %}{% endfor %}',
  ])('%s', (text) => {
    const started = performance.now();
    expect(() => renderValue(text, scope)).toThrow(/works on more than 2000000 characters|steps/);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('what many strings of a config do together is limited too', () => {
    const heavy = '{% for i in (1..15000) %}{{ vars.text | upper | size }}{% endfor %}';
    const config = Array.from({ length: 50 }, () => ({ text: '{{ vars.long | sha256 }}', heavy }));
    expect(() => renderValue(config.slice(0, 1), { vars: { ...vars, text: 'x' } })).not.toThrow();
    expect(() => renderValue(config, { vars: { ...vars, text: 'x' } })).toThrow(
      'the expressions of this node do too much work together',
    );
  });
});

test('every filter is in the documentation', () => {
  const page = readFileSync(new URL('../../docs/expressions.md', import.meta.url), 'utf8');
  // Documented by LiquidJS: https://liquidjs.com/filters/overview.html
  const theirs = new Set(Object.keys(new Liquid().filters));
  const ours = FILTER_NAMES.filter((name) => !theirs.has(name));
  expect(ours.filter((name) => !new RegExp(`(?:\`|\\| )${name}\\b`).test(page))).toEqual([]);
});

test('a parsed text is kept, and what it yields does not depend on that', () => {
  const texts = Array.from({ length: 5_000 }, (_, index) => `${index % 2_500}: {{ vars.at }}`);
  for (const [index, text] of texts.entries()) {
    expect(renderValue(text, { vars: { at: index } })).toBe(`${index % 2_500}: ${index}`);
  }
});
