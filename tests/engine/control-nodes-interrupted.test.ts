/** Every control node, interrupted in the middle: its worker is killed, or the execution cancelled. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stack, startStack, type WrittenDefinition } from '../support/stack.ts';

let stack: Stack;

const mail = (id: string, more: object = {}) => ({
  id,
  type: 'email',
  config: { to: 'a@example.com', subject: id, text: 'Hello' },
  ...more,
});
const pause = (id: string) => ({ id, type: 'wait', config: { for: '8s' } });
const chain = (...ids: string[]) => ids.slice(1).map((to, index) => ({ from: ids[index], to }));

interface Case {
  readonly graph: Pick<WrittenDefinition, 'nodes' | 'connections'>;
  /** The execution is interrupted when this node waits. */
  readonly waits: string;
  /** What lets it go on. */
  readonly goOn?: { readonly path: string; readonly body: object };
  readonly status: 'succeeded' | 'failed';
  /** Subjects of all mails, sorted. */
  readonly mails: readonly string[];
  /** Subjects if it is cancelled while it waits instead. */
  readonly mailsWhenCancelled: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  approval: {
    graph: {
      nodes: [
        mail('before'),
        { id: 'ask', type: 'approval', config: { message: 'Send it?', timeout: '1h' } },
        mail('after'),
        mail('refused'),
      ],
      connections: [
        { from: 'before', to: 'ask' },
        { from: 'ask', output: 'approved', to: 'after' },
        { from: 'ask', output: 'rejected', to: 'refused' },
      ],
    },
    waits: 'ask',
    goOn: { path: 'approvals/ask', body: { decision: 'approve' } },
    status: 'succeeded',
    mails: ['after', 'before'],
    mailsWhenCancelled: ['before'],
  },
  'wait for an event': {
    graph: {
      nodes: [
        mail('before'),
        { id: 'w', type: 'wait', config: { event: 'paid', timeout: '1h' } },
        mail('after'),
      ],
      connections: chain('before', 'w', 'after'),
    },
    waits: 'w',
    goOn: { path: 'signals/paid', body: { data: { amount: 5 } } },
    status: 'succeeded',
    mails: ['after', 'before'],
    mailsWhenCancelled: ['before'],
  },
  subworkflow: {
    graph: {
      nodes: [
        mail('before'),
        { id: 'sub', type: 'subworkflow', config: { workflowId: 'child' } },
        mail('after'),
      ],
      connections: chain('before', 'sub', 'after'),
    },
    waits: 'sub',
    status: 'succeeded',
    mails: ['after', 'before'],
    mailsWhenCancelled: ['before'],
  },
  forEach: {
    graph: {
      nodes: [
        {
          id: 'loop',
          type: 'forEach',
          config: {
            items: [1, 2, 3],
            concurrency: 3,
            body: {
              nodes: [
                mail('first', {
                  config: { to: 'a@example.com', subject: 'first {{ item }}', text: 'x' },
                }),
                pause('w'),
                mail('second', {
                  config: { to: 'a@example.com', subject: 'second {{ item }}', text: 'x' },
                }),
              ],
              connections: chain('first', 'w', 'second'),
            },
          },
        },
        mail('after'),
      ],
      connections: chain('loop', 'after'),
    },
    waits: 'w',
    status: 'succeeded',
    mails: ['after', 'first 1', 'first 2', 'first 3', 'second 1', 'second 2', 'second 3'],
    mailsWhenCancelled: ['first 1', 'first 2', 'first 3'],
  },
  'condition, switch, set, respond and join any': {
    graph: {
      nodes: [
        mail('before'),
        { id: 'is', type: 'condition', config: { left: 1, operator: 'eq', right: 1 } },
        {
          id: 'tier',
          type: 'switch',
          config: { value: 'gold', cases: [{ equals: 'gold', output: 'gold' }] },
        },
        { id: 'name', type: 'set', config: { values: { greeting: 'مرحباً' } } },
        { id: 'answer', type: 'respond', config: { status: 201, body: { ok: true } } },
        pause('w'),
        mail('after', {
          join: 'any',
          config: { to: 'a@example.com', subject: 'after {{ vars.greeting }}', text: 'x' },
        }),
        mail('never'),
      ],
      connections: [
        { from: 'before', to: 'is' },
        { from: 'is', output: 'true', to: 'tier' },
        { from: 'is', output: 'false', to: 'never' },
        { from: 'tier', output: 'gold', to: 'name' },
        { from: 'tier', output: 'default', to: 'never' },
        { from: 'name', to: 'answer' },
        { from: 'answer', to: 'w' },
        { from: 'w', to: 'after' },
        { from: 'never', to: 'after' },
      ],
    },
    waits: 'w',
    status: 'succeeded',
    mails: ['after مرحباً', 'before'],
    mailsWhenCancelled: ['before'],
  },
  'fail, and undo': {
    graph: {
      nodes: [
        mail('one', { undo: 'undo-one' }),
        mail('two', { undo: 'undo-two' }),
        mail('undo-one'),
        mail('undo-two'),
        pause('w'),
        { id: 'stop', type: 'fail', config: { message: 'Not like this', code: 'enough' } },
      ],
      connections: chain('one', 'two', 'w', 'stop'),
    },
    waits: 'w',
    status: 'failed',
    mails: ['one', 'two', 'undo-one', 'undo-two'],
    mailsWhenCancelled: ['one', 'two', 'undo-one', 'undo-two'],
  },
};

