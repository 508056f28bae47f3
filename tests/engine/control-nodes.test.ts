/** Every control node on the real thing: API, worker, emulators, PostgreSQL and Temporal. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { connectClient } from '../../temporal/connection.ts';
import {
  DECIDE_APPROVAL_UPDATE,
  EVENT_SIGNAL,
  PAUSE_UPDATE,
  RESUME_UPDATE,
} from '../../workflows/contract.ts';
import { type Answer, type Stack, startStack, temporalAddress } from '../support/stack.ts';

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack();
  client = await connectClient({ address: temporalAddress(), namespace: stack.namespace });
}, 60_000);

afterAll(async () => {
  await client.connection.close();
  await stack.stop();
}, 30_000);

type Body = Answer['body'];

interface Graph {
  readonly nodes: readonly object[];
  readonly connections?: readonly object[];
  readonly settings?: object;
}

let published = 0;

async function publish(graph: Graph, name?: string): Promise<string> {
  published += 1;
  const workflowId = name ?? `w${published}`;
  const definition = { workflowId, name: workflowId, ...graph };
  await stack.publish(definition);
  return workflowId;
}

async function start(workflowId: string, input: object = {}): Promise<string> {
  const { status, body } = await stack.call('POST', `/api/workflows/${workflowId}/executions`, {
    input,
  });
  if (status !== 202) throw new Error(`Not started: ${JSON.stringify(body)}`);
  return body.executionId;
}

async function begin(graph: Graph, input: object = {}): Promise<string> {
  return start(await publish(graph), input);
}

async function run(graph: Graph, input: object = {}): Promise<Body> {
  return stack.ended(await begin(graph, input), 60_000);
}

async function execution(executionId: string): Promise<Body> {
  return (await stack.call('GET', `/api/executions/${executionId}`)).body;
}

function nodeOf(shown: Body, nodeId: string, iteration = ''): Body {
  return shown.nodes?.find((node: Body) => node.nodeId === nodeId && node.iteration === iteration);
}

/** Waits until the API shows the node so. */
async function untilNode(
  executionId: string,
  nodeId: string,
  status: string,
  iteration = '',
): Promise<void> {
  await stack.until(`${nodeId} of ${executionId} is ${status}`, async () => {
    return nodeOf(await execution(executionId), nodeId, iteration)?.status === status;
  });
}

async function untilStatus(executionId: string, status: string): Promise<void> {
  await stack.until(
    `${executionId} is ${status}`,
    async () => (await execution(executionId)).status === status,
  );
}

/** Subjects of the mails that the execution sent, in the order of their arrival. */
async function mailsOf(executionId: string): Promise<string[]> {
  const subjects: string[] = [];
  let cursor = '';
  do {
    const { body } = await stack.call(
      'GET',
      `/api/sandbox/outbox?executionId=${executionId}&limit=100${cursor}`,
    );
    subjects.push(...body.items.map((item: Body) => item.message.subject));
    cursor = body.nextCursor === null ? '' : `&cursor=${encodeURIComponent(body.nextCursor)}`;
  } while (cursor !== '');
  return subjects.reverse();
}

const statuses = (shown: Body): Record<string, string> =>
  Object.fromEntries(
    shown.nodes
      .filter((node: Body) => node.iteration === '')
      .map((node: Body) => [node.nodeId, node.status]),
  );

const mail = (id: string, subject: string = id, extra: object = {}): object => ({
  id,
  type: 'email',
  config: { to: 'a@example.com', subject, text: 'Hello' },
  ...extra,
});
const set = (id: string, values: object = {}): object => ({ id, type: 'set', config: { values } });
const failNode = (id: string, extra: object = {}): object => ({
  id,
  type: 'fail',
  config: { message: 'No more left', code: 'out_of_stock', ...extra },
});
const wait = (id: string, config: object): object => ({ id, type: 'wait', config });
const approval = (id: string, extra: object = {}): object => ({
  id,
  type: 'approval',
  config: { message: 'Send it?', assignees: ['anna'], ...extra },
});
const each = (id: string, items: unknown, body: Graph, extra: object = {}): object => ({
  id,
  type: 'forEach',
  config: { items, body, ...extra },
});
const line = (...ids: string[]): object[] =>
  ids.slice(1).map((to, index) => ({ from: ids[index], to }));

