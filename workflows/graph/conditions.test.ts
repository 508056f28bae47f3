import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CONDITION_OPERATORS,
  ConditionError,
  type ConditionOperator,
  evaluateCondition,
} from './conditions.ts';
import type { Json } from './json.ts';

function holds(left: Json, operator: ConditionOperator, right: Json = null): boolean {
  return evaluateCondition({ left, operator, right });
}

describe('each operator', () => {
  test.each<[Json, ConditionOperator, Json, boolean]>([
    ['a', 'eq', 'a', true],
    ['a', 'eq', 'A', false],
    ['نور', 'eq', 'نور', true],
    [5, 'eq', '5', true],
    [5, 'eq', ' 5.0 ', true],
    [5, 'eq', '5 apples', false],
    [0, 'eq', '', false],
    [0, 'eq', null, false],
    [0, 'eq', -0, true],
    ['5', 'eq', '5.0', false],
    [true, 'eq', 'true', true],
    [true, 'eq', 1, false],
    [false, 'eq', null, false],
    [null, 'eq', null, true],
    [null, 'eq', '', false],
    [{ a: 1, b: { c: 2, d: 3 } }, 'eq', { b: { d: 3, c: 2 }, a: 1 }, true],
    [[1, 2], 'eq', [2, 1], false],
    [[], 'eq', {}, false],
    [5, 'ne', '5', false],
    [null, 'ne', 'x', true],

    [80, 'gt', 50, true],
    ['80', 'gt', 9, true],
    ['80', 'gt', '9', true],
    ['1e3', 'gt', 999, true],
    [5, 'gt', 5, false],
    [5, 'gte', 5, true],
    ['1e999', 'gte', '1e999', true],
    ['1e999', 'lte', '1e999', true],
    [-1, 'lt', '-0.5', true],
    [5, 'lte', 5, true],
    ['b', 'gt', 'a', true],
    ['ب', 'gt', 'ا', true],
    ['2026-03-01', 'lt', '2026-03-01T00:00:01Z', true],
    ['2026-03-01T12:00:00+04:00', 'lt', '2026-03-01T09:00:00Z', true],
    ['2026-03-01T10:00', 'gte', '2026-03-01T10:00:00.000Z', true],
    ['2026-03-01T10:00', 'lte', '2026-03-01T10:00:00.000Z', true],
    ['2026-99-99', 'gt', '2026-03-01', true],

    ['نور الهدى', 'contains', 'نور', true],
    ['abc', 'contains', '', true],
    ['a5', 'contains', 5, true],
    [['gold', 7], 'contains', '7', true],
    [['gold'], 'contains', 'gol', false],
    [[{ id: 1 }], 'contains', { id: 1 }, true],
    [null, 'contains', 'a', false],
    [null, 'notContains', 'a', true],
    ['abc', 'notContains', 'z', true],

    ['+971501234567', 'startsWith', '+971', true],
    ['+971501234567', 'startsWith', '+966', false],
    [2026, 'startsWith', 20, true],
    [null, 'startsWith', 'a', false],
    ['a@example.com', 'endsWith', '@example.com', true],
    ['a@example.com', 'endsWith', 'a', false],

    ['gold', 'in', ['silver', 'gold'], true],
    [7, 'in', ['7'], true],
    ['gold', 'in', [], false],
    ['gold', 'in', null, false],
    ['ol', 'in', 'gold', true],
    ['gold', 'notIn', ['silver'], true],
    ['gold', 'notIn', null, true],

    ['lead-42', 'matches', '^lead-\\d+$', true],
    ['lead-x', 'matches', '^lead-\\d+$', false],
    [42, 'matches', '^4', true],
    [null, 'matches', '^$', true],
    ['نور', 'matches', '^\\p{Script=Arabic}+$', true],

    ['', 'exists', null, true],
    [false, 'exists', null, true],
    [null, 'exists', null, false],

    ['', 'empty', null, true],
    [null, 'empty', null, true],
    [[], 'empty', null, true],
    [{}, 'empty', null, true],
    [' ', 'empty', null, false],
    [0, 'empty', null, false],
    [false, 'empty', null, false],
    [[null], 'empty', null, false],
  ])('%j %s %j: %j', (left, operator, right, expected) => {
    expect(holds(left, operator, right)).toBe(expected);
  });

  test('a value that was left out is nothing', () => {
    expect(evaluateCondition({ operator: 'exists' })).toBe(false);
    expect(evaluateCondition({ left: 'x', operator: 'exists' })).toBe(true);
  });
});

