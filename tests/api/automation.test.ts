import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { createSandboxMessageRepository } from '../../db/repositories/sandbox-messages.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

describe('single nodes', () => {
  const call = (extra: object = {}) => ({
    leadId: 'lead-7',
    workflowId: 'builder-flow',
    nodeId: 'email-1',
    config: { to: 'a@example.com', subject: '{{lead.id}}', text: 'x' },
    ...extra,
  });

  test('are accepted with a plan of their own', async () => {
    const { status, body } = await api.send('POST', '/api/automation/email/send', call());
    expect(status).toBe(202);
    expect(body).toEqual({
      executionId: expect.stringMatching(/^builder-flow_[0-9a-f]{32}$/),
      status: 'queued',
    });
    const read = await api.send('GET', `/api/automation/execution/${body.executionId}/status`);
    expect(read.body).toMatchObject({
      version: 0,
      leadId: 'lead-7',
      trigger: { type: 'node' },
      nodes: [{ nodeId: 'email-1', connector: 'email', operation: 'send', status: 'pending' }],
    });
  });

  test('of each connector have an address', async () => {
    const configs = {
      'whatsapp/send': { to: '+971500000000', text: 'مرحباً' },
      'google-sheets/process': { spreadsheetId: 's1', range: 'A:B', values: ['a'] },
      'code/execute': { code: 'return 1' },
    };
    for (const [path, config] of Object.entries(configs)) {
      const { status } = await api.send('POST', `/api/automation/${path}`, call({ config }));
      expect([path, status]).toEqual([path, 202]);
    }
  });

  test('of Google Sheets do everything the connector can', async () => {
    const sheet = { spreadsheetId: 's1', range: 'Leads!A:D' };
    const configs = {
      append: { ...sheet, values: ['{{lead.id}}'] },
      update: { ...sheet, range: 'Leads!A2:D2', values: ['{{lead.id}}', null, 5] },
      read: sheet,
      lookup: { ...sheet, keyColumn: 'Id', value: '{{lead.id}}' },
      upsert: { ...sheet, keyColumn: 'Id', values: { Id: '{{lead.id}}' } },
      'create-sheet': { spreadsheetId: 's1', title: 'Leads' },
    };
    for (const [operation, config] of Object.entries(configs)) {
      const path = '/api/automation/google-sheets/process';
      const body = call({ config: { operation, ...config } });
      const accepted = await api.send('POST', path, body);
      expect([operation, accepted.status]).toEqual([operation, 202]);
      const { executionId } = accepted.body;
      const read = await api.send('GET', `/api/automation/execution/${executionId}/status`);
      expect(read.body.nodes).toMatchObject([{ connector: 'google-sheets', operation }]);
    }
  });

  test('that could not run are refused with pointers into their config', async () => {
    const { status, body } = await api.send(
      'POST',
      '/api/automation/email/send',
      call({ config: { to: '{{nobody.email}}' } }),
    );
    expect(status).toBe(422);
    expect(body.issues[0].pointer).toMatch(/^\/config/);
    const missing = await api.send('POST', '/api/automation/email/send', { leadId: 'x' });
    expect(missing.body.issues).toHaveLength(3);
  });

  test('twice under one Idempotency-Key are one execution', async () => {
    const options = { headers: { 'idempotency-key': 'node-key' } };
    const path = '/api/automation/email/send';
    const answers = await Promise.all([1, 2, 3].map(() => api.send('POST', path, call(), options)));
    expect(new Set(answers.map(({ body }) => body.executionId)).size).toBe(1);
    const other = await api.send('POST', path, call({ nodeId: 'other' }), options);
    expect(other.body.error).toBe('idempotency_key_reused');
  });
});