const decide = (
  executionId: string,
  nodeId: string,
  decision: string,
  iteration = '',
): Promise<unknown> =>
  client.workflow.getHandle(executionId).executeUpdate(DECIDE_APPROVAL_UPDATE, {
    args: [{ nodeId, iteration, decision, by: 'test', comment: 'seen' }],
  });

describe.each([
  [2, 'two'],
  ['2', 'two'],
  ['gold', 'gold lead'],
  [null, 'default'],
  [{ a: 1 }, 'object'],
])('a switch on %j', (value, port) => {
  test(`goes through ${port}`, async () => {
    const shown = await run(
      {
        nodes: [
          {
            id: 'pick',
            type: 'switch',
            config: {
              value: '{{ input.value }}',
              cases: [
                { equals: 2, output: 'two' },
                { equals: 'gold', output: 'gold lead' },
                { equals: { a: 1 }, output: 'object' },
                { equals: 2, output: 'never' },
              ],
            },
          },
          set('taken'),
          set('not'),
        ],
        connections: [
          { from: 'pick', output: port, to: 'taken' },
          { from: 'pick', output: 'never', to: 'not' },
        ],
      },
      { value },
    );
    expect(shown).toMatchObject({ status: 'succeeded' });
    expect(nodeOf(shown, 'pick')).toMatchObject({ outputPort: port });
    expect(statuses(shown)).toEqual({ pick: 'succeeded', taken: 'succeeded', not: 'skipped' });
  }, 60_000);
});

describe('a forEach', () => {
  test('answers the items’ results in their order, whatever order they end in', async () => {
    const shown = await run(
      {
        nodes: [
          set('before', { word: 'n' }),
          each(
            'loop',
            '{{ input.list }}',
            {
              nodes: [
                wait('pause', { for: '{{ item }}ms' }),
                set('say', {
                  at: '{{ index }}',
                  was: '{{ item }}',
                  w: '{{ nodes.before.output.word }}',
                }),
              ],
              connections: line('pause', 'say'),
            },
            { concurrency: 3 },
          ),
          set('after', { count: '{{ nodes.loop.output.results | size }}' }),
        ],
        connections: line('before', 'loop', 'after'),
      },
      { list: [900, 1, 300] },
    );
    expect(shown).toMatchObject({ status: 'succeeded' });
    expect(nodeOf(shown, 'loop').output).toEqual({
      failed: 0,
      results: [
        { at: 0, was: 900, w: 'n' },
        { at: 1, was: 1, w: 'n' },
        { at: 2, was: 300, w: 'n' },
      ],
    });
    expect(nodeOf(shown, 'say', '2')).toMatchObject({ status: 'succeeded' });
    expect(nodeOf(shown, 'after').output).toEqual({ count: 3 });
  }, 60_000);

  test('runs no more items at once than its window', async () => {
    const executionId = await begin({
      nodes: [each('loop', [1, 2, 3, 4, 5], { nodes: [approval('ask')] }, { concurrency: 2 })],
    });
    await untilNode(executionId, 'ask', 'waiting', '1');
    await decide(executionId, 'ask', 'approve', '0');
    await untilNode(executionId, 'ask', 'waiting', '2');
    const shown = await execution(executionId);
    expect(shown.nodes.filter((node: Body) => node.nodeId === 'ask')).toHaveLength(3);
    for (const item of ['1', '2', '3', '4']) {
      await untilNode(executionId, 'ask', 'waiting', item);
      await decide(executionId, 'ask', 'approve', item);
    }
    expect(await stack.ended(executionId)).toMatchObject({ status: 'succeeded' });
  }, 60_000);

  test('may stand in another one', async () => {
    const shown = await run(
      {
        nodes: [
          each('rows', '{{ input.rows }}', {
            nodes: [
              set('row', { n: '{{ index }}' }),
              each('cells', '{{ item }}', {
                nodes: [set('cell', { v: '{{ nodes.row.output.n }}{{ item }}' })],
              }),
            ],
            connections: line('row', 'cells'),
          }),
        ],
      },
      { rows: [['a', 'b'], [], ['c']] },
    );
    expect(nodeOf(shown, 'rows').output.results).toEqual([
      { results: [{ v: '0a' }, { v: '0b' }], failed: 0 },
      { results: [], failed: 0 },
      { results: [{ v: '2c' }], failed: 0 },
    ]);
    expect(nodeOf(shown, 'cell', '2.0')).toMatchObject({ status: 'succeeded' });
  }, 60_000);

  const failsOnTwo: Graph = {
    nodes: [
      { id: 'two', type: 'condition', config: { left: '{{ item }}', operator: 'eq', right: 2 } },
      failNode('stop'),
      set('fine', { item: '{{ item }}' }),
    ],
    connections: [
      { from: 'two', output: 'true', to: 'stop' },
      { from: 'two', output: 'false', to: 'fine' },
    ],
  };

  test('ends with its first failed item', async () => {
    const shown = await run({
      nodes: [each('loop', [1, 2, 3], failsOnTwo), set('after')],
      connections: line('loop', 'after'),
    });
    expect(shown).toMatchObject({
      status: 'failed',
      error: { code: 'out_of_stock', message: 'No more left' },
    });
    expect(statuses(shown)).toEqual({ loop: 'failed', after: 'skipped' });
    expect(nodeOf(shown, 'two', '2')).toBeUndefined();
  }, 60_000);

  test('goes on past failed items if told so, and counts them', async () => {
    const shown = await run({
      nodes: [each('loop', [1, 2, 3], failsOnTwo, { onItemError: 'continue' })],
    });
    expect(shown).toMatchObject({ status: 'succeeded' });
    expect(nodeOf(shown, 'loop').output).toEqual({
      failed: 1,
      results: [
        { item: 1 },
        { error: { code: 'out_of_stock', message: 'No more left' } },
        { item: 3 },
      ],
    });
    expect(nodeOf(shown, 'stop', '1')).toMatchObject({ status: 'failed' });
    expect(nodeOf(shown, 'stop', '0')).toMatchObject({ status: 'skipped' });
  }, 60_000);

  test('of 300 mails sends each of them once, under its own name', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `lead ${index}`);
    const shown = await run(
      {
        nodes: [
          each(
            'loop',
            '{{ input.names }}',
            { nodes: [mail('letter', 'For {{ item }}')] },
            { concurrency: 20 },
          ),
        ],
      },
      { names },
    );
    expect(shown).toMatchObject({ status: 'succeeded' });
    const mails = await mailsOf(shown.executionId);
    expect(mails.sort()).toEqual(names.map((name) => `For ${name}`).sort());
  }, 90_000);

  test.each<[string, unknown, object, string]>([
    ['no list', 'abc', {}, 'invalid_items'],
    ['nothing', null, {}, 'invalid_items'],
    ['too many items', [1, 2, 3], { maxItems: 2 }, 'too_many_items'],
  ])(
    'refuses %s',
    async (_what, list, extra, code) => {
      const shown = await run(
        { nodes: [each('loop', '{{ input.list }}', { nodes: [set('a')] }, extra)] },
        { list },
      );
      expect(shown).toMatchObject({ status: 'failed', error: { code, nodeId: 'loop' } });
    },
    60_000,
  );
});

