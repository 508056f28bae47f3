import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { durationSchema, durationToMs } from './duration.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1w', 604_800_000],
    ['1.5s', 1_500],
    ['0.4ms', 0],
    ['0s', 0],
    ['3650d', 315_360_000_000],
  ])('%s is %d ms', (text, ms) => {
    expect(durationSchema.parse(text)).toBe(text);
    expect(durationToMs(text)).toBe(ms);
  });

  test.each([
    '',
    '5',
    's',
    '5 s',
    '-5s',
    '5S',
    '5sec',
    '1h30m',
    ' 5s',
    '5s\n',
    '1e3s',
    '.5s',
    '٥s',
  ])('%j is none', (text) => {
    expect(durationSchema.safeParse(text).success).toBe(false);
    expect(() => durationToMs(text)).toThrow(RangeError);
  });

  test.each(['3651d', '522w', `${'9'.repeat(400)}d`])('%s is refused as too long', (text) => {
    expect(durationSchema.safeParse(text).error?.issues).toMatchObject([
      { message: 'must be 3650d at most' },
    ]);
  });

  test('what the schema accepts is always a whole number of milliseconds', () => {
    const texts = fc
      .tuple(
        fc.stringMatching(/^\d{1,9}(\.\d{1,4})?$/),
        fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w'),
      )
      .map((parts) => parts.join(''))
      .filter((text) => durationSchema.safeParse(text).success);
    fc.assert(
      fc.property(texts, (text) => {
        expect(Number.isSafeInteger(durationToMs(text))).toBe(true);
      }),
    );
  });
});
