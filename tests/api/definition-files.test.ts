import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

/** Sends a text as it is. */
async function importText(text: string, type: string, query = '') {
  const response = await fetch(`${api.url}/api/workflows/import${query}`, {
    method: 'POST',
    headers: { 'x-api-key': api.key, 'content-type': type },
    body: text,
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an answer has
  const body: any = await response.json();
  return { status: response.status, body };
}

async function exported(workflowId: string, query = ''): Promise<string> {
  const response = await fetch(`${api.url}/api/workflows/${workflowId}/export${query}`, {
    headers: { 'x-api-key': api.key },
  });
  expect(response.status).toBe(200);
  return response.text();
}

describe('export and import', () => {
  test.each([
    ['json', 'application/json'],
    ['yaml', 'application/yaml'],
  ])('a workflow exported as %s is imported as it was', async (format, type) => {
    const definition = chain(`round-${format}`, 2, {
      description: 'سطر\nثانٍ',
      triggers: [{ type: 'schedule', cron: '0 9 * * *', timezone: 'Asia/Dubai' }],
    });
    await api.send('POST', '/api/workflows', definition);
    const text = await exported(definition.workflowId, `?format=${format}`);
    const other = `copy-${format}`;
    const imported = await importText(text, type, `?workflowId=${other}`);
    expect(imported).toMatchObject({
      status: 201,
      body: { workflowId: other, format, issues: expect.any(Array) },
    });
    const again = await exported(other, `?format=${format}`);
    expect(again.replace(other, definition.workflowId)).toBe(text);
  });

  test('a version is exported as it was published, with the names of credentials only', async () => {
    const smtp = { host: 'smtp.example.com', user: 'u', password: 'hunter2', from: 'a@b.example' };
    await api.send('POST', '/api/credentials', { name: 'smtp-main', type: 'smtp', data: smtp });
    const mail = { to: 'a@b.example', subject: 's', text: 't' };
    const node = { id: 'mail', type: 'email', credential: 'smtp-main', config: mail };
    const definition = { workflowId: 'versioned', name: 'One', nodes: [node] };
    await api.send('POST', '/api/workflows', definition);
    await api.send('POST', '/api/workflows/versioned/publish');
    await api.send('PUT', '/api/workflows/versioned', { ...definition, name: 'Two' });
    const text = await exported('versioned', '?version=1');
    expect(JSON.parse(text).name).toBe('One');
    expect(text).toContain('smtp-main');
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(await exported('versioned')).name).toBe('Two');
    const missing = await api.send('GET', '/api/workflows/versioned/export?version=7');
    expect(missing).toMatchObject({ status: 404, body: { error: 'version_not_found' } });
  });

  test('an id that is taken is refused, replaced or counted up, as asked', async () => {
    const text = JSON.stringify(chain('taken', 1));
    expect((await importText(text, 'application/json')).status).toBe(201);
    const refused = await importText(text, 'application/json');
    expect(refused).toMatchObject({ status: 409, body: { error: 'workflow_exists' } });
    const replaced = await importText(text, 'application/json', '?ifExists=replace');
    expect(replaced).toMatchObject({ status: 200, body: { workflowId: 'taken' } });
    const renamed = await importText(text, 'application/json', '?ifExists=rename');
    expect(renamed).toMatchObject({ status: 201, body: { workflowId: 'taken-2' } });
  });

  test('problems are told with their lines', async () => {
    const broken = await importText('name: a\nnodes: [\n', 'application/yaml');
    expect(broken).toMatchObject({ status: 400, body: { error: 'malformed_yaml' } });
    expect(broken.body.issues[0].line).toBeGreaterThanOrEqual(2);
    const wrong = await importText(
      'workflowId: w\nname: n\nnodes:\n  - id: no spaces\n    type: email\n',
      'text/yaml',
    );
    expect(wrong.status).toBe(422);
    expect(wrong.body.issues).toEqual([
      expect.objectContaining({ pointer: '/nodes/0/id', line: 4, column: 9 }),
    ]);
    const json = await importText('{"workflowId": }', 'application/json');
    expect(json).toMatchObject({ status: 400, body: { error: 'malformed_json', line: 1 } });
    const asked = await importText(
      'workflowId: asked\nname: n\nnodes: []',
      'text/plain',
      '?format=yaml',
    );
    expect(asked).toMatchObject({ status: 201, body: { format: 'yaml' } });
    expect((await importText('', 'application/json')).status).toBe(422);
  });
});

test('an n8n workflow is imported, with a report of what could not be carried over', async () => {
  const n8n = {
    name: 'From n8n',
    nodes: [
      { name: 'Hook', type: 'n8n-nodes-base.webhook', typeVersion: 2, parameters: { path: 'a' } },
      {
        name: 'Mail',
        type: 'n8n-nodes-base.emailSend',
        typeVersion: 2,
        parameters: {
          fromEmail: 'a@b.example',
          toEmail: '={{ $json.body.email }}',
          subject: '={{ $json.body.list.map(x => x.y) }}',
          emailFormat: 'text',
          text: 'Hi',
        },
      },
    ],
    connections: { Hook: { main: [[{ node: 'Mail', type: 'main', index: 0 }]] } },
  };
  const { status, body } = await importText(JSON.stringify(n8n), 'application/json');
  expect(status).toBe(201);
  expect(body).toMatchObject({ workflowId: 'from-n8n', format: 'n8n', isActive: false });
  expect(body.report).toContainEqual(
    expect.objectContaining({ severity: 'error', n8nNode: 'Mail', field: 'subject' }),
  );
  expect(body.issues).toEqual([
    expect.objectContaining({ code: 'unknown_reference', pointer: '/nodes/0/config/subject' }),
  ]);
  const refused = await api.send('POST', '/api/workflows/from-n8n/publish');
  expect(refused).toMatchObject({ status: 422, body: { error: 'invalid_definition' } });
  const read = await api.send('GET', '/api/workflows/from-n8n');
  expect(read.body.nodes[0].config.to).toBe('{{ trigger.body.email }}');
  expect(read.body.triggers).toEqual([{ type: 'webhook', auth: 'token' }]);

  const empty = await importText('{"nodes":[]}', 'application/json', '?format=n8n');
  expect(empty).toMatchObject({ status: 422, body: { error: 'invalid_definition' } });
  const several = await importText(JSON.stringify([n8n, n8n]), 'application/json', '?format=n8n');
  expect(several.body.message).toContain('Import them one by one');
  const named = await importText(JSON.stringify([n8n]), 'application/json', '?workflowId=n8n-2');
  expect(named).toMatchObject({ status: 201, body: { workflowId: 'n8n-2' } });
});

describe('versions', () => {
  test('are read, compared and taken up again', async () => {
    await api.send('POST', '/api/workflows', chain('v', 1));
    await api.send('POST', '/api/workflows/v/publish');
    await api.send('PUT', '/api/workflows/v', chain('v', 2));
    await api.send('POST', '/api/workflows/v/publish');
    await api.send('PUT', '/api/workflows/v', chain('v', 3));

    const first = await api.send('GET', '/api/workflows/v/versions/1');
    expect(first.body).toMatchObject({ workflowId: 'v', version: 1, isPublished: false });
    expect(first.body.nodes).toHaveLength(1);

    const diff = await api.send('GET', '/api/workflows/v/diff?from=1&to=2');
    expect(diff.body).toMatchObject({ from: 1, to: 2, identical: false });
    expect(diff.body.nodes).toEqual([
      expect.objectContaining({
        nodeId: 'step2',
        change: 'added',
        summary: '“Step 2” (step2) (http) was added.',
      }),
    ]);
    expect(diff.body.connections).toHaveLength(1);
    const draft = await api.send('GET', '/api/workflows/v/diff?from=2');
    expect(draft.body).toMatchObject({ from: 2, to: 'draft' });
    const same = await api.send('GET', '/api/workflows/v/diff?from=2&to=2');
    expect(same.body.identical).toBe(true);

    const restored = await api.send('POST', '/api/workflows/v/versions/1/restore');
    expect(restored.body).toMatchObject({
      draftVersion: 3,
      publishedVersion: 2,
      name: 'Chain of 1',
    });
    const equal = await api.send('GET', '/api/workflows/v/diff?from=1&to=draft');
    expect(equal.body.identical).toBe(true);
  });

  test('one that is not there is told so', async () => {
    await api.send('POST', '/api/workflows', chain('none', 1));
    for (const path of ['versions/9', 'diff?from=9', 'diff?from=draft&to=9']) {
      const answer = await api.send('GET', `/api/workflows/none/${path}`);
      expect(answer).toMatchObject({ status: 404, body: { error: 'version_not_found' } });
    }
    const malformed = await api.send('GET', '/api/workflows/none/diff?from=one');
    expect(malformed.status).toBe(400);
    expect(malformed.body.message).toBe(
      'Parameter from must be "draft" or the number of a version.',
    );
    const unknown = await api.send('GET', '/api/workflows/nowhere/versions/1');
    expect(unknown).toMatchObject({ status: 404, body: { error: 'workflow_not_found' } });
    const restore = await api.send('POST', '/api/workflows/none/versions/9/restore');
    expect(restore.status).toBe(404);
  });
});

test('the list of workflows is searched', async () => {
  await api.send('POST', '/api/workflows', chain('needle-1', 1, { name: 'A 100% haystack' }));
  const found = async (query: string) =>
    (await api.send('GET', `/api/workflows?${query}`)).body.items.map(
      (item: { workflowId: string }) => item.workflowId,
    );
  expect(await found('search=NEEDLE')).toEqual(['needle-1']);
  expect(await found('search=100%25%20hay')).toEqual(['needle-1']);
  expect(await found('search=1_0')).toEqual([]);
  expect(await found('search=needle&isActive=true')).toEqual([]);
});
