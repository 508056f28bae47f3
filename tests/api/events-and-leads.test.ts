import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

describe('leads', () => {
  test('are created with any JSON, read, merged and listed', async () => {
    const lead = {
      id: 'layla',
      name: 'ليلى حدّاد',
      email: 'layla@example.com',
      score: 91.5,
      company: { name: 'Noor', size: 12 },
      tags: ['vip', null],
    };
    const created = await api.send('POST', '/api/leads', lead);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ ...lead, leadId: 'layla' });
    expect((await api.send('POST', '/api/leads', lead)).body.error).toBe('lead_exists');

    const patched = await api.send('PATCH', '/api/leads/layla', {
      company: { size: 13 },
      tags: null,
      id: 'other',
    });
    expect(patched.body).toMatchObject({ id: 'layla', company: { name: 'Noor', size: 13 } });
    expect(patched.body).not.toHaveProperty('tags');
    expect((await api.send('PATCH', '/api/leads/nobody', {})).status).toBe(404);
    expect((await api.send('PATCH', '/api/leads/layla', [])).status).toBe(422);
    expect((await api.send('GET', '/api/leads/layla')).body.name).toBe('ليلى حدّاد');
    expect((await api.send('GET', '/api/leads?limit=1')).body.items).toHaveLength(1);
  });

  test('need a name, and get an id where they have none', async () => {
    const nameless = await api.send('POST', '/api/leads', { email: 'x@example.com' });
    expect(nameless.body.issues[0].pointer).toBe('/name');
    const { body } = await api.send('POST', '/api/leads', { name: 'N' });
    expect(body.id).toMatch(/^lead_[0-9a-f]{32}$/);
  });

  test('a key named __proto__ is data like any other', async () => {
    const response = await fetch(`${api.url}/api/leads`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': api.key },
      body: '{"id":"proto","name":"P","__proto__":{"admin":true}}',
    });
    expect(response.status).toBe(201);
    const { body } = await api.send('GET', '/api/leads/proto');
    expect(body.admin).toBeUndefined();
  });

  test('two changes at once are both kept', async () => {
    await api.send('POST', '/api/leads', { id: 'busy', name: 'B' });
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        api.send('PATCH', '/api/leads/busy', { [`field${index}`]: index }),
      ),
    );
    const { body } = await api.send('GET', '/api/leads/busy');
    expect(Object.keys(body).filter((key) => key.startsWith('field'))).toHaveLength(10);
  });

  test('a repeated POST under one Idempotency-Key makes one lead', async () => {
    const options = { headers: { 'idempotency-key': 'lead-key' } };
    const first = await api.send('POST', '/api/leads', { name: 'Once' }, options);
    const again = await api.send('POST', '/api/leads', { name: 'Once' }, options);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await api.send('POST', '/api/leads', { name: 'Other' }, options);
    expect(other.body.error).toBe('idempotency_key_reused');
    // A refusal is not kept: the mended request may use the key.
    const mended = { headers: { 'idempotency-key': 'mended' } };
    expect((await api.send('POST', '/api/leads', {}, mended)).status).toBe(422);
    expect((await api.send('POST', '/api/leads', { name: 'M' }, mended)).status).toBe(201);
  });
});

