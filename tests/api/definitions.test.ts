import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const definition = (workflowId: string, extra: object = {}) => ({
  workflowId,
  name: 'ترحيب',
  nodes: [
    { id: 'mail', type: 'email', config: { to: '{{lead.email}}', subject: 'مرحباً', text: 'hi' } },
  ],
  connections: [],
  triggers: [{ type: 'event', event: 'lead.created' }],
  ...extra,
});

describe('drafts', () => {
  test('a draft is saved with its issues, read, replaced and listed', async () => {
    const created = await api.send('POST', '/api/workflows', definition('draft-1', { nodes: [] }));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      workflowId: 'draft-1',
      name: 'ترحيب',
      draftVersion: 1,
      publishedVersion: null,
      isActive: false,
    });
    expect(created.body.issues[0].code).toBe('no_nodes');

    const replaced = await api.send('PUT', '/api/workflows/draft-1', definition('draft-1'));
    expect(replaced.status).toBe(200);
    expect(replaced.body.issues).toEqual([]);
    const read = await api.send('GET', '/api/v1/workflows/draft-1');
    expect(read.body.nodes[0].config.subject).toBe('مرحباً');
    const list = await api.send('GET', '/api/workflows?limit=1');
    expect(list.body.items).toHaveLength(1);
  });

  test('PUT creates what is not there, and refuses another id', async () => {
    const { workflowId: _id, ...body } = definition('put-1');
    expect((await api.send('PUT', '/api/workflows/put-1', body)).status).toBe(201);
    const refused = await api.send('PUT', '/api/workflows/put-2', definition('put-1'));
    expect(refused.status).toBe(422);
    expect(refused.body.issues[0].pointer).toBe('/workflowId');
  });

  test('the same id again is a conflict', async () => {
    await api.send('POST', '/api/workflows', definition('twice'));
    const again = await api.send('POST', '/api/workflows', definition('twice'));
    expect(again.status).toBe(409);
    expect(again.body.error).toBe('workflow_exists');
  });

  test('a shape that is wrong is answered with pointers and sentences', async () => {
    const { status, body } = await api.send('POST', '/api/workflows', {
      workflowId: 'bad id',
      nodes: [{ id: 'no spaces', type: 5, colour: 'red' }],
    });
    expect(status).toBe(422);
    const pointers = body.issues.map((issue: { pointer: string }) => issue.pointer);
    expect(pointers).toEqual(
      expect.arrayContaining([
        '/workflowId',
        '/name',
        '/nodes/0/id',
        '/nodes/0/type',
        '/nodes/0/colour',
      ]),
    );
    expect(
      body.issues.find((issue: { pointer: string }) => issue.pointer === '/name').message,
    ).toBe('/name is missing; a text is needed.');
  });
});

describe('validation', () => {
  test('answers meaning and shape without saving', async () => {
    const meaning = await api.send(
      'POST',
      '/api/workflows/validate',
      definition('v', {
        nodes: [{ id: 'a', type: 'email', config: { to: '{{nodes.b.output}}' } }],
      }),
    );
    expect(meaning.status).toBe(200);
    expect(meaning.body.valid).toBe(false);
    expect(meaning.body.issues[0]).toMatchObject({ severity: 'error', nodeId: 'a' });
    const shape = await api.send('POST', '/api/workflows/validate', { nodes: 7 });
    expect(shape.body.valid).toBe(false);
    expect(shape.body.issues.length).toBeGreaterThan(1);
    expect((await api.send('GET', '/api/workflows/v')).status).toBe(404);
  });
});