describe('lists of conditions', () => {
  const yes = { left: 1, operator: 'eq', right: 1 };
  const no = { left: 1, operator: 'eq', right: 2 };
  test.each<[{ readonly [key: string]: Json }, boolean]>([
    [{ all: [yes, yes] }, true],
    [{ all: [yes, no] }, false],
    [{ any: [no, yes] }, true],
    [{ any: [no, no] }, false],
    [{ all: [yes, { any: [no, { all: [yes] }] }] }, true],
  ])('%j: %j', (condition, expected) => {
    expect(evaluateCondition(condition)).toBe(expected);
  });
});

describe('what can’t be decided says why', () => {
  test.each<[Json, string]>([
    [{ left: null, operator: 'gt', right: 5 }, 'got nothing and a number'],
    [{ left: [1], operator: 'lt', right: {} }, 'got a list and an object'],
    [{ left: 'abc', operator: 'gte', right: 5 }, 'got a text and a number'],
    [{ left: true, operator: 'lte', right: 5 }, 'got a boolean and a number'],
    [{ left: 5, operator: 'contains', right: 5 }, 'but got a number'],
    [{ left: 5, operator: 'in', right: { a: 5 } }, 'but got an object'],
    [{ left: 'a', operator: 'matches', right: '(' }, 'not a valid regular expression'],
    [{ left: 'a', operator: 'matches', right: '(a)\\1' }, 'looks ahead, behind or back'],
    [{ left: 'a', operator: 'matches', right: 'a'.repeat(201) }, 'up to 200 characters'],
    [{ left: 'a'.repeat(10_001), operator: 'matches', right: 'b' }, 'a text of up to 10000'],
    [{ left: 1, operator: '>', right: 1 }, '">" is not an operator'],
    [{ all: [5] }, 'one of them is a number'],
  ])('%j', (condition, reason) => {
    const decide = () => evaluateCondition(condition as { readonly [key: string]: Json });
    expect(decide).toThrow(ConditionError);
    expect(decide).toThrow(reason);
  });
});

describe('over any values', () => {
  const json = fc
    .jsonValue({ maxDepth: 2 })
    .map((value): Json => JSON.parse(JSON.stringify(value)));
  /** Values that are near each other, so that equal ones come up. */
  const near = fc.oneof(
    json,
    fc.constantFrom<Json>(null, '', '0', 0, '1', 1, '1.0', true, 'true', false, [], {}, [1], ['1']),
  );
  const numbers = fc.oneof(
    fc.double({ noNaN: true }),
    fc.integer().map(String),
    fc.constantFrom('1e999', '-1e999', '0', '-0'),
  );
  const ordered = fc.oneof(
    fc.tuple(numbers, numbers),
    fc.tuple(fc.string(), fc.string()),
    fc
      .tuple(fc.date({ noInvalidDate: true }), fc.date({ noInvalidDate: true }))
      .map(([a, b]) => [a.toISOString(), b.toISOString()] as const),
  );

  test('eq is symmetric and reflexive, and ne is its negation', () => {
    fc.assert(
      fc.property(near, near, (a, b) => {
        expect(holds(a, 'eq', a)).toBe(true);
        expect(holds(a, 'eq', b)).toBe(holds(b, 'eq', a));
        expect(holds(a, 'ne', b)).toBe(!holds(a, 'eq', b));
      }),
      { numRuns: 1_000 },
    );
  });

  test('exactly one of gt and lte holds, and one of lt and gte; gt turned round is lt', () => {
    fc.assert(
      fc.property(ordered, ([a, b]) => {
        expect(holds(a, 'gt', b)).toBe(!holds(a, 'lte', b));
        expect(holds(a, 'lt', b)).toBe(!holds(a, 'gte', b));
        expect(holds(a, 'gt', b)).toBe(holds(b, 'lt', a));
      }),
      { numRuns: 1_000 },
    );
  });

  test('notIn and notContains are negations; a list contains what it is made of', () => {
    fc.assert(
      fc.property(near, fc.array(near), (item, list) => {
        expect(holds(item, 'notIn', list)).toBe(!holds(item, 'in', list));
        expect(holds(list, 'notContains', item)).toBe(!holds(item, 'in', list));
        expect(holds(item, 'in', [...list, item])).toBe(true);
      }),
    );
  });

  test('whatever the values, the answer is a truth value or a ConditionError', () => {
    fc.assert(
      fc.property(near, fc.constantFrom(...CONDITION_OPERATORS), near, (left, operator, right) => {
        try {
          expect(typeof holds(left, operator, right)).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(ConditionError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