describe('a wait', () => {
  test('for a second takes that long, shown as waiting', async () => {
    const executionId = await begin({
      nodes: [wait('w', { for: '1s' }), set('next')],
      connections: line('w', 'next'),
    });
    await untilNode(executionId, 'w', 'waiting');
    const shown = await stack.ended(executionId);
    expect(statuses(shown)).toEqual({ w: 'succeeded', next: 'succeeded' });
    expect(nodeOf(shown, 'w').durationMs).toBeGreaterThanOrEqual(990);
    expect(nodeOf(shown, 'w').durationMs).toBeLessThan(8_000);
  }, 60_000);

  test('until a time that has passed doesn’t wait', async () => {
    const shown = await run({
      nodes: [wait('w', { until: '2020-01-01T09:00', timezone: 'Asia/Dubai' })],
    });
    expect(nodeOf(shown, 'w')).toMatchObject({
      status: 'succeeded',
      output: { until: '2020-01-01T05:00:00.000Z' },
    });
  }, 60_000);

  test('until what isn’t a time fails', async () => {
    const shown = await run(
      { nodes: [wait('w', { until: '{{ input.at }}' })] },
      { at: 'tomorrow' },
    );
    expect(shown).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_config', nodeId: 'w' },
    });
  }, 60_000);

  test('for an event goes on with its data, and takes one that came earlier', async () => {
    const executionId = await begin({
      nodes: [wait('w', { event: 'paid' }), wait('again', { event: 'paid' })],
      connections: line('w', 'again'),
    });
    await untilNode(executionId, 'w', 'waiting');
    const handle = client.workflow.getHandle(executionId);
    await handle.signal(EVENT_SIGNAL, { event: 'opened', data: 0 });
    await handle.signal(EVENT_SIGNAL, { event: 'paid', data: { sum: 5 } });
    await handle.signal(EVENT_SIGNAL, { event: 'paid', data: { sum: 6 } });
    const shown = await stack.ended(executionId);
    expect(nodeOf(shown, 'w').output).toEqual({ event: 'paid', data: { sum: 5 } });
    expect(nodeOf(shown, 'again').output).toEqual({ event: 'paid', data: { sum: 6 } });
  }, 60_000);

  test('for an event that doesn’t come leaves through timeout', async () => {
    const shown = await run({
      nodes: [wait('w', { event: 'paid', timeout: '300ms' }), set('late'), set('paid')],
      connections: [
        { from: 'w', output: 'timeout', to: 'late' },
        { from: 'w', to: 'paid' },
      ],
    });
    expect(statuses(shown)).toEqual({ w: 'succeeded', late: 'succeeded', paid: 'skipped' });
  }, 60_000);

  test('beside work shows the run as running while the work goes on, then as waiting', async () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const executionId = await begin({
      nodes: [
        wait('w', { event: 'go' }),
        wait('soon', { for: '300ms' }),
        each('loop', items, { nodes: [mail('m')] }),
      ],
      connections: line('soon', 'loop'),
    });
    await untilNode(executionId, 'm', 'succeeded', '0');
    expect((await execution(executionId)).status).toBe('running');
    await untilNode(executionId, 'm', 'succeeded', '99');
    await untilStatus(executionId, 'waiting');
    await client.workflow.getHandle(executionId).signal(EVENT_SIGNAL, { event: 'go', data: null });
    expect(await stack.ended(executionId)).toMatchObject({ status: 'succeeded' });
  }, 60_000);
});

