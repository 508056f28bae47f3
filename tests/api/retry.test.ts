import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { createExecutionRepository } from '../../db/repositories/executions.ts';
import type { StartableExecution } from '../../temporal/start-execution.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';

/** What would have been handed over to Temporal, which is away. */
const noted: StartableExecution[] = [];
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    deps: {
      dispatcher: {
        submit: (each) => void noted.push(each),
        whileAdmitting: () => undefined,
        drain: async () => undefined,
      },
    },
  });
  const definition = chain('chain', 2, { triggers: [{ type: 'event', event: 'deal.won' }] });
  await api.send('POST', '/api/workflows', definition);
  await api.send('POST', '/api/workflows/chain/publish');
});
afterAll(() => api.stop());

async function failedByEvent(eventId: string, inDoubt: boolean): Promise<string> {
  const event = { eventId, type: 'deal.won', lead: { id: 'l', name: 'L' }, data: { sum: 3 } };
  const { body } = await api.send('POST', '/api/events', event);
  const { executionId } = body.executions[0];
  const ledger = createLedger(api.store.database);
  const entry = (nodeId: string) => ({
    projectId: api.projectId,
    executionId,
    workflowId: 'chain',
    leadId: 'l',
    nodeId,
    nodeName: nodeId,
    iteration: '',
    connector: 'http',
    operation: 'request',
    maximumAttempts: 3,
    input: null,
  });
  await ledger.begin(entry('step1'), { marksRunning: true });
  await ledger.finish(entry('step1'), {
    status: 'succeeded',
    output: { status: 200 },
    port: 'success',
  });
  await ledger.begin(entry('step2'), { marksRunning: false });
  await ledger.finish(entry('step2'), {
    status: inDoubt ? 'unknown' : 'failed',
    error: { code: 'timeout', message: 'No answer.' },
    inDoubt,
  });
  await ledger.end(executionId, { status: 'failed', result: null, error: null });
  return executionId;
}

test('what is kept can be started from the row alone, with the lead and the event of the first', async () => {
  const ofExecutionId = await failedByEvent('event-1', false);
  const { status, body } = await api.send('POST', `/api/executions/${ofExecutionId}/retry`);
  expect(status).toBe(202);
  const submitted = noted.at(-1);
  expect(submitted).toMatchObject({
    executionId: body.executionId,
    leadId: 'l',
    lead: { id: 'l', name: 'L' },
    trigger: {
      type: 'retry',
      ofExecutionId,
      event: 'deal.won',
      eventId: 'event-1',
      data: { sum: 3 },
    },
    kept: { step1: { output: { status: 200 }, port: 'success' } },
  });
  const executions = createExecutionRepository(api.store.database);
  expect(await executions.findStartable(body.executionId)).toEqual(submitted);
});

test('a node that may have acted is run again only if somebody says so', async () => {
  const ofExecutionId = await failedByEvent('event-2', true);
  const path = `/api/executions/${ofExecutionId}/retry`;
  const refused = await api.send('POST', path);
  expect(refused).toMatchObject({
    status: 409,
    body: { error: 'outcome_unknown', nodeId: 'step2' },
  });
  const named = await api.send('POST', path, { fromNode: 'step2' });
  expect(named.status).toBe(202);
  expect(Object.keys(noted.at(-1)?.kept ?? {})).toEqual(['step1']);
});

test('an act on what Temporal does not have yet says so; an unpublished one starts nothing', async () => {
  const { body } = await api.send('POST', '/api/workflows/chain/executions', {});
  for (const what of ['pause', 'resume', 'signals/paid']) {
    const early = await api.send('POST', `/api/executions/${body.executionId}/${what}`);
    expect(early).toMatchObject({ status: 409, body: { error: 'execution_not_handed_over' } });
  }
  const ofExecutionId = await failedByEvent('event-3', false);
  await api.send('POST', '/api/workflows/chain/unpublish');
  const refused = await api.send('POST', `/api/executions/${ofExecutionId}/retry`);
  expect(refused).toMatchObject({ status: 409, body: { error: 'workflow_not_published' } });
});