describe('events', () => {
  beforeAll(async () => {
    const triggers = [{ type: 'event', event: 'lead.created' }];
    for (const id of ['on-lead-1', 'on-lead-2', 'on-lead-off']) {
      await api.send('POST', '/api/workflows', chain(id, 1, { triggers }));
      await api.send('POST', `/api/workflows/${id}/publish`);
    }
    await api.send('POST', '/api/workflows/on-lead-off/unpublish');
    await api.send('POST', '/api/workflows', chain('on-nothing', 1));
    await api.send('POST', '/api/workflows/on-nothing/publish');
  });

  test('start every published workflow that waits for them, once', async () => {
    const event = {
      eventId: 'event-1',
      type: 'lead.created',
      lead: { id: 'event-lead', name: 'سارة' },
      data: { source: 'form' },
    };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => api.send('POST', '/api/events', event)),
    );
    for (const answer of answers)
      expect(answer).toEqual({ ...answers[0], headers: answer.headers });
    expect(answers[0]).toMatchObject({ status: 202, body: { eventId: 'event-1' } });
    const started: { workflowId: string }[] = answers[0]?.body.executions;
    expect(started.map((each) => each.workflowId)).toEqual(['on-lead-1', 'on-lead-2']);
    const rows = await api.store.database('executions').select('id', 'lead', 'trigger');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      lead: { id: 'event-lead', name: 'سارة' },
      trigger: {
        type: 'event',
        event: 'lead.created',
        eventId: 'event-1',
        data: { source: 'form' },
      },
    });
  });

  test('of an unknown lead are refused and not recorded', async () => {
    const event = { eventId: 'event-2', type: 'lead.created', leadId: 'nobody' };
    expect((await api.send('POST', '/api/events', event)).status).toBe(404);
    await api.send('POST', '/api/leads', { id: 'nobody', name: 'Now known' });
    const now = await api.send('POST', '/api/events', event);
    expect(now.body.executions).toHaveLength(2);
  });

  test('that nobody waits for start nothing; ones without a lead are invalid', async () => {
    const event = { type: 'lead.deleted', leadId: 'event-lead' };
    const { status, body } = await api.send('POST', '/api/events', event);
    expect(status).toBe(202);
    expect(body).toEqual({ eventId: expect.any(String), executions: [], problems: [] });
    expect((await api.send('POST', '/api/events', { type: 'x' })).status).toBe(422);
  });

  test('a filter decides; one that can’t be decided is told of and keeps nobody else from starting', async () => {
    const filters = {
      'filter-hot': { left: '{{ lead.score }}', operator: 'gte', right: 50 },
      'filter-cold': '{% if lead.score < 50 %}true{% else %}false{% endif %}',
      'filter-broken': { left: '{{ lead.company.size }}', operator: 'gt', right: 1 },
    };
    for (const [id, filter] of Object.entries(filters)) {
      const triggers = [{ type: 'event', event: 'lead.scored', filter }];
      await api.send('POST', '/api/workflows', chain(id, 1, { triggers }));
      expect((await api.send('POST', `/api/workflows/${id}/publish`)).status).toBe(200);
    }
    const event = {
      eventId: 'scored-1',
      type: 'lead.scored',
      lead: { id: 'hot', name: 'H', score: 80 },
    };
    const { body } = await api.send('POST', '/api/events', event);
    expect(body.executions.map((each: { workflowId: string }) => each.workflowId)).toEqual([
      'filter-hot',
    ]);
    expect(body.problems).toMatchObject([
      {
        workflowId: 'filter-broken',
        code: 'filter_failed',
        message: expect.stringContaining('lead.company'),
      },
    ]);
    expect((await api.send('POST', '/api/events', event)).body).toEqual(body);
  });

  test('meet one version of a workflow that is being published, never two or none', async () => {
    const triggers = [{ type: 'event', event: 'tick' }];
    await api.send('POST', '/api/workflows', chain('switched', 1, { triggers }));
    await api.send('POST', '/api/workflows/switched/publish');
    const publishing = (async () => {
      for (let version = 0; version < 5; version += 1) {
        await api.send(
          'PUT',
          '/api/workflows/switched',
          chain('switched', version + 2, { triggers }),
        );
        await api.send('POST', '/api/workflows/switched/publish');
      }
    })();
    const told = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.send('POST', '/api/events', {
          eventId: `t${index}`,
          type: 'tick',
          leadId: 'event-lead',
        }),
      ),
    );
    await publishing;
    for (const { body } of told) expect(body.executions).toHaveLength(1);
    const last = await api.send('POST', '/api/events', { type: 'tick', leadId: 'event-lead' });
    const row = await api.store
      .database('executions')
      .where({ id: last.body.executions[0].executionId })
      .first('version');
    expect(row.version).toBe(6);
  });
});
