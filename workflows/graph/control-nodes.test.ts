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
    CONTROL_MANIFESTS.map(({ type, outputs, namesOutput }) => ({
      type,
      outputs: outputs({}),
      namesOutput,
    })),
  ).toEqual([
    { type: 'condition', outputs: ['true', 'false'], namesOutput: true },
    { type: 'switch', outputs: ['default'], namesOutput: true },
    { type: 'set', outputs: ['success'], namesOutput: false },
    { type: 'forEach', outputs: ['success', 'error'], namesOutput: false },
    { type: 'wait', outputs: ['success', 'timeout'], namesOutput: false },
    { type: 'approval', outputs: ['approved', 'rejected', 'expired'], namesOutput: true },
    { type: 'subworkflow', outputs: ['success', 'error'], namesOutput: false },
    { type: 'respond', outputs: ['success'], namesOutput: false },
    { type: 'fail', outputs: [], namesOutput: false },
  ]);
});

test('a switch has the outputs of its cases, each once, and default', () => {
  const cases = [
    { equals: 1, output: 'low' },
    { equals: 2, output: 'high' },
    { equals: 3, output: 'low' },
  ];
  const manifest = CONTROL_MANIFESTS.find(({ type }) => type === 'switch');
  expect(manifest?.outputs({ value: '{{ lead.score }}', cases })).toEqual([
    'low',
    'high',
    'default',
  ]);
});

describe('configs of control nodes', () => {
  const body = { nodes: [{ id: 'a', type: 'set', config: { values: {} } }] };
  const accepts = (type: string, config: unknown): boolean | undefined =>
    CONTROL_MANIFESTS.find((manifest) => manifest.type === type)?.schema.safeParse(config).success;

  test.each([
    ['switch', { value: 1, cases: [{ equals: 1, output: 'one' }] }],
    ['forEach', { items: [1], body }],
    ['forEach', { items: '{{ input.l }}', body, concurrency: 200, maxItems: 100_000 }],
    ['wait', { for: '2h' }],
    ['wait', { until: '2026-03-29T09:00', timezone: 'Europe/Berlin' }],
    ['wait', { event: 'paid', timeout: '7d' }],
    ['approval', { message: 'Send?', assignees: ['anna'], timeout: '1d' }],
    ['subworkflow', { workflowId: 'other', input: { a: 1 }, wait: false }],
    ['respond', { status: '{{ nodes.a.output.status }}', body: [1], headers: { 'x-a': '1' } }],
    ['fail', { message: 'Out of stock', code: 'out_of_stock' }],
  ])('%s may be %j', (type, config) => {
    expect(accepts(type, config)).toBe(true);
  });

  test.each([
    ['switch', { value: 1, cases: [] }],
    ['switch', { value: 1, cases: [{ equals: 1, output: '' }] }],
    ['forEach', { items: [1] }],
    ['forEach', { items: [1], body, concurrency: 0 }],
    ['forEach', { items: [1], body, concurrency: 201 }],
    ['forEach', { items: [1], body, maxItems: 100_001 }],
    ['forEach', { items: [1], body, onItemError: 'error' }],
    ['wait', {}],
    ['wait', { for: 'a while' }],
    ['wait', { for: '1h', until: '2026-01-01' }],
    ['approval', {}],
    ['subworkflow', {}],
    ['respond', { status: 99 }],
    ['fail', { message: 'x', code: 'Out of stock' }],
    ['fail', {}],
  ])('%s may not be %j', (type, config) => {
    expect(accepts(type, config)).toBe(false);
  });
});
