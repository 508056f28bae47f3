import { describe, expect, test } from '@jest/globals';
import { type DefinitionInput, definitionSchema } from './definition.ts';
import { fakeCatalog } from './fake-catalog.ts';
import { planDefinition, planSingleNode } from './plan.ts';
import { allNodes, type PlanNode } from './plan-types.ts';

type NodeInput = DefinitionInput['nodes'][number];

const mail: NodeInput = {
  id: 'mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'Hello' },
};
const row: NodeInput = { id: 'row', type: 'sheets', config: { range: 'A', values: [1] } };

const code = (config: NodeInput['config'] = {}): NodeInput => ({
  id: 'c',
  type: 'code',
  config: { code: 'return 1', ...config },
});

function plan(nodes: NodeInput[], more: Partial<DefinitionInput> = {}) {
  const definition = definitionSchema.parse({ workflowId: 'w', name: 'Welcome', nodes, ...more });
  return planDefinition(definition, fakeCatalog, { version: 3 });
}

function planned(node: NodeInput, more: Partial<DefinitionInput> = {}): PlanNode | undefined {
  return plan([node, ...(more.nodes ?? [])], { connections: more.connections }).nodes[0];
}

describe('a plan', () => {
  test('fills in every default', () => {
    const nodes: NodeInput[] = [
      mail,
      { id: 'hot', type: 'condition', name: 'Hot?', config: { left: 1, operator: 'exists' } },
      { id: 'note', type: 'set', config: { values: { a: 1 } } },
    ];
    const connections = [
      { from: 'mail', to: 'hot' },
      { from: 'hot', output: 'true', to: 'note' },
    ];
    expect(plan(nodes, { connections })).toEqual({
      planVersion: 1,
      workflowId: 'w',
      name: 'Welcome',
      version: 3,
      nodes: [
        {
          id: 'mail',
          name: 'mail',
          kind: 'operation',
          type: 'email',
          operation: 'send',
          config: { to: '{{ lead.email }}', subject: 'Hello' },
          join: 'all',
          onError: 'fail',
          outputs: ['success', 'error'],
          rawFields: [],
          receivesScope: false,
          dispatch: 'local',
          timeoutMs: 15_000,
          onUnknown: 'hold',
          retry: {
            maximumAttempts: 8,
            initialIntervalMs: 2_000,
            backoffCoefficient: 2,
            maximumIntervalMs: 300_000,
          },
        },
        {
          id: 'hot',
          name: 'Hot?',
          kind: 'control',
          type: 'condition',
          config: { left: 1, operator: 'exists' },
          join: 'all',
          onError: 'fail',
          outputs: ['true', 'false'],
          rawFields: [],
        },
        {
          id: 'note',
          name: 'note',
          kind: 'control',
          type: 'set',
          config: { values: { a: 1 } },
          join: 'all',
          onError: 'fail',
          outputs: ['success'],
          rawFields: [],
        },
      ],
      connections: [
        { from: 'mail', output: 'success', to: 'hot' },
        { from: 'hot', output: 'true', to: 'note' },
      ],
    });
  });

  test('keeps what the definition says', () => {
    const node: NodeInput = {
      ...mail,
      name: 'Welcome mail',
      credential: 'smtp-main',
      join: 'any',
      onError: 'continue',
      onUnknown: 'assume-sent',
      timeout: '3s',
      retry: {
        maximumAttempts: 5,
        initialInterval: '500ms',
        backoffCoefficient: 1.5,
        maximumInterval: '1m',
      },
    };
    expect(planned(node)).toMatchObject({
      name: 'Welcome mail',
      credential: 'smtp-main',
      join: 'any',
      onError: 'continue',
      onUnknown: 'assume-sent',
      timeoutMs: 3_000,
      retry: {
        maximumAttempts: 5,
        initialIntervalMs: 500,
        backoffCoefficient: 1.5,
        maximumIntervalMs: 60_000,
      },
    });
    expect(plan([mail], { settings: { timeout: '7d' } }).timeoutMs).toBe(604_800_000);
  });

  test('waits no shorter later than at first', () => {
    expect(planned({ ...mail, retry: { initialInterval: '10m' } })).toMatchObject({
      retry: { initialIntervalMs: 600_000, maximumIntervalMs: 600_000 },
    });
  });

  test('takes the first operation, and keeps its name out of the config', () => {
    expect(planned(row)).toMatchObject({ operation: 'append' });
    const named = planned({ ...row, config: { operation: 'export', format: 'csv' } });
    expect(named).toMatchObject({ operation: 'export', config: { format: 'csv' } });
    expect(named?.config).not.toHaveProperty('operation');
  });

  test('takes over which fields are program text, and who sees the whole scope', () => {
    expect(planned(code())).toMatchObject({
      rawFields: ['code'],
      receivesScope: true,
    });
  });

  const exported: NodeInput = { ...row, config: { operation: 'export', format: 'csv' } };
  test.each<[string, 'local' | 'queued', NodeInput]>([
    ['a short operation', 'local', mail],
    ['a short one that is to be queued', 'queued', { ...mail, dispatch: 'queued' }],
    ['a short one left to the engine', 'local', { ...mail, dispatch: 'auto' }],
    ['a long operation', 'queued', exported],
    ['a long one with a short limit', 'queued', { ...exported, timeout: '1s' }],
    ['one that may take 30 s', 'local', { ...mail, timeout: '30s' }],
    ['one that may take longer', 'queued', { ...mail, timeout: '31s' }],
    ['one whose config asks for no time', 'local', code()],
    ['one whose config asks for more', 'queued', code({ timeout: '21s' })],
  ])('%s is dispatched %s', (_name, dispatch, node) => {
    expect(planned(node)).toMatchObject({ dispatch });
  });

  test('the config may ask for time on top, unless the node has a limit of its own', () => {
    expect(planned(code({ timeout: '5s' }))).toMatchObject({ timeoutMs: 15_000 });
    expect(planned(code({ timeout: '{{ lead.patience }}' }))).toMatchObject({ timeoutMs: 10_000 });
    expect(planned({ ...code({ timeout: '5s' }), timeout: '1s' })).toMatchObject({
      timeoutMs: 1_000,
    });
  });

  test('a node with a connection from its error output takes it', () => {
    const connections = [{ from: 'mail', output: 'error', to: 'row' }];
    expect(planned(mail, { nodes: [row], connections })).toMatchObject({ onError: 'error' });
    expect(planned({ ...mail, onError: 'fail' }, { nodes: [row], connections })).toMatchObject({
      onError: 'fail',
    });
  });

  test('survives being written as JSON', () => {
    const made = plan([mail, row], { connections: [{ from: 'mail', to: 'row' }] });
    expect(JSON.parse(JSON.stringify(made))).toEqual(made);
  });

  test('is refused for a definition with errors, not for one with warnings', () => {
    expect(() => plan([{ id: 'x', type: 'fax' }])).toThrow(
      'Definition "w" can’t be planned: There is no node type "fax".',
    );
    expect(plan([{ ...mail, onError: 'error' }]).nodes).toHaveLength(1);
  });
});

