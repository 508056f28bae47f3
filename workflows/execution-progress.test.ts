import { describe, expect, test } from '@jest/globals';
import { createProgress } from './execution-progress.ts';
import type {
  ControlPlanNode,
  ExecutionPlan,
  OperationPlanNode,
  PlanNode,
} from './graph/plan-types.ts';

function operation(id: string, name = id): OperationPlanNode {
  return {
    id,
    name,
    kind: 'operation',
    type: 'email',
    operation: 'send',
    config: {},
    join: 'all',
    onError: 'fail',
    outputs: ['success', 'error'],
    rawFields: [],
    receivesScope: false,
    dispatch: 'local',
    timeoutMs: 1_000,
    onUnknown: 'hold',
    retry: {
      maximumAttempts: 1,
      initialIntervalMs: 1,
      backoffCoefficient: 1,
      maximumIntervalMs: 1,
    },
  };
}

const mail = operation('mail', 'Welcome mail');
const hot: ControlPlanNode = {
  id: 'hot',
  name: 'Hot?',
  kind: 'control',
  type: 'condition',
  config: {},
  join: 'all',
  onError: 'fail',
  outputs: ['true', 'false'],
};

function track(nodes: readonly PlanNode[]) {
  const plan: ExecutionPlan = {
    planVersion: 1,
    workflowId: 'w',
    name: 'W',
    version: 1,
    nodes,
    connections: [],
  };
  let now = Date.parse('2026-03-01T10:00:00.000Z');
  const seen: string[] = [];
  const progress = createProgress(plan, {
    now: () => now,
    changed: (details) => seen.push(details),
  });
  return {
    progress,
    seen,
    pass: (ms: number): void => {
      now += ms;
    },
    rows: (): string[] => (seen.at(-1) ?? '').split('\n').slice(4),
  };
}

const untouched = { iteration: '', status: 'pending', attempts: 0, error: null };
const down = { code: 'unavailable', message: 'The server is away.' };

describe('the state', () => {
  test('begins with every node pending', () => {
    expect(track([mail, hot]).progress.state()).toEqual({
      status: 'running',
      nodes: [
        { nodeId: 'mail', name: 'Welcome mail', ...untouched },
        { nodeId: 'hot', name: 'Hot?', ...untouched },
      ],
    });
  });

  test('follows a node through a retry; the last error stays until it is taken away', () => {
    const { progress } = track([mail]);
    const node = () => progress.state().nodes[0];
    progress.set(mail, 'running');
    progress.set(mail, 'retrying', { attempts: 1, error: down });
    expect(node()).toMatchObject({ status: 'retrying', attempts: 1, error: down });
    progress.set(mail, 'running');
    expect(node()).toMatchObject({ status: 'running', attempts: 1, error: down });
    progress.set(mail, 'succeeded', { attempts: 2, error: null });
    expect(node()).toMatchObject({ status: 'succeeded', attempts: 2, error: null });
  });

  test('takes the execution’s own status', () => {
    const { progress, seen } = track([mail]);
    progress.setStatus('unknown');
    expect(progress.state().status).toBe('unknown');
    expect(seen.at(-1)).toMatch(/^\*\*unknown\*\* · 1 pending\n/);
  });

  test('knows no other nodes', () => {
    expect(() => track([mail]).progress.set(hot, 'running')).toThrow('has no node "hot"');
  });
});