describe('an approval', () => {
  const graph = (extra: object = {}): Graph => ({
    nodes: [approval('ask', extra), set('yes'), set('no'), set('late')],
    connections: [
      { from: 'ask', output: 'approved', to: 'yes' },
      { from: 'ask', output: 'rejected', to: 'no' },
      { from: 'ask', output: 'expired', to: 'late' },
    ],
  });

  test.each([
    ['approve', 'approved', { yes: 'succeeded', no: 'skipped', late: 'skipped' }],
    ['reject', 'rejected', { yes: 'skipped', no: 'succeeded', late: 'skipped' }],
  ])(
    '%s leaves through %s',
    async (decision, port, after) => {
      const executionId = await begin(graph());
      await untilNode(executionId, 'ask', 'waiting');
      const asked = await execution(executionId);
      expect(asked.status).toBe('waiting');
      expect(nodeOf(asked, 'ask').input).toEqual({ message: 'Send it?', assignees: ['anna'] });
      await decide(executionId, 'ask', decision);
      const shown = await stack.ended(executionId);
      expect(statuses(shown)).toEqual({ ask: 'succeeded', ...after });
      expect(nodeOf(shown, 'ask').output).toMatchObject({
        decision: port,
        by: 'test',
        comment: 'seen',
      });
    },
    60_000,
  );

  test('that nobody decides expires, and can’t be decided any more', async () => {
    const executionId = await begin({
      nodes: [approval('ask', { timeout: '300ms' }), wait('w', { event: 'go' })],
      connections: [{ from: 'ask', output: 'expired', to: 'w' }],
    });
    await untilNode(executionId, 'w', 'waiting');
    await expect(decide(executionId, 'ask', 'approve')).rejects.toMatchObject({
      cause: { type: 'not_waiting' },
    });
    await client.workflow.getHandle(executionId).signal(EVENT_SIGNAL, { event: 'go', data: 1 });
    const shown = await stack.ended(executionId);
    expect(nodeOf(shown, 'ask')).toMatchObject({ outputPort: 'expired' });
  }, 60_000);
});

