/** Executions whose history gets long go on as new runs, and nobody outside notices. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { connectClient } from '../../temporal/connection.ts';
import { type ShortHistoryServer, startShortHistoryServer } from '../support/short-histories.ts';
import { type Stack, startStack, type WrittenDefinition } from '../support/stack.ts';

let server: ShortHistoryServer;
let stack: Stack;
let client: Client;

beforeAll(async () => {
  server = await startShortHistoryServer(30);
  stack = await startStack({ temporalAddress: server.address });
  client = await connectClient({ address: server.address, namespace: stack.namespace });
}, 90_000);

afterAll(async () => {
  await client.connection.close();
  await stack.stop();
  await server.stop();
}, 60_000);

async function begin(
  workflowId: string,
  graph: Pick<WrittenDefinition, 'nodes' | 'connections' | 'settings'>,
): Promise<string> {
  await stack.publish({ workflowId, name: workflowId, ...graph });
  return stack.start(workflowId);
}

/** @returns subjects of the mails that the execution sent */
async function mailsOf(executionId: string): Promise<string[]> {
  const rows = await stack
    .database('sandbox_messages')
    .where({ execution_id: executionId })
    .select('message');
  return rows.map((row: { message: { subject: string } }) => row.message.subject);
}

async function hasContinued(executionId: string): Promise<boolean> {
  try {
    const { runId, raw } = await client.workflow.getHandle(executionId).describe();
    return raw.workflowExecutionInfo?.firstRunId !== runId;
  } catch (error) {
    // It is accepted and not yet started.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

function untilContinued(executionId: string): Promise<void> {
  return stack.until(`${executionId} has continued`, () => hasContinued(executionId));
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

const letter = {
  id: 'letter',
  type: 'email',
  config: { to: 'a@example.com', subject: 'Number {{ item }}', text: 'Hello' },
};

/** Takes a run beyond what its history may hold. */
const loop = (count: number, concurrency = 2) => ({
  id: 'loop',
  type: 'forEach',
  config: { items: numbers(count), concurrency, body: { nodes: [letter] } },
});

test('a forEach of 120 mails sends each once, in several runs', async () => {
  const executionId = await begin('loop', {
    nodes: [
      { id: 'first', type: 'set', config: { values: { greeting: 'Hello' } } },
      loop(120, 4),
      {
        id: 'last',
        type: 'set',
        config: { values: { all: '{{ nodes.loop.output.results | size }}, {{ vars.greeting }}' } },
      },
    ],
    connections: [
      { from: 'first', to: 'loop' },
      { from: 'loop', to: 'last' },
    ],
  });
  const execution = await stack.ended(executionId, 60_000);
  expect(execution).toMatchObject({
    status: 'succeeded',
    result: { last: { all: '120, Hello' } },
  });
  expect(await hasContinued(executionId)).toBe(true);
  expect((await mailsOf(executionId)).sort()).toEqual(
    numbers(120)
      .map((number) => `Number ${number}`)
      .sort(),
  );
  const iterations = execution.nodes
    .filter(({ nodeId, status }) => nodeId === 'letter' && status === 'succeeded')
    .map(({ iteration }) => iteration);
  expect(new Set(iterations).size).toBe(120);
}, 90_000);

test('what waits is there again in the new run, with its deadline, and what came early is kept', async () => {
  const wait = (id: string, config: object) => ({ id, type: 'wait', config });
  const executionId = await begin('waits', {
    nodes: [
      loop(80),
      { id: 'ok', type: 'approval', config: { message: 'Go on?', timeout: '1h' } },
      wait('paid', { event: 'paid', timeout: '1h' }),
      wait('never', { event: 'never', timeout: '12s' }),
      wait('until', { for: '12s' }),
      wait('kept', { event: 'early', timeout: '1h' }),
    ],
    connections: [{ from: 'loop', to: 'kept' }],
  });
  const begun = Date.now();
  await stack.call('POST', `/api/executions/${executionId}/signals/early`, { data: 'kept' });
  await untilContinued(executionId);
  const acts = await Promise.all([
    stack.call('POST', `/api/executions/${executionId}/approvals/ok`, { decision: 'approve' }),
    stack.call('POST', `/api/executions/${executionId}/signals/paid`, { data: 12 }),
  ]);
  expect(acts.map(({ status }) => status)).toEqual([202, 202]);
  const execution = await stack.ended(executionId, 60_000);
  expect(execution).toMatchObject({
    status: 'succeeded',
    result: {
      ok: { decision: 'approved' },
      paid: { event: 'paid', data: 12 },
      never: { event: 'never', data: null },
      kept: { event: 'early', data: 'kept' },
    },
  });
  expect(Date.now() - begun).toBeLessThan(25_000);
  expect((await mailsOf(executionId)).length).toBe(80);
}, 90_000);

test('a pause holds across runs, and a cancelled execution takes back what earlier runs did', async () => {
  const executionId = await begin('taken-back', {
    nodes: [
      {
        ...letter,
        id: 'order',
        undo: 'cancel-order',
        config: { ...letter.config, subject: 'Order' },
      },
      { ...letter, id: 'cancel-order', config: { ...letter.config, subject: 'Cancelled' } },
      {
        id: 'loop',
        type: 'forEach',
        config: {
          items: numbers(110),
          concurrency: 4,
          body: {
            nodes: [
              { ...letter, undo: 'back' },
              { ...letter, id: 'back', config: { ...letter.config, subject: 'Back {{ item }}' } },
            ],
          },
        },
      },
      { id: 'ok', type: 'approval', config: { message: 'Go on?' } },
    ],
    connections: [
      { from: 'order', to: 'loop' },
      { from: 'loop', to: 'ok' },
    ],
  });
  await untilContinued(executionId);
  await stack.call('POST', `/api/executions/${executionId}/pause`);
  await stack.until(
    'the execution is shown as paused',
    async () => (await stack.execution(executionId)).status === 'paused',
  );
  await stack.call('POST', `/api/executions/${executionId}/resume`);
  await stack.until(
    'the approval is asked for',
    async () => (await stack.execution(executionId)).status === 'waiting',
  );
  await stack.call('POST', `/api/executions/${executionId}/cancel`, {});
  const execution = await stack.ended(executionId, 60_000);
  expect(execution.status).toBe('cancelled');
  const mails = await mailsOf(executionId);
  expect(mails.length).toBe(222);
  expect(mails.filter((subject) => subject.startsWith('Back')).sort()).toEqual(
    numbers(110)
      .map((number) => `Back ${number}`)
      .sort(),
  );
  expect(mails.at(-1)).toBe('Cancelled');
}, 120_000);

test('the time limit of an execution counts from its first run', async () => {
  const executionId = await begin('late', {
    nodes: [loop(500, 1)],
    settings: { timeout: '4s' },
  });
  await untilContinued(executionId);
  const execution = await stack.ended(executionId, 60_000);
  expect(execution).toMatchObject({ status: 'timed_out' });
  expect(execution.durationMs).toBeLessThan(12_000);
}, 90_000);