describe('logs and metrics', () => {
  beforeAll(async () => {
    const ledger = createLedger(api.store.database);
    for (const [index, status] of (['succeeded', 'failed', 'succeeded'] as const).entries()) {
      const { body } = await api.send('POST', '/api/automation/code/execute', {
        leadId: `lead-${index}`,
        workflowId: 'logged "flow"'.replaceAll(/[" ]/g, '-'),
        nodeId: 'score',
        config: { code: 'return 1' },
      });
      const entry = {
        projectId: api.projectId,
        executionId: body.executionId,
        workflowId: 'logged--flow-',
        leadId: `lead-${index}`,
        nodeId: 'score',
        nodeName: 'score',
        iteration: '',
        connector: 'code',
        operation: 'run',
        maximumAttempts: 4,
        input: {},
      };
      await ledger.begin(entry);
      await ledger.finish(
        entry,
        status === 'succeeded'
          ? { status, output: { tier: 'gold' }, port: 'success' }
          : { status, error: { code: 'code_error', message: 'thrown' }, inDoubt: false },
        { attempt: 1, logs: [{ level: 'warn', text: `said for lead-${index}` }] },
      );
    }
  });

  test('log rows are filtered and paged, oldest first', async () => {
    const path = '/api/automation/workflow/logged--flow-/logs';
    const all = await api.send('GET', path);
    expect(all.body.items.map((row: { leadId: string }) => row.leadId)).toEqual([
      'lead-0',
      'lead-1',
      'lead-2',
    ]);
    expect(all.body.items[0]).toMatchObject({
      nodeId: 'score',
      connectorType: 'code',
      status: 'succeeded',
      retryCount: 0,
      maxRetries: 3,
      outputData: { tier: 'gold' },
      errorDetails: null,
      logs: [{ level: 'warn', text: 'said for lead-0' }],
    });
    const failed = await api.send('GET', `${path}?status=failed&leadId=lead-1&nodeId=score`);
    expect(failed.body.items).toMatchObject([{ errorDetails: { code: 'code_error' } }]);
    const page = await api.send('GET', `${path}?limit=2`);
    const rest = await api.send('GET', `${path}?limit=2&cursor=${page.body.nextCursor}`);
    expect(rest.body.items).toHaveLength(1);
    const future = await api.send('GET', `${path}?from=2999-01-01T00:00:00Z`);
    expect(future.body.items).toEqual([]);
    expect((await api.send('GET', `${path}?from=yesterday`)).status).toBe(400);
  });

  test('metrics count each node once, before and after it is rolled up', async () => {
    const scrape = async () => String((await api.send('GET', '/api/automation/metrics')).body);
    const line = (text: string, begin: string) =>
      text.split('\n').find((each) => each.startsWith(begin));
    const labels = 'connector_type="code",status="succeeded",workflow_id="logged--flow-"';
    const first = await scrape();
    expect(line(first, `automation_executions_total{${labels}}`)).toMatch(/ 2$/);
    expect(line(first, 'automation_queue_size')).toMatch(/^automation_queue_size \d+$/);
    expect(first).toContain(
      'automation_execution_duration_seconds_count{connector_type="code",workflow_id="logged--flow-"} 3',
    );
    expect(first).toMatch(
      /_bucket\{connector_type="code",workflow_id="logged--flow-",le="\+Inf"\} 3/,
    );
    // Makes the rows old enough to be rolled up, as if time had passed since.
    await api.store.database.raw(
      "UPDATE execution_logs SET updated_at = now() - interval '1 minute'",
    );
    await api.store.database.raw("UPDATE metric_watermark SET rolled_up_to = 'epoch'");
    const rolled = await Promise.all([scrape(), scrape(), scrape()]);
    for (const text of rolled) {
      expect(line(text, `automation_executions_total{${labels}}`)).toMatch(/ 2$/);
    }
    const [rollup] = await api.store.database('metric_rollups').where({ status: 'succeeded' });
    expect(Number(rollup.count)).toBe(2);
    await api.store.database('execution_logs').delete();
    expect(await scrape()).toBe(rolled[2]);
    const other = await api.addProject('metrics');
    const foreign = await api.send('GET', '/api/automation/metrics', undefined, other);
    expect(foreign.body).not.toContain('logged');
  });

  test('the queue status is Temporal’s own', async () => {
    const { status, body } = await api.send('GET', '/api/automation/queue/status');
    expect(status).toBe(200);
    expect(
      body.queues.map((queue: { name: string; type: string }) => [queue.name, queue.type]),
    ).toEqual([
      ['masar-workflows', 'workflow'],
      ['masar-workflows', 'activity'],
      ['masar-connectors', 'workflow'],
      ['masar-connectors', 'activity'],
    ]);
    // Nobody polls here, so what was started waits.
    expect(body.queues[0].backlog).toBeGreaterThan(0);
  });

  test('readiness says that both answer', async () => {
    const { body } = await api.send('GET', '/api/automation/health', undefined, { key: null });
    expect(body).toMatchObject({ status: 'ready', checks: { temporal: { status: 'up' } } });
  });
});

describe('connectors and credentials', () => {
  test('connectors are listed with JSON Schemas and samples', async () => {
    const { body } = await api.send('GET', '/api/connectors');
    const email = body.items.find((each: { type: string }) => each.type === 'email');
    expect(email.operations[0]).toMatchObject({ name: 'send', outputs: ['success', 'error'] });
    expect(email.operations[0].inputSchema.properties).toHaveProperty('subject');
    expect(email.credential.schema.properties).toHaveProperty('host');
  });

  test('credentials are kept encrypted and never answered', async () => {
    const smtp = {
      host: 'smtp.example.com',
      port: 587,
      secure: false,
      user: 'u',
      password: 'p4ss',
    };
    const created = await api.send('POST', '/api/credentials', {
      name: 'smtp-main',
      type: 'smtp',
      data: { ...smtp, from: 'a@example.com' },
    });
    expect(created.status).toBe(201);
    expect(JSON.stringify(created.body)).not.toContain('p4ss');
    const id: string = created.body.credentialId;
    const row = await api.store.database('credentials').where({ id }).first();
    expect(row.data_encrypted.includes('p4ss')).toBe(false);

    const taken = await api.send('POST', '/api/credentials', {
      name: 'smtp-main',
      type: 'smtp',
      data: { ...smtp, from: 'a@example.com' },
    });
    expect(taken.body.error).toBe('credential_exists');
    const incomplete = await api.send('POST', '/api/credentials', {
      name: 'x',
      type: 'smtp',
      data: { port: 'many' },
    });
    expect(incomplete.status).toBe(422);
    expect(incomplete.body.issues[0].pointer).toMatch(/^\/data\//);
    expect(JSON.stringify(incomplete.body)).not.toContain('many');
    const unknown = await api.send('POST', '/api/credentials', { name: 'x', type: 'y', data: {} });
    expect(unknown.body.issues[0].pointer).toBe('/type');

    const renamed = await api.send('PATCH', `/api/credentials/${id}`, { name: 'smtp-2' });
    expect(renamed.body.name).toBe('smtp-2');
    expect((await api.send('GET', `/api/credentials/${id}`)).body.type).toBe('smtp');
    expect((await api.send('GET', '/api/credentials')).body.items).toHaveLength(1);
    const other = await api.addProject('credentials');
    expect((await api.send('GET', `/api/credentials/${id}`, undefined, other)).status).toBe(404);
    expect((await api.send('DELETE', `/api/credentials/${id}`)).status).toBe(204);
    expect((await api.send('DELETE', `/api/credentials/${id}`)).status).toBe(404);
  });
});

describe('the outbox', () => {
  beforeAll(async () => {
    const messages = createSandboxMessageRepository(api.store.database);
    const row = await api.store.database('executions').first('id');
    await messages.add({
      connector: 'whatsapp',
      operation: 'send',
      executionId: row.id,
      nodeId: 'wa',
      to: '+971500000000',
      message: { type: 'text', text: { body: 'مرحباً <script>alert(1)</script>' } },
    });
    await messages.add({
      connector: 'email',
      operation: 'send',
      to: 'a@example.com',
      message: {
        from: { name: 'Masar', address: 'm@example.com' },
        to: [{ name: '', address: 'a@example.com' }],
        subject: 'أهلاً',
        text: null,
        html: '<p>hi</p>"><script>alert(2)</script>',
      },
    });
  });

  test('lists newest first, for the project', async () => {
    const { body } = await api.send('GET', '/api/sandbox/outbox');
    expect(body.items.map((each: { connector: string }) => each.connector)).toEqual([
      'email',
      'whatsapp',
    ]);
    const filtered = await api.send('GET', '/api/sandbox/outbox?connector=whatsapp&limit=1');
    expect(filtered.body.items[0]).toMatchObject({ to: '+971500000000', nodeId: 'wa' });
    const other = await api.addProject('outbox');
    const foreign = await api.send('GET', '/api/sandbox/outbox', undefined, other);
    expect(foreign.body.items.map((each: { connector: string }) => each.connector)).toEqual([
      'email',
    ]);
  });

  test('is shown to people on the loopback interface, without any script', async () => {
    const response = await fetch(`${api.url}/sandbox`);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(page).toContain('dir="auto">مرحباً &lt;script&gt;');
    expect(page).toContain('<iframe sandbox=""');
    expect(page).not.toMatch(/<script/i);
    expect((await fetch(`${api.url}/sandbox/styles.css`)).headers.get('content-type')).toContain(
      'text/css',
    );
  });
});

test('elsewhere than on loopback the sandbox page asks for a key', async () => {
  const open = await startTestApi({ settings: { host: '0.0.0.0' } });
  try {
    const refused = await fetch(`${open.url}/sandbox`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toMatch(/^Basic/);
    const authorization = `Basic ${Buffer.from(`me:${open.key}`).toString('base64')}`;
    const shown = await fetch(`${open.url}/sandbox`, { headers: { authorization } });
    expect(shown.status).toBe(200);
  } finally {
    await open.stop();
  }
});

describe('the documentation', () => {
  test('is one OpenAPI 3.1 document of all endpoints', async () => {
    const { body } = await api.send('GET', '/api/openapi.json', undefined, { key: null });
    expect(body.openapi).toBe('3.1.0');
    const operations = Object.values(body.paths).flatMap((methods) =>
      Object.values(methods as object).map((operation) => operation.operationId),
    );
    expect(operations.sort()).toEqual(api.endpoints.map((each) => each.operationId).sort());
  });

  test('is shown by Swagger UI under the content security policy', async () => {
    const page = await (await fetch(`${api.url}/api/docs`)).text();
    expect(page).not.toMatch(/<script>/);
    for (const [, source] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const asset = await fetch(`${api.url}${source}`);
      expect([source, asset.status]).toEqual([source, 200]);
    }
    const hidden = await fetch(`${api.url}/api/docs/package.json`);
    expect(hidden.status).toBe(404);
  });
});
