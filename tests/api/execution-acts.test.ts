import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
  for (const definition of DEFINITIONS) await stack.publish(definition);
}, 60_000);
afterAll(() => stack.stop());

const set = (id: string, values: object) => ({ id, type: 'set', config: { values } });
const mail = (id: string, extra: object = {}) => ({
  id,
  type: 'email',
  config: { to: 'a@example.com', subject: id, text: 't' },
  ...extra,
});

const DEFINITIONS = [
  {
    workflowId: 'asks',
    name: 'Asks',
    nodes: [
      mail('before'),
      { id: 'ask', type: 'approval', config: { message: 'Refund?', timeout: '1h' } },
      set('yes', { by: '{{ nodes.ask.output.by }}' }),
      { id: 'no', type: 'fail', config: { message: 'No.', code: 'refused' } },
    ],
    connections: [
      { from: 'before', to: 'ask' },
      { from: 'ask', output: 'approved', to: 'yes' },
      { from: 'ask', output: 'rejected', to: 'no' },
    ],
  },
  {
    workflowId: 'waits',
    name: 'Waits',
    nodes: [
      { id: 'wait', type: 'wait', config: { event: 'paid', timeout: '1h' } },
      set('after', { amount: '{{ nodes.wait.output.data.amount }}' }),
    ],
    connections: [{ from: 'wait', to: 'after' }],
  },
  {
    workflowId: 'answers',
    name: 'Answers',
    nodes: [
      {
        id: 'answer',
        type: 'respond',
        config: {
          status: 201,
          body: { hello: '{{ input.name }}' },
          headers: {
            'X-Kind': 'greeting',
            'X-Name': '{{ input.name }}',
            'X-Request-Id': 'mine',
            'X-Accel-Redirect': '/secret',
            'Set-Cookie': 'session=1',
            Location: 'https://example.com/',
          },
        },
      },
      { id: 'wait', type: 'wait', config: { for: '1h' } },
    ],
    connections: [{ from: 'answer', to: 'wait' }],
  },
  {
    workflowId: 'answers-text',
    name: 'Answers text',
    nodes: [
      {
        id: 'answer',
        type: 'respond',
        config: { status: 200, body: 'أهلاً', headers: { 'Content-Type': 'text/plain' } },
      },
    ],
  },
  {
    workflowId: 'each',
    name: 'Each',
    nodes: [
      {
        id: 'outer',
        type: 'forEach',
        config: {
          items: '{{ input.rows }}',
          body: {
            nodes: [
              {
                id: 'inner',
                type: 'forEach',
                config: {
                  items: '{{ item }}',
                  body: { nodes: [set('leaf', { v: '{{ item }}' })], connections: [] },
                },
              },
            ],
            connections: [],
          },
        },
      },
      set('last', { n: 1 }),
      { id: 'bad', type: 'condition', config: { left: 1, operator: 'eq', right: 1 } },
      set('never', { n: 2 }),
    ],
    connections: [
      { from: 'outer', to: 'last' },
      { from: 'last', to: 'bad' },
      { from: 'bad', output: 'false', to: 'never' },
    ],
  },
  {
    workflowId: 'breaks',
    name: 'Breaks',
    nodes: [
      mail('first'),
      set('note', { word: '{{ nodes.first.output.messageId }}' }),
      mail('second'),
      { id: 'ask', type: 'wait', config: { event: 'verdict', timeout: '1h' } },
      {
        id: 'check',
        type: 'condition',
        config: { left: '{{ nodes.ask.output.data.ok }}', operator: 'eq', right: true },
      },
      { id: 'stop', type: 'fail', config: { message: 'Stopped {{ vars.word }}' } },
    ],
    connections: [
      { from: 'first', to: 'note' },
      { from: 'note', to: 'second' },
      { from: 'second', to: 'ask' },
      { from: 'ask', to: 'check' },
      { from: 'check', output: 'false', to: 'stop' },
    ],
  },
];

async function start(workflowId: string, body: object = {}): Promise<string> {
  const { status, body: accepted } = await stack.call(
    'POST',
    `/api/workflows/${workflowId}/executions`,
    body,
  );
  expect(status).toBe(202);
  return accepted.executionId;
}
const act = (executionId: string, what: string, body?: object, key?: string) =>
  stack.call(
    'POST',
    `/api/executions/${executionId}/${what}`,
    body,
    key === undefined ? {} : { 'idempotency-key': key },
  );
