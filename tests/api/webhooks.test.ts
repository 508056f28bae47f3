/** Webhooks start published automations for who may call them, once per delivery. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
const SECRET = 'a secret that only both know';

beforeAll(async () => {
  api = await startTestApi();
  await api.send('POST', '/api/credentials', {
    name: 'hook-secret',
    type: 'webhook-secret',
    data: { secret: SECRET },
  });
});
afterAll(() => api.stop());

async function publish(workflowId: string, trigger: object): Promise<string> {
  const triggers = [{ type: 'webhook', auth: 'token', ...trigger }];
  await api.send('PUT', `/api/workflows/${workflowId}`, chain(workflowId, 1, { triggers }));
  const published = await api.send('POST', `/api/workflows/${workflowId}/publish`);
  expect(published.status).toBe(200);
  return pathOf(workflowId);
}

async function pathOf(workflowId: string): Promise<string> {
  const { body } = await api.send('GET', `/api/workflows/${workflowId}/triggers`);
  return body.items[0].webhook.path;
}

/** Sends bytes as they are, without a key. */
async function post(path: string, text: string, headers: Record<string, string> = {}) {
  const response = await fetch(api.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an answer has
  const body: any = JSON.parse(await response.text());
  return { status: response.status, headers: response.headers, body };
}

async function row(executionId: string) {
  return api.store.database('executions').where({ id: executionId }).first();
}

function sign(text: string, secret = SECRET): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

describe('an address', () => {
  test('starts the published version, with what was sent, for the lead that is mapped', async () => {
    const path = await publish('hook-json', {
      lead: { id: '{{ trigger.body.customer }}', name: '{{ trigger.body.who }}' },
    });
    const { status, body } = await post(`${path}?source=shop`, '{"customer":42,"who":"نور"}', {
      'x-shop': 'one',
      authorization: 'Bearer private',
    });
    expect([status, body]).toEqual([
      202,
      { executionId: expect.stringMatching(/^hook-json_/), status: 'queued' },
    ]);
    expect(await row(body.executionId)).toMatchObject({
      lead_id: '42',
      lead: { id: '42', name: 'نور' },
      trigger: {
        type: 'webhook',
        trigger: 'webhook',
        method: 'POST',
        query: { source: 'shop' },
        headers: { 'x-shop': 'one' },
        body: { customer: 42, who: 'نور' },
      },
    });
    expect(JSON.stringify(await row(body.executionId))).not.toContain('private');
  });

  test('takes forms and text; what it can’t read or map is refused with the reason', async () => {
    const path = await publish('hook-forms', { lead: { id: '{{ trigger.body.id }}' } });
    const form = await post(path, 'id=7&tag=a&tag=b', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect((await row(form.body.executionId)).trigger.body).toEqual({ id: '7', tag: ['a', 'b'] });
    expect((await post(path, '{"id":')).body.error).toBe('malformed_json');
    const unmapped = await post(path, '{"other":1}');
    expect([unmapped.status, unmapped.body.message]).toEqual([
      422,
      expect.stringContaining('trigger.body.id'),
    ]);
    expect((await post(path, 'x', { 'content-type': 'image/png' })).status).toBe(415);
    expect((await post(path, `"${'x'.repeat(1_100_000)}"`)).status).toBe(413);
    const plain = await publish('hook-text', {});
    const text = await post(plain, 'just words', { 'content-type': 'text/plain' });
    expect((await row(text.body.executionId)).trigger.body).toBe('just words');
  });

  test('stays the same over versions; unpublished or unknown it is not there', async () => {
    const path = await publish('hook-stable', {});
    expect(await publish('hook-stable', { deliveryHeader: 'x-id' })).toBe(path);
    expect((await row((await post(path, '{}')).body.executionId)).version).toBe(2);
    await api.send('POST', '/api/workflows/hook-stable/unpublish');
    const gone = await post(path, '{}');
    const unknown = await post(`/api/hooks/${'A'.repeat(43)}`, '{}');
    expect(gone.body).toEqual({ ...unknown.body, requestId: gone.body.requestId });
    expect([gone.status, gone.body.error]).toEqual([404, 'hook_not_found']);
    expect(await pathOf('hook-stable')).toBe(path);
  });

  test('can be replaced; the old one is not there any more', async () => {
    const path = await publish('hook-rotated', {});
    const { body } = await api.send('POST', '/api/workflows/hook-rotated/triggers/webhook/rotate');
    expect(body.path).not.toBe(path);
    expect((await post(path, '{}')).status).toBe(404);
    expect((await post(body.path, '{}')).status).toBe(202);
    const stored = JSON.stringify(await api.store.database('webhooks').select());
    expect(stored).not.toContain(body.path.split('/').at(-1));
    const missing = await api.send('POST', '/api/workflows/hook-rotated/triggers/other/rotate');
    expect(missing.body.error).toBe('trigger_not_found');
  });

  test('of another project is shown to nobody', async () => {
    await publish('hook-private', {});
    const { key } = await api.addProject('other');
    const { status } = await api.send('GET', '/api/workflows/hook-private/triggers', undefined, {
      key,
    });
    expect(status).toBe(404);
  });

  test('a filter passes requests by', async () => {
    const filter = { left: '{{ trigger.body.kind }}', operator: 'eq', right: 'order' };
    const path = await publish('hook-filter', { filter });
    expect((await post(path, '{"kind":"ping"}')).body).toEqual({ status: 'ignored' });
    expect((await post(path, '{"kind":"order"}')).status).toBe(202);
  });

  test('takes only so many requests in a minute', async () => {
    const path = await publish('hook-busy', { filter: 'false' });
    const statuses = new Set<number>();
    for (let round = 0; round < 13; round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(path, '{}')));
      for (const { status } of answers) statuses.add(status);
    }
    expect([...statuses].sort()).toEqual([200, 429]);
    const limited = await post(path, '{}');
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('who may call', () => {
  test('a signature over the raw body, in the form of the header', async () => {
    const path = await publish('hook-hmac', {
      auth: 'hmac',
      credential: 'hook-secret',
      header: 'X-Hub-Signature-256',
      prefix: 'sha256=',
      deliveryHeader: 'X-GitHub-Delivery',
    });
    // Spaces count: what is signed are the bytes, not what they mean.
    const text = '{ "action":  "opened" }';
    const right = `sha256=${sign(text)}`;
    for (const signature of [
      undefined,
      '',
      'sha256=',
      sign(text),
      `sha256=${sign('{"action":"opened"}')}`,
      `sha256=${sign(text, 'another secret')}`,
      `sha256=${sign(text).slice(0, -2)}`,
      `sha256=${'0'.repeat(64)}`,
      'sha256=ä',
    ]) {
      const headers =
        signature === undefined ? {} : { 'x-hub-signature-256': encodeURI(signature) };
      const refused = await post(path, text, headers);
      expect([signature, refused.status, refused.body.error]).toEqual([
        signature,
        401,
        'hook_unauthorized',
      ]);
    }
    const accepted = await post(path, text, {
      'x-hub-signature-256': right,
      'x-github-delivery': 'd-1',
    });
    expect(accepted.status).toBe(202);
    const count = await api.store.database('executions').where({ workflow_id: 'hook-hmac' });
    expect(count).toHaveLength(1);
  });

  test('a delivery that comes again starts nothing, at once or later', async () => {
    const path = await pathOf('hook-hmac');
    const text = '{"action":"closed"}';
    const headers = {
      'x-hub-signature-256': `sha256=${sign(text)}`,
      'x-github-delivery': 'd-2',
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(path, text, headers)));
    const again = await post(path, text, headers);
    const ids = new Set([...answers, again].map(({ body }) => body.executionId));
    expect(ids.size).toBe(1);
    expect(answers.every(({ status }) => status === 202)).toBe(true);
  });

  test('a signed time keeps old requests from being sent again', async () => {
    const path = await publish('hook-timed', {
      auth: 'hmac',
      credential: 'hook-secret',
      header: 'x-signature',
      timestampHeader: 'x-timestamp',
      tolerance: '1m',
      signed: 'v0:{timestamp}:{body}',
    });
    const send = (at: number, text = '{}') =>
      post(path, text, {
        'x-timestamp': String(at),
        'x-signature': sign(`v0:${at}:${text}`),
      });
    const now = Math.floor(Date.now() / 1_000);
    const first = await send(now);
    expect(first.status).toBe(202);
    expect((await send(now)).body.executionId).toBe(first.body.executionId);
    expect((await send(now, '{"n":1}')).body.executionId).not.toBe(first.body.executionId);
    expect((await send(now - 120)).status).toBe(401);
    expect((await send(now + 120)).status).toBe(401);
    const moved = await post(path, '{}', {
      'x-timestamp': String(now + 1),
      'x-signature': sign(`v0:${now}:{}`),
    });
    expect(moved.status).toBe(401);
  });

  test('a secret in a header; a webhook whose secret is gone lets nobody in', async () => {
    const path = await publish('hook-secret-header', {
      credential: 'hook-secret',
      header: 'x-telegram-bot-api-secret-token',
    });
    expect((await post(path, '{}')).status).toBe(401);
    const header = 'x-telegram-bot-api-secret-token';
    expect((await post(path, '{}', { [header]: `${SECRET}!` })).status).toBe(401);
    const accepted = await post(path, '{}', { [header]: SECRET });
    expect(accepted.status).toBe(202);
    expect(JSON.stringify(await row(accepted.body.executionId))).not.toContain(SECRET);
    const orphan = await publish('hook-orphan', {
      auth: 'hmac',
      credential: 'missing',
      header: 'x-signature',
    });
    expect((await post(orphan, '{}', { 'x-signature': sign('{}') })).status).toBe(401);
  });
});

describe('synchronous answers', () => {
  test('what the respond node says; 202 when it takes too long', async () => {
    const path = await publish('hook-sync', { respond: 'wait', timeout: '10s' });
    const ledger = createLedger(api.store.database);
    const answering = post(path, '{}');
    const executionId = await eventually(async () => {
      const found = await api.store
        .database('executions')
        .where({ workflow_id: 'hook-sync' })
        .first('id');
      return String(found.id);
    });
    await ledger.respond(executionId, {
      status: 201,
      body: { order: 7 },
      headers: { 'x-order': 'seven' },
    });
    const answer = await answering;
    expect([answer.status, answer.body]).toEqual([201, { order: 7 }]);
    expect(answer.headers.get('x-order')).toBe('seven');
    expect(answer.headers.get('x-execution-id')).toBe(executionId);

    const hasty = await publish('hook-hasty', { respond: 'wait', timeout: '100ms' });
    expect((await post(hasty, '{}')).status).toBe(202);
  });

  test('a failure is told as one', async () => {
    const path = await publish('hook-fails', { respond: 'wait' });
    const answering = post(path, '{}');
    await eventually(async () => {
      const found = await api.store
        .database('executions')
        .where({ workflow_id: 'hook-fails' })
        .first('id');
      await createLedger(api.store.database).end(String(found.id), {
        status: 'failed',
        result: null,
        error: { code: 'x', message: 'Internal words.' },
      });
    });
    const answer = await answering;
    expect([answer.status, answer.body.error]).toEqual([500, 'execution_failed']);
    expect(JSON.stringify(answer.body)).not.toContain('Internal words');
  });
});