describe('a subworkflow', () => {
  const call = (workflowId: string, extra: object = {}): object => ({
    id: 'call',
    type: 'subworkflow',
    config: { workflowId, input: { who: 'Nour' }, ...extra },
  });

  test('is awaited, with its result', async () => {
    const child = await publish({ nodes: [set('hi', { text: 'Hello {{ input.who }}' })] });
    const shown = await run({ nodes: [call(child)] });
    expect(shown).toMatchObject({ status: 'succeeded' });
    const { output } = nodeOf(shown, 'call');
    expect(output).toMatchObject({ result: { hi: { text: 'Hello Nour' } } });
    expect(await execution(output.executionId)).toMatchObject({
      status: 'succeeded',
      workflowId: child,
      trigger: { type: 'subworkflow', parentExecutionId: shown.executionId },
    });
  }, 60_000);

  test('that fails leaves through error, with its code', async () => {
    const child = await publish({ nodes: [failNode('stop')] });
    const shown = await run({
      nodes: [call(child), set('sorry', { code: '{{ nodes.call.error.code }}' })],
      connections: [{ from: 'call', output: 'error', to: 'sorry' }],
    });
    expect(shown).toMatchObject({ status: 'succeeded' });
    expect(nodeOf(shown, 'sorry').output).toEqual({ code: 'out_of_stock' });
  }, 60_000);

  test('that isn’t awaited outlives its caller', async () => {
    const child = await publish({ nodes: [wait('w', { event: 'go' })] });
    const shown = await run({ nodes: [call(child, { wait: false })] });
    expect(shown).toMatchObject({ status: 'succeeded' });
    const childId = nodeOf(shown, 'call').output.executionId;
    await untilNode(childId, 'w', 'waiting');
    await client.workflow.getHandle(childId).signal(EVENT_SIGNAL, { event: 'go', data: 1 });
    expect(await stack.ended(childId)).toMatchObject({ status: 'succeeded' });
  }, 60_000);

  test('is cancelled with its caller', async () => {
    const child = await publish({ nodes: [wait('w', { event: 'never' })] });
    const executionId = await begin({ nodes: [call(child)] });
    let childId = '';
    await stack.until('the child waits', async () => {
      const { body } = await stack.call('GET', `/api/executions?workflowId=${child}`);
      childId = body.items[0]?.executionId ?? '';
      return body.items[0]?.status === 'waiting';
    });
    await stack.call('POST', `/api/executions/${executionId}/cancel`, {});
    expect(await stack.ended(executionId)).toMatchObject({ status: 'cancelled' });
    expect(await stack.ended(childId)).toMatchObject({ status: 'cancelled' });
  }, 60_000);

  test('must exist and be published', async () => {
    await stack.call('PUT', '/api/workflows/only-a-draft', {
      workflowId: 'only-a-draft',
      name: 'Draft',
      nodes: [set('a')],
    });
    expect(await run({ nodes: [call('only-a-draft')] })).toMatchObject({
      status: 'failed',
      error: { code: 'workflow_not_published', nodeId: 'call' },
    });
    expect(await run({ nodes: [call('nowhere')] })).toMatchObject({
      status: 'failed',
      error: { code: 'workflow_not_found', nodeId: 'call' },
    });
  }, 60_000);

  test('may not lead back to its caller through another one', async () => {
    await publish({ nodes: [call('round-b')] }, 'round-a');
    await publish({ nodes: [call('round-a')] }, 'round-b');
    const shown = await stack.ended(await start('round-a'));
    expect(shown).toMatchObject({ status: 'failed', error: { code: 'subworkflow_cycle' } });
    expect(shown.error?.message).toContain('round-a → round-b → round-a');
  }, 60_000);
});

describe('the ends', () => {
  test('a respond node keeps its answer; a second one is refused', async () => {
    const respond = (id: string): object => ({
      id,
      type: 'respond',
      config: { status: 201, body: { id: '{{ input.id }}', by: id }, headers: { 'x-a': 'b' } },
    });
    const shown = await run(
      { nodes: [respond('first'), respond('second')], connections: line('first', 'second') },
      { id: 7 },
    );
    expect(shown).toMatchObject({ status: 'failed', error: { code: 'already_responded' } });
    const row = await stack
      .database('executions')
      .where({ id: shown.executionId })
      .first('response');
    expect(row.response).toEqual({
      status: 201,
      body: { id: 7, by: 'first' },
      headers: { 'x-a': 'b' },
    });
  }, 60_000);

  test('a fail node fails with its message and code', async () => {
    const shown = await run(
      { nodes: [failNode('stop', { message: 'No {{ input.what }} left' })] },
      { what: 'tea' },
    );
    expect(shown).toMatchObject({
      status: 'failed',
      error: { code: 'out_of_stock', message: 'No tea left', nodeId: 'stop' },
    });
  }, 60_000);

  test('a disabled node is passed over', async () => {
    const shown = await run({
      nodes: [mail('off', 'off', { disabled: true }), mail('on')],
      connections: line('off', 'on'),
    });
    expect(statuses(shown)).toEqual({ off: 'skipped', on: 'succeeded' });
    expect(await mailsOf(shown.executionId)).toEqual(['on']);
  }, 60_000);
});