const reaches = (executionId: string, status: string) =>
  stack.until(`${executionId} is ${status}`, async () => {
    const { body } = await stack.call('GET', `/api/executions/${executionId}`);
    return body.status === status;
  });
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an answer has
const nodeOf = (execution: any, nodeId: string) =>
  execution.nodes.find((node: { nodeId: string }) => node.nodeId === nodeId);

describe('approvals', () => {
  test('an approval goes on through its output and names who decided', async () => {
    const executionId = await start('asks');
    await reaches(executionId, 'waiting');
    const waiting = await stack.call('GET', `/api/executions/${executionId}`);
    expect(nodeOf(waiting.body, 'ask')).toMatchObject({
      connector: 'approval',
      operation: 'approval',
      status: 'waiting',
      input: { message: 'Refund?' },
      endedAt: null,
    });

    const elsewhere = await act(executionId, 'approvals/before', { decision: 'approve' });
    expect(elsewhere).toMatchObject({ status: 409, body: { error: 'not_waiting' } });
    const unclear = await act(executionId, 'approvals/ask', { decision: 'perhaps' });
    expect(unclear.status).toBe(422);

    const decision = { decision: 'approve', comment: 'موافق' };
    const decided = await act(executionId, 'approvals/ask', decision, 'decide-1');
    expect(decided).toMatchObject({ status: 202, body: { executionId } });
    const ended = await stack.ended(executionId);
    expect(ended.status).toBe('succeeded');
    const { output, outputPort } = nodeOf(ended, 'ask');
    expect({ output, outputPort }).toMatchObject({
      output: { decision: 'approved', comment: 'موافق', by: expect.any(String) },
      outputPort: 'approved',
    });
    expect(output.by).not.toBe('');
    expect(nodeOf(ended, 'yes').output).toEqual({ by: output.by });
    const late = await act(executionId, 'approvals/ask', { decision: 'reject' });
    expect(late).toMatchObject({ status: 409, body: { error: 'execution_ended' } });
  });
});

describe('pause and resume', () => {
  test('hold what follows and let it go on, however often they are asked for', async () => {
    const executionId = await start('asks');
    await reaches(executionId, 'waiting');
    for (let time = 0; time < 2; time += 1) {
      const paused = await act(executionId, 'pause');
      expect(paused).toMatchObject({ status: 202, body: { status: 'paused' } });
    }
    await act(executionId, 'approvals/ask', { decision: 'approve' });
    const held = await stack.call('GET', `/api/executions/${executionId}`);
    expect(held.body.status).toBe('paused');
    expect(nodeOf(held.body, 'yes').status).toBe('pending');
    expect((await act(executionId, 'resume')).status).toBe(202);
    expect((await stack.ended(executionId)).status).toBe('succeeded');
    for (const what of ['pause', 'resume', 'signals/x']) {
      const refused = await act(executionId, what);
      expect(refused).toMatchObject({ status: 409, body: { error: 'execution_ended' } });
    }
    expect((await act('none', 'pause')).status).toBe(404);
  });
});