describe('publishing', () => {
  test('freezes versions; a changed draft becomes the next one', async () => {
    await api.send('POST', '/api/workflows', definition('pub'));
    const first = await api.send('POST', '/api/workflows/pub/publish');
    expect(first.body).toMatchObject({ workflowId: 'pub', version: 1 });
    const again = await api.send('POST', '/api/workflows/pub/publish');
    expect(again.body).toEqual(first.body);
    const changed = await api.send('PUT', '/api/workflows/pub', definition('pub', { name: 'B' }));
    expect(changed.body).toMatchObject({ draftVersion: 2, publishedVersion: 1, isActive: true });
    expect((await api.send('POST', '/api/workflows/pub/publish')).body.version).toBe(2);
    const versions = await api.send('GET', '/api/workflows/pub/versions?limit=1');
    expect(versions.body.items).toMatchObject([{ version: 2, isPublished: true }]);
    const older = await api.send(
      'GET',
      `/api/workflows/pub/versions?cursor=${versions.body.nextCursor}`,
    );
    expect(older.body).toMatchObject({ items: [{ version: 1 }], nextCursor: null });
  });

  test('refuses a draft with errors, naming all of them', async () => {
    await api.send('POST', '/api/workflows', definition('broken', { nodes: [] }));
    const refused = await api.send('POST', '/api/workflows/broken/publish');
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({ error: 'invalid_definition' });
    expect(refused.body.issues.length).toBeGreaterThan(0);
    expect((await api.send('GET', '/api/workflows/broken')).body.isActive).toBe(false);
  });

  test('unpublishing stops starts; the same draft can be published again', async () => {
    await api.send('POST', '/api/workflows', definition('unpub'));
    await api.send('POST', '/api/workflows/unpub/publish');
    const off = await api.send('POST', '/api/workflows/unpub/unpublish');
    expect(off.body).toMatchObject({ isActive: false, publishedVersion: null });
    const start = await api.send('POST', '/api/workflows/unpub/executions', {});
    expect(start).toMatchObject({ status: 409, body: { error: 'workflow_not_published' } });
    expect((await api.send('POST', '/api/workflows/unpub/publish')).body.version).toBe(1);
  });

  test('publishing at once by many gives one version', async () => {
    await api.send('POST', '/api/workflows', definition('race'));
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.send('POST', '/api/workflows/race/publish')),
    );
    expect(new Set(answers.map(({ body }) => body.version))).toEqual(new Set([1]));
  });
});

test('deleting takes the versions along, and is refused while executions run', async () => {
  await api.send('POST', '/api/workflows', definition('gone'));
  await api.send('POST', '/api/workflows/gone/publish');
  const started = await api.send('POST', '/api/workflows/gone/executions', {});
  expect(started.status).toBe(202);
  const refused = await api.send('DELETE', '/api/workflows/gone');
  expect(refused).toMatchObject({ status: 409, body: { error: 'workflow_in_use' } });
  await api.store.database('executions').where({ id: started.body.executionId }).update({
    status: 'cancelled',
    ended_at: new Date(),
  });
  expect((await api.send('DELETE', '/api/workflows/gone')).status).toBe(204);
  expect((await api.send('DELETE', '/api/workflows/gone')).status).toBe(404);
  const kept = await api.send('GET', `/api/executions/${started.body.executionId}`);
  expect(kept.body).toMatchObject({ status: 'cancelled', nodes: [] });
});

test('projects do not see each other', async () => {
  const other = await api.addProject('other');
  await api.send('POST', '/api/workflows', definition('mine'));
  const options = { key: other.key };
  expect((await api.send('GET', '/api/workflows/mine', undefined, options)).status).toBe(404);
  expect((await api.send('POST', '/api/workflows', definition('mine'), options)).status).toBe(201);
  const list = await api.send('GET', '/api/workflows', undefined, options);
  expect(list.body.items).toHaveLength(1);
});

test('a list is read page by page without a gap or a repetition', async () => {
  for (let index = 0; index < 5; index += 1) {
    await api.send('POST', '/api/workflows', definition(`page-${index}`));
  }
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { body: { items: { workflowId: string }[]; nextCursor: string | null } } =
      await api.send('GET', `/api/workflows?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.body.items.map((item) => item.workflowId));
    cursor = page.body.nextCursor;
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((id) => id.startsWith('page-'))).toHaveLength(5);
  const forged = await api.send('GET', '/api/workflows?cursor=nonsense');
  expect(forged).toMatchObject({ status: 400, body: { error: 'malformed_request' } });
});