describe('records', () => {
  test('are kept for a node at work that asks for one, without an end', () => {
    const { progress } = track([hot]);
    progress.set(hot, 'running', { record: true });
    expect(progress.takeRecords()).toMatchObject([
      { status: 'running', startedAt: '2026-03-01T10:00:00.000Z', endedAt: null },
    ]);
  });

  test('are kept for ended nodes that ask for one, in order, and taken once', () => {
    const { progress, pass } = track([mail, hot]);
    progress.set(hot, 'running');
    pass(5);
    progress.set(hot, 'succeeded', {
      record: true,
      input: { left: 1 },
      output: { result: true },
      port: 'true',
    });
    progress.set(mail, 'skipped', { record: true });
    expect(progress.takeRecords()).toEqual([
      {
        nodeId: 'hot',
        nodeName: 'Hot?',
        iteration: '',
        type: 'condition',
        status: 'succeeded',
        startedAt: '2026-03-01T10:00:00.000Z',
        endedAt: '2026-03-01T10:00:00.005Z',
        input: { left: 1 },
        output: { result: true },
        port: 'true',
        error: null,
      },
      {
        nodeId: 'mail',
        nodeName: 'Welcome mail',
        iteration: '',
        type: 'email',
        status: 'skipped',
        startedAt: '2026-03-01T10:00:00.005Z',
        endedAt: '2026-03-01T10:00:00.005Z',
        input: null,
        output: null,
        port: null,
        error: null,
      },
    ]);
    expect(progress.takeRecords()).toEqual([]);
  });

  test('carry the error, and are not written for nodes with a ledger row of their own', () => {
    const { progress } = track([mail, hot]);
    progress.set(mail, 'running');
    progress.set(mail, 'succeeded', { attempts: 1 });
    progress.set(hot, 'running');
    progress.set(hot, 'failed', { record: true, error: down });
    expect(progress.takeRecords()).toMatchObject([{ nodeId: 'hot', error: down }]);
  });
});

describe('the details that Temporal’s Web UI shows', () => {
  test('are a table with every node', () => {
    const { progress, seen, pass } = track([mail, hot]);
    progress.set(hot, 'running');
    progress.set(hot, 'succeeded');
    progress.set(mail, 'running');
    pass(1_250);
    progress.set(mail, 'failed', { attempts: 3, error: down });
    expect(seen).toHaveLength(4);
    expect(seen.at(-1)?.split('\n')).toEqual([
      '**running** · 1 failed, 1 succeeded',
      '',
      '| | Node | Connector | Status | Attempts | Started | Took | Last error |',
      '|---|---|---|---|---|---|---|---|',
      '| ✗ | Welcome mail | email.send | failed | 3 | 10:00:00.000 | 1250 ms | unavailable: The server is away. |',
      '| ✓ | Hot? | condition | succeeded |  | 10:00:00.000 | 0 ms |  |',
    ]);
  });

  test.each([
    ['a|b', 'a\\|b'],
    ['a\\|b', 'a\\\\\\|b'],
    ['two\n\r\nlines\there', 'two lines here'],
    ['<img src=x onerror=y>', '\\<img src=x onerror=y>'],
    ['![x](https://example.com/p.png)', '!\\[x\\](https://example.com/p.png)'],
    ['**bold** _it_ `code` ~no~ &lt;', '\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\~no\\~ \\&lt;'],
    ['مرحباً نور', 'مرحباً نور'],
  ])('%j is one cell that Markdown reads as it stands', (name, cell) => {
    const node = operation('n', name);
    const { progress, rows } = track([node]);
    progress.set(node, 'running');
    expect(rows()).toEqual([`| ▶ | ${cell} | email.send | running |  | 10:00:00.000 |  |  |`]);
  });

  test('a long text is cut between characters, never inside one or inside an escape', () => {
    const node = operation('n');
    const { progress, rows } = track([node]);
    const error = { code: 'x', message: `${'😀'.repeat(200)}` };
    progress.set(node, 'failed', { error });
    expect(rows()[0]).toContain(`x: ${'😀'.repeat(156)}… |`);
    progress.set(node, 'failed', { error: { code: 'x', message: '|'.repeat(200) } });
    expect(rows()[0]).toContain(`x: ${'\\|'.repeat(156)}… |`);
  });

  test('list in a large graph only what is at work or went wrong, once for a burst of changes', async () => {
    const nodes = Array.from({ length: 41 }, (_, index) => operation(`n${index}`));
    const { progress, seen, rows } = track(nodes);
    const [first, second, third, fourth, fifth, sixth] = nodes as [
      OperationPlanNode,
      OperationPlanNode,
      OperationPlanNode,
      OperationPlanNode,
      OperationPlanNode,
      OperationPlanNode,
    ];
    progress.set(first, 'succeeded');
    progress.set(second, 'running');
    progress.set(third, 'failed');
    progress.set(fourth, 'retrying');
    progress.set(fifth, 'unknown');
    progress.set(sixth, 'skipped');
    expect(seen).toEqual([]);
    await Promise.resolve();
    expect(seen).toHaveLength(1);
    expect(rows().map((row) => row.split(' | ')[1])).toEqual(['n1', 'n2', 'n3', 'n4']);
    expect(seen.at(-1)).toContain(
      '**running** · 1 succeeded, 1 running, 1 failed, 1 retrying, 1 unknown, 1 skipped, 35 pending',
    );
    expect(progress.state().nodes).toHaveLength(41);
  });

  test('list every node of a graph of forty', () => {
    const nodes = Array.from({ length: 40 }, (_, index) => operation(`n${index}`));
    const { progress, rows } = track(nodes);
    progress.setStatus('running');
    expect(rows()).toHaveLength(40);
  });
});

