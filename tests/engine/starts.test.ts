/** Every way to start an execution runs it once, whatever gets lost between us and Temporal. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { createExecutionRepository } from '../../db/repositories/executions.ts';
import { createExecutionStarter } from '../../temporal/start-execution.ts';
import { type Reconciler, startReconciler } from '../../workers/reconciler.ts';
import type { Scripted } from '../support/web-api.ts';
import {
  lead,
  mail,
  nodeOf,
  startWorkbench,
  statuses,
  type Workbench,
} from '../support/workbench.ts';

let desk: Workbench;

beforeAll(async () => {
  desk = await startWorkbench();
}, 60_000);

afterAll(() => desk.stop(), 60_000);

describe('starts', () => {
  test('a single email node, for a lead that the API need not know', async () => {
    const accepted = await desk.stack.call('POST', '/api/automation/email/send', {
      leadId: 'lead-of-another-system',
      workflowId: 'single',
      nodeId: 'mail',
      config: { to: 'nour@example.com', subject: 'مرحباً نور', body: '<b>أهلاً</b>' },
    });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toEqual({ executionId: expect.any(String), status: 'queued' });
    const { executionId } = accepted.body;
    await desk.stack.ended(executionId);
    const shown = await desk.stack.call('GET', `/api/automation/execution/${executionId}/status`);
    expect(shown.body).toMatchObject({
      status: 'succeeded',
      leadId: 'lead-of-another-system',
      version: 0,
      nodes: [{ nodeId: 'mail', connector: 'email', status: 'succeeded', attempts: 1 }],
    });
    const logs = await desk.stack.call('GET', '/api/automation/workflow/single/logs');
    expect(logs.body.items).toMatchObject([{ nodeId: 'mail', status: 'succeeded' }]);
    const outbox = await desk.stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
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
    await desk.stack.publish({ workflowId: 'waited', name: 'Waited', nodes: [code] });
    const path = '/api/workflows/waited/executions?wait=10s';
    const answer = await desk.stack.call('POST', path, { lead });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'succeeded', result: { score: { tier: 80 } } });
  }, 30_000);

  test('twice under one Idempotency-Key, and an event told twice, run once', async () => {
    await desk.stack.publish({
      workflowId: 'once',
      name: 'Once',
      nodes: [mail],
      triggers: [{ type: 'event', event: 'lead.tested' }],
    });
    const started = await Promise.all(
      [1, 2].map(() =>
        desk.stack.call(
          'POST',
          '/api/workflows/once/executions',
          { lead },
          { 'idempotency-key': 'k' },
        ),
      ),
    );
    const told = await Promise.all(
      [1, 2].map(() =>
        desk.stack.call('POST', '/api/events', { eventId: 'e', type: 'lead.tested', lead }),
      ),
    );
    expect([...started, ...told].map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(started[0]?.body.executionId).toBe(started[1]?.body.executionId);
    expect(told[0]?.body).toEqual(told[1]?.body);
    expect(told[0]?.body.executions).toHaveLength(1);

    const { body } = await desk.stack.call('GET', '/api/executions?workflowId=once');
    expect(body.items).toHaveLength(2);
    for (const { executionId } of body.items) {
      expect((await desk.stack.ended(executionId)).status).toBe('succeeded');
      expect(await desk.sent(executionId)).toBe(1);
    }
  }, 30_000);

  test('50 at once: each succeeds, and sends its mail once', async () => {
    const code = { id: 'code', type: 'code', config: { code: 'return input.lead.id;' } };
    await desk.stack.publish({
      workflowId: 'fifty',
      name: 'Fifty',
      nodes: [mail, code],
      connections: [{ from: 'mail', to: 'code' }],
    });
    const leads = Array.from({ length: 50 }, (_, index) => ({ ...lead, id: `fifty-${index}` }));
    const executionIds = await Promise.all(
      leads.map((one) => desk.stack.start('fifty', { lead: one })),
    );
    for (const [index, executionId] of executionIds.entries()) {
      expect(await desk.stack.ended(executionId)).toMatchObject({
        status: 'succeeded',
        result: { code: `fifty-${index}` },
      });
      expect(await desk.sent(executionId)).toBe(1);
    }
  }, 60_000);
});

describe('our tables and Temporal are kept in agreement', () => {
  let reconciler: Reconciler;

  beforeAll(() => {
    reconciler = startReconciler({
      database: desk.stack.database,
      ledger: createLedger(desk.stack.database),
      client: desk.client,
      executions: createExecutionRepository(desk.stack.database),
      start: createExecutionStarter({ client: desk.client }),
      log: () => undefined,
      intervalMs: 100,
      graceMs: 300,
    });
  });
  afterAll(() => reconciler.stop());

  /** Runs until its second node waits for its retry. */
  async function halfway(workflowId: string, ...replies: Scripted[]) {
    const executionId = await desk.run(workflowId, {
      nodes: [
        mail,
        {
          ...desk.reads('waits', `/${workflowId}`, { status: 503 }, ...replies),
          retry: { initialInterval: '5h' },
        },
      ],
      connections: [{ from: 'mail', to: 'waits' }],
    });
    await desk.untilNode(executionId, 'waits', 'retrying');
    return executionId;
  }

  test('a run that was terminated in Temporal is closed', async () => {
    const executionId = await halfway('terminated');
    await desk.client.workflow.getHandle(executionId).terminate('Tried in a test.');
    const execution = await desk.stack.ended(executionId);
    expect(execution).toMatchObject({ status: 'cancelled', error: { code: 'terminated' } });
    expect(statuses(execution)).toEqual({ mail: 'succeeded', waits: 'cancelled' });
  }, 30_000);

  test('a run that Temporal has lost is started again and goes on where it was', async () => {
    const executionId = await halfway('lost', { status: 200 });
    await desk.client.workflowService.deleteWorkflowExecution({
      namespace: desk.stack.namespace,
      workflowExecution: { workflowId: executionId },
    });
    const execution = await desk.stack.ended(executionId);
    expect(execution.status).toBe('succeeded');
    expect(nodeOf(execution, 'mail').attempts).toBe(1);
    expect(nodeOf(execution, 'waits').attempts).toBe(2);
    expect(await desk.sent(executionId)).toBe(1);
  }, 30_000);

  /** Writes an execution as the API does, and starts nothing. */
  async function accept(executionId: string, input: { readonly [name: string]: string }) {
    const definition = await desk.stack
      .database('workflow_definitions')
      .where({ workflow_id: 'unstarted' })
      .first('id');
    await createExecutionRepository(desk.stack.database).insert({
      executionId,
      projectId: desk.stack.projectId,
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
    await desk.stack.publish({ workflowId: 'unstarted', name: 'Unstarted', nodes: [mail] });
    await accept('too-large', { text: 'x'.repeat(3_000_000) });
    await accept('far-too-large', { text: 'x'.repeat(5_000_000) });
    await accept('lost-start', {});
    expect((await desk.stack.ended('lost-start')).status).toBe('succeeded');
    expect(await desk.sent('lost-start')).toBe(1);
    for (const executionId of ['too-large', 'far-too-large']) {
      expect(await desk.stack.ended(executionId)).toMatchObject({
        status: 'failed',
        error: { code: 'start_refused' },
      });
    }
  }, 30_000);
});