describe('the plan of a forEach', () => {
  const inner: NodeInput = {
    id: 'inner',
    type: 'forEach',
    config: { items: '{{ item.lines }}', body: { nodes: [{ ...row, id: 'line' }] } },
  };
  const each: NodeInput = {
    id: 'each',
    type: 'forEach',
    config: {
      items: '{{ input.list }}',
      concurrency: 5,
      body: {
        nodes: [mail, inner, { ...row, undo: 'erase' }, { ...row, id: 'erase' }],
        connections: [
          { from: 'mail', to: 'inner' },
          { from: 'mail', output: 'error', to: 'row' },
        ],
      },
    },
  };

  test('has its body planned like a graph of its own, on every level', () => {
    const planned = plan([each]).nodes[0];
    expect(planned).toMatchObject({
      kind: 'control',
      type: 'forEach',
      rawFields: ['body'],
      outputs: ['success', 'error'],
      body: {
        nodes: [
          { id: 'mail', kind: 'operation', operation: 'send', onError: 'error' },
          { id: 'inner', kind: 'control', body: { nodes: [{ id: 'line' }], connections: [] } },
          { id: 'row', undo: 'erase' },
          { id: 'erase', onError: 'fail' },
        ],
        connections: [
          { from: 'mail', output: 'success', to: 'inner' },
          { from: 'mail', output: 'error', to: 'row' },
        ],
      },
    });
  });

  test('lists the nodes of all levels, outer before inner', () => {
    expect(allNodes(plan([each, { ...row, id: 'after' }])).map(({ id }) => id)).toEqual([
      'each',
      'mail',
      'inner',
      'line',
      'row',
      'erase',
      'after',
    ]);
  });
});

test('a plan says which nodes are disabled and what takes a node’s effect back, and nothing where neither is said', () => {
  const nodes = [{ ...mail, disabled: true, undo: 'row' }, row];
  const [first, second] = plan(nodes).nodes;
  expect(first).toMatchObject({ disabled: true, undo: 'row' });
  expect(second).not.toHaveProperty('disabled');
  expect(second).not.toHaveProperty('undo');
  expect(planned({ ...mail, disabled: false })).not.toHaveProperty('disabled');
});

describe('the plan of a single node', () => {
  const call = {
    workflowId: 'w',
    nodeId: 'mail',
    connector: 'email',
    config: { to: 'a@b.example' },
  };

  test('is a whole plan of version 0', () => {
    expect(planSingleNode({ ...call, credential: 'smtp-main' }, fakeCatalog)).toMatchObject({
      planVersion: 1,
      workflowId: 'w',
      name: 'w: mail',
      version: 0,
      nodes: [
        {
          id: 'mail',
          kind: 'operation',
          type: 'email',
          operation: 'send',
          credential: 'smtp-main',
          config: { to: 'a@b.example' },
          onError: 'fail',
          dispatch: 'local',
        },
      ],
      connections: [],
    });
  });

  test('names no credential where none was given', () => {
    expect(planSingleNode(call, fakeCatalog).nodes[0]).not.toHaveProperty('credential');
  });

  test('is refused where nothing is known by that name', () => {
    expect(() => planSingleNode({ ...call, connector: 'fax' }, fakeCatalog)).toThrow(
      'Node "mail" has an unknown type.',
    );
    const erase = { ...call, connector: 'sheets', config: { operation: 'erase' } };
    expect(() => planSingleNode(erase, fakeCatalog)).toThrow('unknown operation');
  });
});
