/** What a definition says is what happens, as the API shows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { createLedger } from '../../db/ledger.ts';
import { createExecutionRepository } from '../../db/repositories/executions.ts';
import { connectClient } from '../../temporal/connection.ts';
import { createExecutionStarter } from '../../temporal/start-execution.ts';
import { type Reconciler, startReconciler } from '../../workers/reconciler.ts';
import type { DefinitionInput } from '../../workflows/graph/definition.ts';
import { startTestEmulators, type TestEmulators } from '../support/emulators.ts';
import { type Execution, type Stack, startStack, temporalAddress } from '../support/stack.ts';
import { type Scripted, startWebApi, type WebApi } from '../support/web-api.ts';

let web: WebApi;
let stack: Stack;
let emulators: TestEmulators;
let client: Client;

beforeAll(async () => {
  web = await startWebApi();
  stack = await startStack({ emulators: false, env: { MASAR_ALLOW_HOSTS: web.host } });
  emulators = await startTestEmulators(stack.database);
  client = await connectClient({ address: temporalAddress(), namespace: stack.namespace });
}, 60_000);

afterAll(async () => {
  await client.connection.close();
  await stack.stop();
  await emulators.close();
  await web.close();
}, 60_000);

type Nodes = DefinitionInput['nodes'];
const lead = {
  id: 'lead-1',
  name: 'نور الهدى',
  email: 'nour@example.com',
  phone: '+971501234567',
  score: 80,
};
const mail = {
  id: 'mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'مرحباً {{ lead.name }}', text: 'Welcome' },
};

/** A node that reads from the test's own web API. */
function reads(id: string, path: string, ...replies: Scripted[]) {
  return { id, type: 'http', config: { method: 'GET', url: web.on(path, ...replies) } };
}

/** A node that writes to it, without a key that the API would recognise. */
function writes(id: string, path: string, ...replies: Scripted[]) {
  return { id, type: 'http', config: { method: 'POST', url: web.on(path, ...replies), body: {} } };
}

/** Publishes a definition and starts it. @returns the execution's id */
async function run(
  workflowId: string,
  definition: Omit<DefinitionInput, 'workflowId' | 'name'>,
): Promise<string> {
  await stack.publish({ workflowId, name: workflowId, ...definition });
  return stack.start(workflowId, { lead });
}

function statuses({ nodes }: Execution): Record<string, string> {
  return Object.fromEntries(nodes.map(({ nodeId, status }) => [nodeId, status]));
}

function nodeOf({ nodes }: Execution, nodeId: string): Execution['nodes'][number] {
  const node = nodes.find((it) => it.nodeId === nodeId);
  if (node === undefined) throw new Error(`The execution has no node "${nodeId}".`);
  return node;
}

async function untilNode(executionId: string, nodeId: string, status: string): Promise<void> {
  await stack.until(
    `${nodeId} is ${status}`,
    async () => nodeOf(await stack.execution(executionId), nodeId).status === status,
  );
}

async function sent(executionId: string): Promise<number> {
  const rows = await stack.database('sandbox_messages').where({ execution_id: executionId });
  return rows.length;
}

