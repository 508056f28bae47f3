/** Limits of concurrency and the handling of failures: kept whatever dies, done once. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ emulators: false });
}, 60_000);

afterAll(() => stack.stop(), 60_000);

const gate = { id: 'gate', type: 'wait', config: { event: 'go', timeout: '1h' } };
const lead = { id: 'lead-1', name: 'Nour' };

async function go(executionId: string): Promise<void> {
  await stack.until(
    `${executionId} waits`,
    async () => (await stack.execution(executionId)).status === 'waiting',
  );
  const { status } = await stack.call('POST', `/api/executions/${executionId}/signals/go`, {
    data: {},
  });
  expect(status).toBe(202);
}

async function ids(workflowId: string): Promise<string[]> {
  const { body } = await stack.call('GET', `/api/executions?workflowId=${workflowId}`);
  return body.items.map((item: { executionId: string }) => item.executionId);
}

describe('concurrency', () => {
  test('executions with the same key run one after another, in their order', async () => {
    await stack.publish({
      workflowId: 'one-each',
      name: 'One each',
      nodes: [gate],
      settings: { concurrency: { key: '{{ lead.id }}', limit: 1 } },
    });
    const first = await stack.start('one-each', { lead });
    const second = await stack.start('one-each', { lead });
    const third = await stack.start('one-each', { lead });
    const other = await stack.start('one-each', { lead: { id: 'lead-2', name: 'Layla' } });

    await go(other);
    await stack.ended(other);
    await go(first);
    await stack.ended(first);
    // The third one would be running too, were the order or the limit not kept.
    await go(second);
    expect((await stack.execution(third)).status).toBe('queued');
    await stack.ended(second);
    // Cancelling frees the slot as any other end does.
    const fourth = await stack.start('one-each', { lead });
    await stack.call('POST', `/api/executions/${third}/cancel`);
    expect((await stack.ended(third)).status).toBe('cancelled');
    await go(fourth);
    expect((await stack.ended(fourth)).status).toBe('succeeded');
    const rows = await stack
      .database('executions')
      .whereIn('id', [first, second, third, fourth])
      .orderBy('admitted_at')
      .select('id', 'admitted_at', 'ended_at');
    expect(rows.map((row) => row.id)).toEqual([first, second, third, fourth]);
    for (const [index, row] of rows.slice(1).entries()) {
      expect(+row.admitted_at).toBeGreaterThanOrEqual(+rows[index].ended_at);
    }
  }, 60_000);

  test('one that waits for its turn can be cancelled, and is never started', async () => {
    const first = await stack.start('one-each', { lead: { id: 'lead-3', name: 'A' } });
    const second = await stack.start('one-each', { lead: { id: 'lead-3', name: 'A' } });
    await stack.call('POST', `/api/executions/${second}/cancel`);
    expect((await stack.ended(second)).status).toBe('cancelled');
    await go(first);
    await stack.ended(first);
    const { body } = await stack.call('GET', `/api/executions/${second}`);
    expect(body.startedAt === null || body.nodes[0].status === 'skipped').toBe(true);
  }, 30_000);

  test('ten at once under a limit of two: never more than two overlap, all succeed', async () => {
    await stack.publish({
      workflowId: 'two-at-once',
      name: 'Two at once',
      nodes: [{ id: 'pause', type: 'wait', config: { for: '300ms' } }],
      settings: { concurrency: { key: 'all', limit: 2 } },
    });
    const started = await Promise.all(
      Array.from({ length: 10 }, () => stack.start('two-at-once', { lead })),
    );
    for (const executionId of started) {
      expect((await stack.ended(executionId)).status).toBe('succeeded');
    }
    const { rows } = await stack.database.raw(`
      SELECT max(others) AS most FROM (
        SELECT (SELECT count(*) FROM executions AS other WHERE other.workflow_id = 'two-at-once'
          AND other.admitted_at <= mine.admitted_at AND other.ended_at > mine.admitted_at) AS others
        FROM executions AS mine WHERE mine.workflow_id = 'two-at-once') AS counted`);
    expect(Number(rows[0].most)).toBe(2);
  }, 60_000);

  test('a key without a value refuses the start', async () => {
    await stack.publish({
      workflowId: 'keyless',
      name: 'Keyless',
      nodes: [gate],
      settings: { concurrency: { key: '{{ input.account }}', limit: 1 } },
    });
    const { status, body } = await stack.call('POST', '/api/workflows/keyless/executions', {
      lead,
    });
    expect([status, body.error]).toEqual([422, 'invalid_request']);
    expect(body.message).toContain('input.account');
  });
});

describe('failures', () => {
  const fails = {
    id: 'stop',
    type: 'fail',
    config: { message: 'Out of stock.', code: 'no_stock' },
  };
  const tells = {
    id: 'tell',
    type: 'set',
    config: { values: { text: '{{ input.error.code }} in {{ input.workflowId }}' } },
  };

  test('a failed execution starts its handler once, with the failure as input', async () => {
    await stack.publish({ workflowId: 'ops', name: 'Ops', nodes: [tells] });
    await stack.publish({
      workflowId: 'breaks',
      name: 'Breaks',
      nodes: [fails],
      settings: { onFailure: 'ops' },
    });
    const failed = await stack.start('breaks', { lead });
    await stack.ended(failed);
    await stack.until('the handler has begun', async () => (await ids('ops')).length > 0);
    const [handler = ''] = await ids('ops');
    expect(await stack.ended(handler)).toMatchObject({
      status: 'succeeded',
      leadId: 'lead-1',
      trigger: { type: 'failure', ofExecutionId: failed, ofWorkflowId: 'breaks' },
      result: { tell: { text: 'no_stock in breaks' } },
    });
    // Were the follow-up repeated, as after a crash between its two steps, it would find itself done.
    await stack.database('executions').where({ id: failed }).update({ follow_up: true });
    await stack.until(
      'it was looked at again',
      async () =>
        !(await stack.database('executions').where({ id: failed }).first('follow_up')).follow_up,
    );
    expect(await ids('ops')).toHaveLength(1);
  }, 30_000);

  test('a handler that fails starts no other one; a missing handler harms nobody', async () => {
    await stack.publish({
      workflowId: 'broken-ops',
      name: 'Broken ops',
      nodes: [fails],
      settings: { onFailure: 'breaks-too' },
    });
    await stack.publish({
      workflowId: 'breaks-too',
      name: 'Breaks too',
      nodes: [fails],
      settings: { onFailure: 'broken-ops' },
    });
    const failed = await stack.start('breaks-too', { lead });
    await stack.ended(failed);
    await stack.until('the handler has begun', async () => (await ids('broken-ops')).length > 0);
    const [handler = ''] = await ids('broken-ops');
    await stack.ended(handler);
    const row = await stack.database('executions').where({ id: handler }).first();
    expect([row.on_failure, row.follow_up]).toEqual([null, false]);

    await stack.publish({
      workflowId: 'orphan',
      name: 'Orphan',
      nodes: [fails],
      settings: { onFailure: 'nobody' },
    });
    const orphan = await stack.start('orphan', { lead });
    await stack.ended(orphan);
    await stack.until(
      'it was followed up',
      async () =>
        !(await stack.database('executions').where({ id: orphan }).first('follow_up')).follow_up,
    );
    expect(await ids('breaks-too')).toEqual([failed]);
  }, 30_000);

  test('what ended while no worker lived is followed up by the next one', async () => {
    const { database } = stack;
    await database.raw(
      `INSERT INTO executions (id, project_id, workflow_id, version, trigger, mode, status, error,
         ended_at, on_failure, follow_up)
       VALUES ('timed-out-1', :projectId, 'breaks', 1, '{"type":"api"}', 'sandbox', 'timed_out',
         '{"code":"execution_timed_out","message":"Too long."}', now(), 'ops', true)`,
      { projectId: stack.projectId },
    );
    await stack.until('the handler has begun', async () => (await ids('ops')).length === 2);
    const [handler = ''] = await ids('ops');
    expect(await stack.ended(handler)).toMatchObject({
      result: { tell: { text: 'execution_timed_out in breaks' } },
    });
  }, 30_000);
});

describe('webhooks', () => {
  test('answer what the respond node says, while the execution goes on', async () => {
    await stack.publish({
      workflowId: 'answers',
      name: 'Answers',
      nodes: [
        {
          id: 'answer',
          type: 'respond',
          config: { status: 201, body: { hello: '{{ trigger.body.name }}' } },
        },
        gate,
      ],
      connections: [{ from: 'answer', to: 'gate' }],
      triggers: [{ type: 'webhook', auth: 'token', respond: 'wait' }],
    });
    const { body } = await stack.call('GET', '/api/workflows/answers/triggers');
    const answer = await stack.call('POST', body.items[0].webhook.path, { name: 'نور' });
    expect([answer.status, answer.body]).toEqual([201, { hello: 'نور' }]);
    const executionId = answer.headers.get('x-execution-id') ?? '';
    await go(executionId);
    expect(await stack.ended(executionId)).toMatchObject({
      status: 'succeeded',
      trigger: { type: 'webhook', body: { name: 'نور' } },
    });
  }, 30_000);

  test('a start by hand says so', async () => {
    await stack.publish({ workflowId: 'by-hand', name: 'By hand', nodes: [gate] });
    const executionId = await stack.start('by-hand', { trigger: 'manual' });
    expect((await stack.execution(executionId)).trigger).toEqual({ type: 'manual' });
  });
});