describe('signals', () => {
  test('an event lets the wait node go on with its data; the same key tells it once', async () => {
    const executionId = await start('waits');
    await reaches(executionId, 'waiting');
    const other = await act(executionId, 'signals/refunded', { data: 1 });
    expect(other.status).toBe(202);
    const told = await act(executionId, 'signals/paid', { data: { amount: 7 } }, 'signal-1');
    expect(told).toMatchObject({ status: 202, body: { executionId } });
    const ended = await stack.ended(executionId);
    expect(nodeOf(ended, 'wait')).toMatchObject({
      output: { event: 'paid', data: { amount: 7 } },
      outputPort: 'success',
    });
    expect(nodeOf(ended, 'after').output).toEqual({ amount: 7 });
    const again = await act(executionId, 'signals/paid', { data: { amount: 7 } }, 'signal-1');
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('waiting for a respond node', () => {
  test('answers its status, body and safe headers although the execution goes on', async () => {
    const answer = await stack.call('POST', '/api/workflows/answers/executions?wait=20s', {
      input: { name: 'نور' },
    });
    expect(answer).toMatchObject({ status: 201, body: { hello: 'نور' } });
    const { headers } = answer;
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('x-kind')).toBe('greeting');
    for (const name of ['set-cookie', 'location', 'x-accel-redirect', 'x-name']) {
      expect([name, headers.get(name)]).toEqual([name, null]);
    }
    expect(headers.get('x-request-id')).not.toBe('mine');
    const executionId = headers.get('x-execution-id') ?? '';
    await reaches(executionId, 'waiting');
    await act(executionId, 'cancel');
    expect((await stack.ended(executionId)).status).toBe('cancelled');
  });

  test('sends a text as it is', async () => {
    const answer = await stack.call('POST', '/api/workflows/answers-text/executions?wait=20s');
    expect(answer).toMatchObject({ status: 200, body: 'أهلاً' });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  test('an automation that answers nothing answers the execution', async () => {
    const answer = await stack.call('POST', '/api/workflows/each/executions?wait=20s', {
      input: { rows: [] },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { workflowId: 'each', status: 'succeeded' },
    });
  });
});

test('nodes in bodies are shown with their iterations after their forEach', async () => {
  const executionId = await start('each', { input: { rows: [[1], [2, 3]] } });
  const ended = await stack.ended(executionId);
  expect(
    ended.nodes.map(({ nodeId, iteration, connector, status }) =>
      [nodeId, iteration, connector, status].join(' '),
    ),
  ).toEqual([
    'outer  forEach succeeded',
    'inner 0 forEach succeeded',
    'leaf 0.0 set succeeded',
    'inner 1 forEach succeeded',
    'leaf 1.0 set succeeded',
    'leaf 1.1 set succeeded',
    'last  set succeeded',
    'bad  condition succeeded',
    'never  set skipped',
  ]);
  const empty = await stack.ended(await start('each', { input: { rows: [] } }));
  expect(empty.nodes.map(({ nodeId }: { nodeId: string }) => nodeId)).toEqual([
    'outer',
    'last',
    'bad',
    'never',
  ]);
});

describe('retrying', () => {
  const mails = async (executionId: string): Promise<readonly string[]> => {
    const { body } = await stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
    return body.items.map((item: { nodeId: string }) => item.nodeId).sort();
  };

  async function broken(): Promise<string> {
    const lead = { id: 'lead-r', name: 'ليلى' };
    const executionId = await start('breaks', { lead, input: { a: 1 } });
    await act(executionId, 'signals/verdict', { data: { ok: false } });
    expect((await stack.ended(executionId)).status).toBe('failed');
    expect(await mails(executionId)).toEqual(['first', 'second']);
    return executionId;
  }

  test('keeps what succeeded: nothing is sent again, the rest runs', async () => {
    const ofExecutionId = await broken();
    const answers = await Promise.all([1, 2, 3].map(() => act(ofExecutionId, 'retry', {}, 'r-1')));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.executionId)).size).toBe(1);
    const { executionId, version, links } = answers[0]?.body ?? {};
    expect(executionId).not.toBe(ofExecutionId);
    expect({ version, self: links.self }).toEqual({
      version: 1,
      self: `/api/executions/${executionId}`,
    });
    const ended = await stack.ended(executionId);
    // The verdict is kept too, so it fails as before; its message has what `set` put into vars.
    expect(ended).toMatchObject({
      status: 'failed',
      leadId: 'lead-r',
      mode: 'sandbox',
      trigger: { type: 'retry', ofExecutionId },
    });
    const original = (await stack.call('GET', `/api/executions/${ofExecutionId}`)).body;
    expect(nodeOf(ended, 'first').output).toEqual(nodeOf(original, 'first').output);
    expect(ended.error).toEqual(original.error);
    expect(await mails(executionId)).toEqual([]);

    const reused = await act(ofExecutionId, 'retry', { fromNode: 'ask' }, 'r-1');
    expect(reused).toMatchObject({ status: 409, body: { error: 'idempotency_key_reused' } });
  });

  test('from a node runs it and all that follows, and nothing before it', async () => {
    const ofExecutionId = await broken();
    const { body } = await act(ofExecutionId, 'retry', { fromNode: 'second' });
    const { executionId } = body;
    const early = await act(executionId, 'retry');
    expect(early).toMatchObject({ status: 409, body: { error: 'execution_not_ended' } });
    await act(executionId, 'signals/verdict', { data: { ok: true } });
    const ended = await stack.ended(executionId);
    expect(ended).toMatchObject({
      status: 'succeeded',
      trigger: { type: 'retry', ofExecutionId, fromNode: 'second' },
    });
    expect(await mails(executionId)).toEqual(['second']);
  });

  test('a node that is not there is refused, and so is an unknown execution', async () => {
    const ofExecutionId = await broken();
    const refused = await act(ofExecutionId, 'retry', { fromNode: 'nothing' });
    expect(refused).toMatchObject({
      status: 422,
      body: { error: 'invalid_request', issues: [{ pointer: '/fromNode' }] },
    });
    expect((await act('none', 'retry')).status).toBe(404);
  });
});