describe('paths', () => {
  const branch = (id: string, path: string): Nodes[number] => reads(id, path);

  test('a branch that is not taken is skipped, and the join runs all the same', async () => {
    const executionId = await run('join', {
      nodes: [
        {
          id: 'hot',
          type: 'condition',
          config: { left: '{{ lead.score }}', operator: 'gte', right: 50 },
        },
        branch('yes', '/join/yes'),
        branch('no', '/join/no'),
        branch('later', '/join/later'),
        branch('end', '/join/end'),
      ],
      connections: [
        { from: 'hot', output: 'true', to: 'yes' },
        { from: 'hot', output: 'false', to: 'no' },
        { from: 'no', to: 'later' },
        { from: 'yes', to: 'end' },
        { from: 'later', to: 'end' },
      ],
    });
    const execution = await stack.ended(executionId);
    expect(execution.status).toBe('succeeded');
    expect(statuses(execution)).toEqual({
      hot: 'succeeded',
      yes: 'succeeded',
      no: 'skipped',
      later: 'skipped',
      end: 'succeeded',
    });
    expect(nodeOf(execution, 'hot')).toMatchObject({
      output: { result: true },
      outputPort: 'true',
    });
    expect([web.asked('/join/no').length, web.asked('/join/end').length]).toEqual([0, 1]);
    expect(execution.result).toMatchObject({ end: { status: 200, body: { ok: true } } });
  }, 30_000);

  test('parallel branches run at the same time, and their join once, after both', async () => {
    const both = async () => {
      while (web.asked('/both/a').length + web.asked('/both/b').length < 2) await sleep(20);
      return { status: 200, body: { join: web.asked('/both/join').length } };
    };
    const executionId = await run('both', {
      nodes: [
        reads('a', '/both/a', both),
        reads('b', '/both/b', both),
        reads('join', '/both/join'),
      ],
      connections: [
        { from: 'a', to: 'join' },
        { from: 'b', to: 'join' },
      ],
    });
    const execution = await stack.ended(executionId);
    expect(statuses(execution)).toEqual({ a: 'succeeded', b: 'succeeded', join: 'succeeded' });
    expect(nodeOf(execution, 'b').output).toMatchObject({ body: { join: 0 } });
    expect(web.asked('/both/join')).toHaveLength(1);
  }, 30_000);

  test('a failure goes on through the error output, or past it, where the definition says so', async () => {
    const refused = { status: 404 };
    const [withOutput, passedOver] = await Promise.all([
      run('error-output', {
        nodes: [
          reads('bad', '/error-output', refused),
          branch('ok', '/error-output/ok'),
          {
            id: 'caught',
            type: 'set',
            config: { values: { why: '{{ nodes.bad.error.code }}', is: '{{ nodes.bad.status }}' } },
          },
        ],
        connections: [
          { from: 'bad', to: 'ok' },
          { from: 'bad', output: 'error', to: 'caught' },
        ],
      }),
      run('continue', {
        nodes: [
          { ...reads('bad', '/continue', refused), onError: 'continue' },
          branch('next', '/continue/next'),
        ],
        connections: [{ from: 'bad', to: 'next' }],
      }),
    ]);
    const execution = await stack.ended(withOutput);
    expect(execution).toMatchObject({
      status: 'succeeded',
      error: null,
      result: { caught: { why: 'not_found', is: 'failed' } },
    });
    expect(statuses(execution)).toEqual({ bad: 'failed', ok: 'skipped', caught: 'succeeded' });

    const other = await stack.ended(passedOver);
    expect(other.status).toBe('succeeded');
    expect(statuses(other)).toEqual({ bad: 'failed', next: 'succeeded' });
    expect(nodeOf(other, 'bad').error).toMatchObject({ code: 'not_found', nodeId: 'bad' });
  }, 30_000);

  test('an expression that can’t be rendered names its node, the field and the name', async () => {
    const executionId = await run('expression', {
      nodes: [
        branch('first', '/expression'),
        {
          id: 'bad',
          name: 'Tell the CRM',
          type: 'http',
          config: {
            method: 'POST',
            url: web.on('/expression/bad'),
            body: { a: [{ b: '{{ lead.mobile }}' }] },
          },
        },
        branch('next', '/expression/next'),
      ],
      connections: [
        { from: 'first', to: 'bad' },
        { from: 'bad', to: 'next' },
      ],
    });
    const execution = await stack.ended(executionId);
    expect(execution).toMatchObject({
      status: 'failed',
      error: {
        code: 'unknown_name',
        nodeId: 'bad',
        message: expect.stringMatching(/Tell the CRM.*lead\.mobile/s),
        details: { pointer: '/config/body/a/0/b' },
      },
    });
    expect(statuses(execution)).toEqual({ first: 'succeeded', bad: 'failed', next: 'skipped' });
    expect(web.asked('/expression/bad')).toHaveLength(0);
  }, 30_000);
});

