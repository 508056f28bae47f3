import { describe, expect, test } from '@jest/globals';
import { CONDITION_OPERATORS } from './conditions.ts';
import { CONTROL_MANIFESTS, conditionSchema, setSchema } from './control-nodes.ts';

describe('the config of a condition', () => {
  test.each(CONDITION_OPERATORS)('may use %s', (operator) => {
    const config = { left: '{{ lead.score }}', operator, right: 50 };
    expect(conditionSchema.safeParse(config)).toEqual({ success: true, data: config });
  });

  test.each([
    { left: 1, operator: 'exists' },
    { all: [{ left: 1, operator: 'eq', right: 1 }] },
    { any: [{ all: [{ left: null, operator: 'empty' }] }, { left: [], operator: 'empty' }] },
  ])('may be %j', (config) => {
    expect(conditionSchema.safeParse(config).success).toBe(true);
  });

  test.each([
    {},
    { left: 1, operator: '>', right: 1 },
    { left: 1, right: 1 },
    { left: 1, operator: 'eq', right: 1, also: 1 },
    { all: [] },
    { all: [], any: [] },
    { any: [{ left: 1 }] },
    { all: { left: 1, operator: 'eq' } },
    [],
    'lead.score > 5',
  ])('may not be %j', (config) => {
    expect(conditionSchema.safeParse(config).success).toBe(false);
  });
});

test('the config of set names any values', () => {
  expect(setSchema.safeParse({ values: { tier: 'gold', list: [1], none: null } }).success).toBe(
    true,
  );
  expect(setSchema.safeParse({ values: {} }).success).toBe(true);
  expect(setSchema.safeParse({}).success).toBe(false);
  expect(setSchema.safeParse({ values: {}, tier: 'gold' }).success).toBe(false);
});

test('each control node is described once, with its outputs', () => {
  expect(
    CONTROL_MANIFESTS.map(({ type, outputs, namesOutput }) => ({ type, outputs, namesOutput })),
  ).toEqual([
    { type: 'condition', outputs: ['true', 'false'], namesOutput: true },
    { type: 'set', outputs: ['success'], namesOutput: false },
  ]);
});
