import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

/** Only a run with a worker can get there; execution-acts.test.ts and tests/engine do. */
const NEEDS_A_WORKER = [
  'testNode 200',
  'testWorkflow 200',
  'pauseExecution 202',
  'resumeExecution 202',
  'decideApproval 202',
  'resolveNode 202',
  'testCredential 200',
];

test('every endpoint answers what it documents', async () => {
  const smtp = {
    host: 'smtp.example.com',
    port: 587,
    user: 'u',
    password: 'p',
    from: 'a@b.example',
  };
  const node = { leadId: 'l1', workflowId: 'w1', nodeId: 'n1' };
  const steps: readonly (readonly [method: string, path: string, body?: unknown])[] = [
    ['POST', '/api/workflows', chain('w1')],
    ['PUT', '/api/workflows/w1', chain('w1', 1)],
    ['PUT', '/api/workflows/w2', chain('w2', 1)],
    ['POST', '/api/workflows/validate', chain('w1')],
    ['GET', '/api/workflows'],
    ['GET', '/api/workflows/w1'],
    ['POST', '/api/workflows/w1/publish'],
    ['GET', '/api/workflows/w1/versions'],
    ['GET', '/api/workflows/w1/versions/1'],
    ['POST', '/api/workflows/w1/versions/1/restore'],
    ['GET', '/api/workflows/w1/diff?from=1'],
    ['GET', '/api/workflows/w1/export'],
    ['PUT', '/api/workflows/w1/pins/step1', { output: {} }],
    ['GET', '/api/workflows/w1/pins'],
    ['POST', '/api/workflows/w1/nodes/step1/test?wait=0s'],
    ['POST', '/api/workflows/w1/test-run'],
    ['DELETE', '/api/workflows/w1/pins/step1'],
    ['POST', '/api/workflows/import', chain('w3', 1)],
    ['POST', '/api/workflows/import?ifExists=replace', chain('w3', 1)],
    ['DELETE', '/api/workflows/w2'],
    ['POST', '/api/workflows/w1/executions', { lead: { id: 'l1', name: 'L' } }],
    ['GET', '/api/executions'],
    ['POST', '/api/leads', { name: 'N' }],
    ['GET', '/api/leads'],
    ['GET', '/api/leads/l1'],
    ['PATCH', '/api/leads/l1', { score: 1 }],
    ['POST', '/api/events', { type: 'lead.created', leadId: 'l1' }],
    ['GET', '/api/connectors'],
    ['GET', '/api/sandbox/outbox'],
    [
      'POST',
      '/api/automation/email/send',
      { ...node, config: { to: 'a@b.example', subject: 's', text: 't' } },
    ],
    [
      'POST',
      '/api/automation/whatsapp/send',
      { ...node, config: { to: '+971500000000', text: 't' } },
    ],
    [
      'POST',
      '/api/automation/google-sheets/process',
      { ...node, config: { spreadsheetId: 's', range: 'A', values: [1] } },
    ],
    ['POST', '/api/automation/code/execute', { ...node, config: { code: 'return 1' } }],
    ['GET', '/api/automation/workflow/w1/logs'],
    ['GET', '/api/automation/metrics'],
    ['GET', '/api/automation/queue/status'],
    ['GET', '/api/automation/health'],
    ['GET', '/api/health'],
    ['POST', '/api/credentials', { name: 'c1', type: 'smtp', data: smtp }],
    ['GET', '/api/credentials'],
    ['PUT', '/api/inbound/whatsapp', { appSecret: 'app-secret', verifyToken: 'verify-token' }],
    ['POST', '/api/inbound/whatsapp/simulate', { from: '+971500000000', text: 'Hello' }],
    ['POST', '/api/workflows/w1/unpublish'],
  ];
  for (const [method, path, body] of steps) {
    const answer = await api.send(method, path, body);
    expect([method, path, answer.status < 300, answer.body]).toEqual([
      method,
      path,
      true,
      answer.body,
    ]);
  }

  const credential = (await api.send('GET', '/api/credentials')).body.items[0].credentialId;
  await api.send('GET', `/api/credentials/${credential}`);
  await api.send('PATCH', `/api/credentials/${credential}`, { data: smtp });
  await api.send('DELETE', `/api/credentials/${credential}`);

  const channel = (await api.send('GET', '/api/inbound/whatsapp')).body.path;
  const asked = 'hub.mode=subscribe&hub.verify_token=verify-token&hub.challenge=123';
  await api.send('GET', `${channel}?${asked}`);
  const signature = createHmac('sha256', 'app-secret').update('{"entry":[]}').digest('hex');
  await api.send(
    'POST',
    channel,
    { entry: [] },
    { headers: { 'x-hub-signature-256': `sha256=${signature}` } },
  );
  await api.send('DELETE', '/api/inbound/whatsapp');

  const triggers = [{ type: 'webhook', auth: 'token', respond: 'wait' }];
  await api.send('PUT', '/api/workflows/w1', chain('w1', 1, { triggers }));
  await api.send('POST', '/api/workflows/w1/publish');
  await api.send('GET', '/api/workflows/w1/triggers');
  const rotated = await api.send('POST', '/api/workflows/w1/triggers/webhook/rotate');
  const hooked = api.send('POST', rotated.body.path, {});
  const hookedId = await eventually(async () => {
    const row = await api.store
      .database('executions')
      .whereRaw(`trigger ->> 'type' = 'webhook'`)
      .first('id');
    if (row === undefined) throw new Error('not accepted yet');
    return String(row.id);
  });
  await createLedger(api.store.database).end(hookedId, {
    status: 'succeeded',
    result: {},
    error: null,
  });
  await hooked;
  const quick = [{ type: 'webhook', auth: 'token' }];
  await api.send('PUT', '/api/workflows/w1', chain('w1', 1, { triggers: quick }));
  await api.send('POST', '/api/workflows/w1/publish');
  await api.send('POST', rotated.body.path, {});
  const waiting = api.send('POST', '/api/workflows/w1/executions?wait=10s', {
    lead: { id: 'waits', name: 'W' },
  });
  const executionId = await eventually(async () => {
    const row = await api.store.database('executions').where({ lead_id: 'waits' }).first('id');
    if (row === undefined) throw new Error('not accepted yet');
    return String(row.id);
  });
  await eventually(async () => {
    const told = await api.send('POST', `/api/executions/${executionId}/signals/paid`);
    if (told.status !== 202) throw new Error('not handed over yet');
  });
  await api.send('POST', `/api/executions/${executionId}/cancel`);
  await createLedger(api.store.database).end(executionId, {
    status: 'cancelled',
    result: null,
    error: null,
  });
  await waiting;
  await api.send('POST', `/api/executions/${executionId}/retry`);
  await api.send('GET', `/api/executions/${executionId}`);
  await api.send('GET', `/api/executions/${executionId}/nodes`);
  await api.send('GET', `/api/executions/${executionId}/events`);
  await api.send('GET', `/api/automation/execution/${executionId}/status`);

  const documented = api.endpoints.flatMap((endpoint) =>
    Object.keys(endpoint.responses).map((status) => `${endpoint.operationId} ${status}`),
  );
  const missing = documented.filter((each) => !api.answered.has(each));
  expect(missing).toEqual(NEEDS_A_WORKER);
}, 60_000);
