import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findsPattern, PatternError } from './pattern.ts';

/** Patterns out of everything that is supported, over an alphabet so small that texts often match. */
const patterns: fc.Arbitrary<string> = fc.letrec<{ alternatives: string }>((tie) => ({
  alternatives: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '\\w', '[ab]', '[^a]', '\\b', '\\B', '^', '$', '', 'ن'),
    fc.tuple(tie('alternatives'), tie('alternatives')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('alternatives'), tie('alternatives')).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie('alternatives'), fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}', '*?'))
      .map(([a, quantifier]) => `(?:${a})${quantifier}`),
  ),
})).alternatives;

describe('findsPattern', () => {
  test('finds what JavaScript’s own engine finds', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'ن'), maxLength: 6 });
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        expect(findsPattern(pattern, text)).toBe(new RegExp(pattern, 'u').test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['^\\+?\\d{8,15}$', '+971501234567', true],
    ['^\\+?\\d{8,15}$', '+97150', false],
    ['^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$', 'nour@example.com', true],
    ['^\\p{Script=Arabic}+$', 'نور', true],
    ['^\\p{Script=Arabic}+$', 'Nour', false],
    ['^\\P{L}+$', '123', true],
    ['(?<year>\\d{4})-(?<month>\\d\\d)', 'am 2026-03-01', true],
    ['^.$', '😀', true],
    ['^.$', '\n', false],
    ['^\\u0061\\x62\\u{1F600}[\\]\\-^]\\/\\.$', 'ab😀]/.', true],
    ['\\bVIP\\b', 'a VIP lead', true],
    ['\\bVIP\\b', 'VIPs', false],
    ['', '', true],
  ])('%s in %j: %s', (pattern, text, expected) => {
    expect(findsPattern(pattern, text)).toBe(expected);
  });

  test.each(['(a|aa)+$', '((a+))+$', '^(a|a)*$', 'a*a*a*a*a*b', '(.*)*$b', '(x+x+)+y'])(
    '%s takes no longer for a text that almost matches',
    (pattern) => {
      const started = performance.now();
      expect(findsPattern(pattern, `${'a'.repeat(2_000)}!`)).toBe(false);
      expect(findsPattern(pattern, `${'x'.repeat(2_000)}!`)).toBe(false);
      expect(performance.now() - started).toBeLessThan(2_000);
    },
  );

  test.each([
    ['(', 'is not a valid'],
    ['a{2,1}', 'is not a valid'],
    ['[b-a]', 'is not a valid'],
    ['(?=a)b', 'looks ahead'],
    ['(?<!a)b', 'looks ahead'],
    ['(a)\\1', 'looks ahead'],
    ['(?<x>a)\\k<x>', 'looks ahead'],
    ['((a{30}){30}){30}', 'repeats too many'],
    ['(){1000000000}', 'repeats too many'],
    ['(?:(){0,999999999})*', 'repeats too many'],
  ])('refuses %s', (pattern, reason) => {
    expect(() => findsPattern(pattern, 'a')).toThrow(PatternError);
    expect(() => findsPattern(pattern, 'a')).toThrow(reason);
  });
});
