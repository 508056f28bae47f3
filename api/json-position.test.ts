import { expect, test } from '@jest/globals';
import { findJsonError } from './json-position.ts';

test('finds nothing in JSON', () => {
  for (const text of [
    'null',
    ' {"a": [1, -2.5e3, "x\\u00e9\\n", {}, []], "b": true} ',
    '"\u2028"',
    JSON.stringify({ deep: [[[[{ a: 'مرحباً' }]]]] }),
  ]) {
    expect(findJsonError(text)).toBeUndefined();
  }
});

test.each([
  ['', 0],
  ['{', 1],
  ['{"a": 1,}', 8],
  ['{"a" 1}', 5],
  ['[1, 2', 5],
  ['[1,]', 3],
  ['{"a": abc}', 6],
  ['01', 1],
  ['"a\nb"', 2],
  ['"a\\x"', 2],
  ['"abc', 4],
  ['{} {}', 3],
  ['{"a":1]', 6],
])('finds where %j breaks', (text, position) => {
  expect(findJsonError(text)?.position).toBe(position);
});

test('agrees with the engine on texts with one character taken out', () => {
  const text = '{"a": [1, 2.5, "x\\n", null], "b": {"c": true}}';
  for (let at = 0; at < text.length; at += 1) {
    const broken = text.slice(0, at) + text.slice(at + 1);
    let isJson = true;
    try {
      JSON.parse(broken);
    } catch {
      isJson = false;
    }
    expect([broken, findJsonError(broken) === undefined]).toEqual([broken, isJson]);
  }
});

test('counts lines and columns from 1', () => {
  expect(findJsonError('{\n  "a": x')).toEqual({ position: 9, line: 2, column: 8 });
});

test('takes a deep text without running out of stack', () => {
  expect(findJsonError('['.repeat(1_000_000))?.position).toBe(1_000_000);
});
