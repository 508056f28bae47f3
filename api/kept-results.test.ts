import { describe, expect, test } from '@jest/globals';
import type { LogEntry } from '../db/repositories/execution-logs.ts';
import type {
  ControlPlanNode,
  OperationPlanNode,
  PlanGraph,
} from '../workflows/graph/plan-types.ts';
import { downstreamOf, findDoubt, keptResults } from './kept-results.ts';

const base = (id: string) => ({
  id,
  name: id,
  config: {},
  join: 'all' as const,
  onError: 'fail' as const,
  outputs: ['success'],
});
const send = (id: string, extra: Partial<OperationPlanNode> = {}): OperationPlanNode => ({
  ...base(id),
  kind: 'operation',
  type: 'email',
  operation: 'send',
  receivesScope: false,
  dispatch: 'local',
  timeoutMs: 1,
  onUnknown: 'hold',
  retry: { maximumAttempts: 1, initialIntervalMs: 1, backoffCoefficient: 1, maximumIntervalMs: 1 },
  ...extra,
});
const control = (id: string, extra: Partial<ControlPlanNode> = {}): ControlPlanNode => ({
  ...base(id),
  kind: 'control',
  type: 'set',
  ...extra,
});
const row = (nodeId: string, extra: Partial<LogEntry> = {}): LogEntry => ({
  seq: '1',
  executionId: 'e',
  workflowId: 'w',
  leadId: null,
  nodeId,
  nodeName: nodeId,
  iteration: '',
  connectorType: 'email',
  operation: 'send',
  status: 'succeeded',
  inDoubt: false,
  attempts: 1,
  retryCount: 0,
  maxRetries: 0,
  startTime: null,
  endTime: null,
  durationMs: null,
  input: null,
  output: { of: nodeId },
  outputPort: 'success',
  error: null,
  logs: [],
  createdAt: new Date(0),
  updatedAt: new Date(0),
  ...extra,
});
const chained = (...nodes: PlanGraph['nodes']): PlanGraph => ({
  nodes,
  connections: nodes
    .slice(1)
    .map(({ id }, index) => ({ from: nodes[index]?.id ?? '', output: 'success', to: id })),
});
const none: ReadonlySet<string> = new Set();

describe('what is kept', () => {
  test('every result of an outermost node, with the output that it left through', () => {
    const plan = chained(send('a'), send('b'), send('c'));
    const logs = [row('a', { outputPort: 'error' }), row('b', { status: 'failed' })];
    expect(keptResults(plan, logs, none)).toEqual({ a: { output: { of: 'a' }, port: 'error' } });
  });

  test('nothing of the node to begin at and of what follows it, on whatever way', () => {
    const plan: PlanGraph = {
      nodes: ['a', 'b', 'c', 'd', 'e'].map((id) => send(id)),
      connections: [
        { from: 'a', output: 'success', to: 'b' },
        { from: 'a', output: 'error', to: 'c' },
        { from: 'b', output: 'success', to: 'd' },
        { from: 'c', output: 'success', to: 'd' },
      ],
    };
    const logs = plan.nodes.map(({ id }) => row(id));
    expect([...downstreamOf(plan, 'b')]).toEqual(['b', 'd']);
    expect(Object.keys(keptResults(plan, logs, downstreamOf(plan, 'b')))).toEqual(['a', 'c', 'e']);
  });

  test('rows of items, set nodes, what was taken back and what takes back are not kept', () => {
    const plan = chained(
      send('charge', { undo: 'refund' }),
      send('book', { undo: 'unbook' }),
      control('note'),
      send('refund'),
      send('unbook'),
    );
    const logs = [
      row('charge'),
      row('book'),
      row('note'),
      row('refund'),
      row('unbook', { status: 'skipped', attempts: 0 }),
      row('unbook', { iteration: '3' }),
    ];
    expect(Object.keys(keptResults(plan, logs, none))).toEqual(['book']);
  });
});

describe('doubt', () => {
  const body = chained(send('inner'));
  const plan = chained(send('a'), control('each', { type: 'forEach', body }), send('z'));
  const inDoubt = row('inner', { iteration: '2', status: 'unknown', inDoubt: true });

  test('of a node in a body holds back the retry until somebody names what it is in', () => {
    expect(findDoubt(plan, [inDoubt], {}, none, () => 'blind')?.id).toBe('inner');
    expect(findDoubt(plan, [inDoubt], {}, downstreamOf(plan, 'a'), () => 'blind')).toBeUndefined();
    const kept = { each: { output: null, port: 'success' } };
    expect(findDoubt(plan, [inDoubt], kept, none, () => 'blind')).toBeUndefined();
  });

  test.each([
    ['a read', { status: 'failed' }, 'read', false],
    ['a queryable send that failed in doubt', { status: 'failed' }, 'queryable', true],
    ['a send that was cut off', { status: 'cancelled' }, 'blind', true],
    ['what the catalog doesn’t know', { status: 'cancelled' }, undefined, true],
    ['a blind operation that failed, which was repeatable', { status: 'failed' }, 'blind', false],
    ['what certainly did nothing', { status: 'failed', inDoubt: false }, 'queryable', false],
  ] as const)('%s', (_what, extra, manifestClass, found) => {
    const logs = [row('z', { inDoubt: true, ...extra })];
    expect(findDoubt(plan, logs, {}, none, () => manifestClass) !== undefined).toBe(found);
  });
});