describe('nodes inside a forEach', () => {
  const letter = operation('letter', 'Letter');
  const each: ControlPlanNode = {
    ...hot,
    id: 'each',
    name: 'Each lead',
    type: 'forEach',
    outputs: ['success', 'error'],
    body: { nodes: [letter], connections: [] },
  };

  test('stand in the state, by iteration, until they end', () => {
    const { progress } = track([each]);
    const states = () =>
      progress.state().nodes.map(({ nodeId, iteration, status }) => [nodeId, iteration, status]);
    progress.set(each, 'running');
    expect(states()).toEqual([['each', '', 'running']]);
    progress.set(letter, 'running', {}, '0');
    progress.set(letter, 'retrying', { attempts: 1, error: down }, '1');
    expect(states()).toEqual([
      ['each', '', 'running'],
      ['letter', '0', 'running'],
      ['letter', '1', 'retrying'],
    ]);
    progress.set(letter, 'succeeded', { attempts: 1 }, '0');
    progress.set(letter, 'failed', { attempts: 2 }, '1');
    expect(states()).toEqual([['each', '', 'running']]);
  });

  test('are counted, and named with their item', async () => {
    const { progress, seen, rows } = track([each]);
    progress.set(letter, 'succeeded', {}, '0');
    progress.set(letter, 'running', {}, '1.2');
    await Promise.resolve();
    expect(seen.at(-1)).toMatch(/^\*\*running\*\* · 1 succeeded, 1 pending, 1 running\n/);
    expect(rows()[1]).toContain('| Letter (item 1.2) | email.send | running |');
  });

  test('have their iteration in their records; one that waits has no end', () => {
    const { progress, pass } = track([each]);
    const step: ControlPlanNode = { ...hot, id: 'step', type: 'wait', outputs: ['success'] };
    progress.set(step, 'running', {}, '3');
    pass(5);
    progress.set(step, 'waiting', { record: true }, '3');
    pass(10);
    progress.set(step, 'succeeded', { record: true, port: 'success' }, '3');
    const begun = { nodeId: 'step', iteration: '3', startedAt: '2026-03-01T10:00:00.000Z' };
    expect(progress.takeRecords()).toMatchObject([
      { ...begun, status: 'waiting', endedAt: null },
      { ...begun, status: 'succeeded', endedAt: '2026-03-01T10:00:00.015Z' },
    ]);
  });

  test('a thousand that run list no more than forty', async () => {
    const { progress, rows } = track([each]);
    for (let item = 0; item < 1_000; item += 1) progress.set(letter, 'running', {}, `${item}`);
    await Promise.resolve();
    expect(rows()).toHaveLength(40);
  });
});