beforeAll(async () => {
  stack = await startStack({ worker: false });
  await stack.publish({ workflowId: 'child', name: 'child', nodes: [pause('inner')] });
  for (const [name, { graph }] of Object.entries(CASES)) {
    await stack.publish({ workflowId: idOf(name), name, ...graph });
  }
}, 60_000);

afterAll(() => stack.stop(), 60_000);

const idOf = (name: string): string => name.replaceAll(/\W+/g, '-');

async function mailsOf(executionId: string): Promise<string[]> {
  const { body } = await stack.call(
    'GET',
    `/api/sandbox/outbox?executionId=${executionId}&limit=100`,
  );
  return body.items.map((item: { message: { subject: string } }) => item.message.subject).sort();
}

/** Starts all cases. @returns their executions, each at the node where it waits */
async function startAll(): Promise<ReadonlyMap<string, string>> {
  const started = new Map<string, string>();
  for (const name of Object.keys(CASES)) started.set(name, await stack.start(idOf(name)));
  for (const [name, executionId] of started) {
    const { waits } = CASES[name] ?? {};
    await stack.until(`"${name}" waits`, async () => {
      const { nodes } = await stack.execution(executionId);
      const own = nodes.filter(({ nodeId }) => nodeId === waits);
      return (
        own.length === (waits === 'w' && name === 'forEach' ? 3 : 1) &&
        own.every(({ status }) => status === 'waiting')
      );
    });
  }
  return started;
}

test('killed with their worker, they go on where they were, and nothing is sent twice', async () => {
  const first = await stack.startWorker();
  const started = await startAll();
  await first.kill();
  await stack.startWorker();
  const ends: Record<string, unknown> = {};
  for (const [name, executionId] of started) {
    const { goOn } = CASES[name] ?? {};
    if (goOn === undefined) continue;
    // Until the workflow has gone over to the new worker, nobody answers for it (503).
    await stack.until(`"${name}" is told`, async () => {
      const path = `/api/executions/${executionId}/${goOn.path}`;
      const { status } = await stack.call('POST', path, goOn.body, {
        'idempotency-key': idOf(name),
      });
      expect([200, 202, 503]).toContain(status);
      return status !== 503;
    });
  }
  for (const [name, executionId] of started) {
    const { status, error } = await stack.ended(executionId, 90_000);
    ends[name] = { status, code: error?.code ?? null, mails: await mailsOf(executionId) };
  }
  expect(ends).toEqual(
    Object.fromEntries(
      Object.entries(CASES).map(([name, { status, mails }]) => [
        name,
        { status, code: status === 'failed' ? 'enough' : null, mails },
      ]),
    ),
  );
}, 180_000);

test('cancelled, they end so, and take back what has an undo', async () => {
  const started = await startAll();
  for (const executionId of started.values()) {
    await stack.call('POST', `/api/executions/${executionId}/cancel`, { reason: 'Enough' });
  }
  const ends: Record<string, unknown> = {};
  for (const [name, executionId] of started) {
    const { status, nodes } = await stack.ended(executionId);
    const open = nodes.filter(({ status: it }) => it === 'waiting' || it === 'running');
    ends[name] = { status, open, mails: await mailsOf(executionId) };
  }
  expect(ends).toEqual(
    Object.fromEntries(
      Object.entries(CASES).map(([name, { mailsWhenCancelled }]) => [
        name,
        { status: 'cancelled', open: [], mails: mailsWhenCancelled },
      ]),
    ),
  );
}, 120_000);