describe('effects are taken back, the latest first', () => {
  const steps = [
    mail('one', 'one', { undo: 'undo-one' }),
    mail('two', 'two', { undo: 'undo-two' }),
    mail('three', 'three', { undo: 'undo-three' }),
    mail('undo-one', 'back {{ nodes.one.output.accepted | size }}'),
    mail('undo-two'),
    mail('undo-three'),
  ];

  test('on a failure', async () => {
    const shown = await run({
      nodes: [...steps, failNode('stop')],
      connections: line('one', 'two', 'stop'),
    });
    expect(shown).toMatchObject({ status: 'failed', error: { code: 'out_of_stock' } });
    // "three" isn't connected, so it runs beside the others; its place among them isn't fixed.
    const back = (await mailsOf(shown.executionId)).slice(3);
    expect(back).toHaveLength(3);
    expect(back.filter((subject) => subject !== 'undo-three')).toEqual(['undo-two', 'back 1']);
  }, 60_000);

  test('on a cancellation, those that took place only', async () => {
    const executionId = await begin({
      nodes: [...steps, wait('w', { for: '1h' })],
      connections: line('one', 'two', 'w', 'three'),
    });
    await untilNode(executionId, 'w', 'waiting');
    await stack.call('POST', `/api/executions/${executionId}/cancel`, {});
    const shown = await stack.ended(executionId);
    expect(await mailsOf(executionId)).toEqual(['one', 'two', 'undo-two', 'back 1']);
    expect(statuses(shown)).toEqual({
      one: 'succeeded',
      two: 'succeeded',
      w: 'cancelled',
      three: 'skipped',
      'undo-one': 'succeeded',
      'undo-two': 'succeeded',
      'undo-three': 'skipped',
    });
  }, 60_000);

  test('not on a success', async () => {
    const shown = await run({ nodes: steps, connections: line('one', 'two', 'three') });
    expect(shown).toMatchObject({ status: 'succeeded' });
    expect(await mailsOf(shown.executionId)).toEqual(['one', 'two', 'three']);
  }, 60_000);
});

test('nothing starts while a run is paused; it goes on when it is resumed', async () => {
  const executionId = await begin({
    nodes: [wait('w', { event: 'go' }), mail('m')],
    connections: line('w', 'm'),
  });
  await untilNode(executionId, 'w', 'waiting');
  const handle = client.workflow.getHandle(executionId);
  await handle.executeUpdate(PAUSE_UPDATE);
  expect((await execution(executionId)).status).toBe('paused');
  await handle.signal(EVENT_SIGNAL, { event: 'go', data: 1 });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await execution(executionId)).status).toBe('paused');
  expect(await mailsOf(executionId)).toEqual([]);
  await handle.executeUpdate(RESUME_UPDATE);
  expect(await stack.ended(executionId)).toMatchObject({ status: 'succeeded' });
  expect(await mailsOf(executionId)).toEqual(['m']);
}, 60_000);

describe('a cancellation', () => {
  test.each<[string, object, string]>([
    ['a wait', wait('held', { for: '1h' }), ''],
    ['an approval', approval('held'), ''],
    ['a forEach', each('loop', [1, 2, 3], { nodes: [wait('held', { for: '1h' })] }), '0'],
  ])(
    'ends %s',
    async (_what, node, iteration) => {
      const executionId = await begin({ nodes: [node] });
      await untilNode(executionId, 'held', 'waiting', iteration);
      await stack.call('POST', `/api/executions/${executionId}/cancel`, {});
      const shown = await stack.ended(executionId);
      expect(shown).toMatchObject({ status: 'cancelled', error: null });
      expect(nodeOf(shown, 'held', iteration)).toMatchObject({ status: 'cancelled' });
      expect(shown.nodes.map((of: Body) => of.status)).not.toContain('waiting');
    },
    60_000,
  );
});