describe('retries', () => {
  test('a 429 is repeated after the time that it asks for', async () => {
    const executionId = await run('retry-after', {
      nodes: [
        {
          ...writes(
            'limited',
            '/retry-after',
            { status: 429, headers: { 'retry-after': '2' } },
            { status: 200, body: { id: 7 } },
          ),
          retry: { initialInterval: '50ms' },
        },
      ],
    });
    await untilNode(executionId, 'limited', 'retrying');
    expect(nodeOf(await stack.execution(executionId), 'limited')).toMatchObject({
      attempts: 1,
      error: { code: 'rate_limited', details: { status: 429 } },
    });
    const execution = await stack.ended(executionId);
    expect(nodeOf(execution, 'limited')).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      output: { body: { id: 7 } },
      error: null,
    });
    const [first = 0, second = 0, ...more] = web.asked('/retry-after');
    expect(more).toEqual([]);
    expect(second - first).toBeGreaterThanOrEqual(1_950);
    expect(second - first).toBeLessThan(6_000);
  }, 30_000);

  test('a server that stays broken fails the node once its attempts are used up', async () => {
    const executionId = await run('exhausted', {
      nodes: [
        {
          ...reads('broken', '/exhausted', { status: 503 }),
          retry: { maximumAttempts: 3, initialInterval: '20ms' },
        },
        reads('next', '/exhausted/next'),
      ],
      connections: [{ from: 'broken', to: 'next' }],
    });
    const execution = await stack.ended(executionId);
    expect(execution).toMatchObject({
      status: 'failed',
      result: null,
      error: { code: 'unavailable', nodeId: 'broken', details: { status: 503 } },
    });
    expect(nodeOf(execution, 'broken')).toMatchObject({ status: 'failed', attempts: 3 });
    expect(web.asked('/exhausted')).toHaveLength(3);
    const { body } = await stack.call('GET', '/api/automation/workflow/exhausted/logs');
    expect(body.items).toMatchObject([
      { nodeId: 'broken', status: 'failed', retryCount: 2, maxRetries: 2 },
      { nodeId: 'next', status: 'skipped' },
    ]);
    // Temporal's own lists tell the truth as well.
    const { status } = await client.workflow.getHandle(executionId).describe();
    expect(status.name).toBe('FAILED');
  }, 30_000);

  test('without a pause between them attempts follow one another to the last', async () => {
    const executionId = await run('no-pause', {
      nodes: [
        {
          ...reads('broken', '/no-pause', { status: 503 }),
          retry: { maximumAttempts: 4, initialInterval: '0s', maximumInterval: '0s' },
        },
      ],
    });
    const execution = await stack.ended(executionId);
    expect(nodeOf(execution, 'broken')).toMatchObject({ status: 'failed', attempts: 4 });
    expect(web.asked('/no-pause')).toHaveLength(4);
  }, 30_000);
});

describe('sends whose outcome can’t be known', () => {
  test('are held for a person, who says that it did not take place', async () => {
    emulators.whatsapp.injectWhere((request) => request.text().includes('held for a person'), {
      kind: 'hangAfterAccept',
    });
    const executionId = await run('held', {
      nodes: [
        {
          id: 'wa',
          type: 'whatsapp',
          config: { to: '{{ lead.phone }}', text: 'held for a person' },
          timeout: '500ms',
        },
        reads('next', '/held/next'),
      ],
      connections: [{ from: 'wa', to: 'next' }],
    });
    await stack.until(
      'the execution is held',
      async () => (await stack.execution(executionId)).status === 'unknown',
    );
    const held = await stack.execution(executionId);
    expect(held.endedAt).toBeNull();
    expect(nodeOf(held, 'wa')).toMatchObject({
      status: 'unknown',
      attempts: 1,
      error: { code: 'timeout' },
    });
    const path = `/api/executions/${executionId}/nodes/wa/resolve`;
    expect((await stack.call('POST', path, { outcome: 'not_sent' })).status).toBe(202);
    const execution = await stack.ended(executionId);
    expect(execution).toMatchObject({ status: 'failed', error: { nodeId: 'wa' } });
    expect(statuses(execution)).toEqual({ wa: 'failed', next: 'skipped' });
    expect((await stack.call('POST', path, { outcome: 'resend' })).status).toBe(409);
    expect(await sent(executionId)).toBe(1);
  }, 30_000);

  test('are sent again, or taken as sent, where the node says so', async () => {
    const blind = (onUnknown: 'resend' | 'assume-sent'): Nodes[number] => ({
      ...writes('post', `/${onUnknown}`, 'hang', { status: 201, body: { id: 9 } }),
      timeout: '500ms',
      onUnknown,
      retry: { initialInterval: '20ms' },
    });
    const [again, assumed] = await Promise.all([
      run('unknown-resend', { nodes: [blind('resend')] }),
      run('unknown-assume-sent', { nodes: [blind('assume-sent')] }),
    ]);
    expect(nodeOf(await stack.ended(again), 'post')).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      output: { status: 201 },
    });
    expect(web.asked('/resend')).toHaveLength(2);

    const execution = await stack.ended(assumed);
    expect(execution.status).toBe('succeeded');
    expect(nodeOf(execution, 'post')).toMatchObject({
      status: 'succeeded',
      attempts: 1,
      output: { assumed: true },
    });
    expect(web.asked('/assume-sent')).toHaveLength(1);
  }, 30_000);
});

describe('ends', () => {
  const waitsForHours = (id: string, path: string): Nodes[number] => ({
    ...reads(id, path, { status: 503 }),
    retry: { initialInterval: '5h' },
  });

  test('cancelling ends a node that waits for its retry', async () => {
    const executionId = await run('cancel', {
      nodes: [waitsForHours('waits', '/cancel'), reads('next', '/cancel/next')],
      connections: [{ from: 'waits', to: 'next' }],
      settings: { timeout: '7d' },
    });
    await untilNode(executionId, 'waits', 'retrying');
    const answer = await stack.call('POST', `/api/executions/${executionId}/cancel`, {
      reason: 'The lead asked for it.',
    });
    expect(answer.status).toBe(202);
    const execution = await stack.ended(executionId);
    expect(execution.status).toBe('cancelled');
    expect(statuses(execution)).toEqual({ waits: 'cancelled', next: 'skipped' });
    const { status } = await client.workflow.getHandle(executionId).describe();
    expect(status.name).toBe('CANCELLED');
  }, 30_000);

  test('the time limit of an execution ends whatever it waits for', async () => {
    const settings = { timeout: '1s' };
    const executionIds = await Promise.all([
      run('limit-retry', { nodes: [waitsForHours('slow', '/limit-retry')], settings }),
      run('limit-attempt', { nodes: [reads('slow', '/limit-attempt', 'hang')], settings }),
    ]);
    for (const executionId of executionIds) {
      const execution = await stack.ended(executionId);
      expect(execution).toMatchObject({
        status: 'timed_out',
        error: { code: 'execution_timed_out' },
      });
      expect(statuses(execution)).toEqual({ slow: 'cancelled' });
    }
  }, 40_000);
});

describe('starts', () => {
  test('a single email node, for a lead that the API need not know', async () => {
    const accepted = await stack.call('POST', '/api/automation/email/send', {
      leadId: 'lead-of-another-system',
      workflowId: 'single',
      nodeId: 'mail',
      config: { to: 'nour@example.com', subject: 'مرحباً نور', body: '<b>أهلاً</b>' },
    });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toEqual({ executionId: expect.any(String), status: 'queued' });
    const { executionId } = accepted.body;
    await stack.ended(executionId);
    const shown = await stack.call('GET', `/api/automation/execution/${executionId}/status`);
    expect(shown.body).toMatchObject({
      status: 'succeeded',
      leadId: 'lead-of-another-system',
      version: 0,
      nodes: [{ nodeId: 'mail', connector: 'email', status: 'succeeded', attempts: 1 }],
    });
    const logs = await stack.call('GET', '/api/automation/workflow/single/logs');
    expect(logs.body.items).toMatchObject([{ nodeId: 'mail', status: 'succeeded' }]);
    const outbox = await stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
    expect(outbox.body.items).toMatchObject([
      { to: 'nour@example.com', message: { subject: 'مرحباً نور' } },
    ]);
  }, 30_000);

  test('with ?wait= the answer is the result', async () => {
    const code = {
      id: 'score',
      type: 'code',
      config: { code: 'return { tier: input.lead.score };' },
    };
    await stack.publish({ workflowId: 'waited', name: 'Waited', nodes: [code] });
    const path = '/api/workflows/waited/executions?wait=10s';
    const answer = await stack.call('POST', path, { lead });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'succeeded', result: { score: { tier: 80 } } });
  }, 30_000);

  test('twice under one Idempotency-Key, and an event told twice, run once', async () => {
    await stack.publish({
      workflowId: 'once',
      name: 'Once',
      nodes: [mail],
      triggers: [{ type: 'event', event: 'lead.tested' }],
    });
    const started = await Promise.all(
      [1, 2].map(() =>
        stack.call('POST', '/api/workflows/once/executions', { lead }, { 'idempotency-key': 'k' }),
      ),
    );
    const told = await Promise.all(
      [1, 2].map(() =>
        stack.call('POST', '/api/events', { eventId: 'e', type: 'lead.tested', lead }),
      ),
    );
    expect([...started, ...told].map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(started[0]?.body.executionId).toBe(started[1]?.body.executionId);
    expect(told[0]?.body).toEqual(told[1]?.body);
    expect(told[0]?.body.executions).toHaveLength(1);

    const { body } = await stack.call('GET', '/api/executions?workflowId=once');
    expect(body.items).toHaveLength(2);
    for (const { executionId } of body.items) {
      expect((await stack.ended(executionId)).status).toBe('succeeded');
      expect(await sent(executionId)).toBe(1);
    }
  }, 30_000);

  test('50 at once: each succeeds, and sends its mail once', async () => {
    const code = { id: 'code', type: 'code', config: { code: 'return input.lead.id;' } };
    await stack.publish({
      workflowId: 'fifty',
      name: 'Fifty',
      nodes: [mail, code],
      connections: [{ from: 'mail', to: 'code' }],
    });
    const leads = Array.from({ length: 50 }, (_, index) => ({ ...lead, id: `fifty-${index}` }));
    const executionIds = await Promise.all(leads.map((one) => stack.start('fifty', { lead: one })));
    for (const [index, executionId] of executionIds.entries()) {
      expect(await stack.ended(executionId)).toMatchObject({
        status: 'succeeded',
        result: { code: `fifty-${index}` },
      });
      expect(await sent(executionId)).toBe(1);
    }
  }, 60_000);
});

describe('our tables and Temporal are kept in agreement', () => {
  let reconciler: Reconciler;

  beforeAll(() => {
    reconciler = startReconciler({
      database: stack.database,
      ledger: createLedger(stack.database),
      client,
      executions: createExecutionRepository(stack.database),
      start: createExecutionStarter({ client }),
      log: () => undefined,
      intervalMs: 100,
      graceMs: 300,
    });
  });
  afterAll(() => reconciler.stop());

  /** Runs until its second node waits for its retry. */
  async function halfway(workflowId: string, ...replies: Scripted[]) {
    const executionId = await run(workflowId, {
      nodes: [
        mail,
        {
          ...reads('waits', `/${workflowId}`, { status: 503 }, ...replies),
          retry: { initialInterval: '5h' },
        },
      ],
      connections: [{ from: 'mail', to: 'waits' }],
    });
    await untilNode(executionId, 'waits', 'retrying');
    return executionId;
  }

  test('a run that was terminated in Temporal is closed', async () => {
    const executionId = await halfway('terminated');
    await client.workflow.getHandle(executionId).terminate('Tried in a test.');
    const execution = await stack.ended(executionId);
    expect(execution).toMatchObject({ status: 'cancelled', error: { code: 'terminated' } });
    expect(statuses(execution)).toEqual({ mail: 'succeeded', waits: 'cancelled' });
  }, 30_000);

  test('a run that Temporal has lost is started again and goes on where it was', async () => {
    const executionId = await halfway('lost', { status: 200 });
    await client.workflowService.deleteWorkflowExecution({
      namespace: stack.namespace,
      workflowExecution: { workflowId: executionId },
    });
    const execution = await stack.ended(executionId);
    expect(execution.status).toBe('succeeded');
    expect(nodeOf(execution, 'mail').attempts).toBe(1);
    expect(nodeOf(execution, 'waits').attempts).toBe(2);
    expect(await sent(executionId)).toBe(1);
  }, 30_000);

  /** Writes an execution as the API does, and starts nothing. */
  async function accept(executionId: string, input: { readonly [name: string]: string }) {
    const definition = await stack
      .database('workflow_definitions')
      .where({ workflow_id: 'unstarted' })
      .first('id');
    await createExecutionRepository(stack.database).insert({
      executionId,
      projectId: stack.projectId,
      workflowId: 'unstarted',
      version: 1,
      definitionId: definition.id,
      plan: null,
      leadId: lead.id,
      lead,
      input,
      trigger: { type: 'api' },
      mode: 'sandbox',
      saveLead: false,
      requestKey: undefined,
    });
  }

  test('an accepted execution whose start was lost is started; one that Temporal refuses fails', async () => {
    await stack.publish({ workflowId: 'unstarted', name: 'Unstarted', nodes: [mail] });
    await accept('too-large', { text: 'x'.repeat(3_000_000) });
    await accept('far-too-large', { text: 'x'.repeat(5_000_000) });
    await accept('lost-start', {});
    expect((await stack.ended('lost-start')).status).toBe('succeeded');
    expect(await sent('lost-start')).toBe(1);
    for (const executionId of ['too-large', 'far-too-large']) {
      expect(await stack.ended(executionId)).toMatchObject({
        status: 'failed',
        error: { code: 'start_refused' },
      });
    }
  }, 30_000);
});
