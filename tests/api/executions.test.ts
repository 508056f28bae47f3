import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLedger, type Ledger } from '../../db/ledger.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';
import { eventually } from '../support/eventually.ts';

let api: TestApi;
let ledger: Ledger;
beforeAll(async () => {
  api = await startTestApi();
  ledger = createLedger(api.store.database);
  await api.send('POST', '/api/workflows', chain('chain', 2, { description: 'Calls twice.' }));
  await api.send('POST', '/api/workflows/chain/publish');
});
afterAll(() => api.stop());

const start = (body: unknown = {}, headers: Record<string, string> = {}, query = '') =>
  api.send('POST', `/api/workflows/chain/executions${query}`, body, { headers });

/** Does what a worker would do with a node. */
async function runNode(executionId: string, nodeId: string): Promise<void> {
  const entry = {
    projectId: api.projectId,
    executionId,
    workflowId: 'chain',
    leadId: null,
    nodeId,
    nodeName: nodeId,
    iteration: '',
    connector: 'http',
    operation: 'request',
    maximumAttempts: 3,
    input: { url: 'https://example.com/' },
  };
  await ledger.begin(entry, { marksRunning: true });
  await ledger.finish(entry, { status: 'succeeded', output: { status: 200 }, port: 'success' });
}

describe('starting', () => {
  test('answers 202 with a queued execution that Temporal has soon after', async () => {
    const lead = { id: 'lead-1', name: 'ليلى', email: 'layla@example.com', score: 80 };
    const { status, body } = await start({ lead, input: { reason: 'test' } });
    expect(status).toBe(202);
    expect(body).toMatchObject({ workflowId: 'chain', version: 1, status: 'queued' });
    expect(body.executionId).toMatch(/^chain_[0-9a-f]{32}$/);
    expect(body.links).toEqual({
      self: `/api/executions/${body.executionId}`,
      events: `/api/executions/${body.executionId}/events`,
      temporal: `http://127.0.0.1:8233/namespaces/default/workflows/${body.executionId}`,
    });
    const run = await eventually(() => api.client.workflow.getHandle(body.executionId).describe());
    expect(run.type).toBe('runAutomation');
    expect(await run.staticSummary()).toBe('Chain of 2 · lead-1');
    const details = await run.staticDetails();
    expect(details).toContain('Calls twice.');
    expect(details).toContain('**Step 1** (`step1`): http.request');
    expect(details).toContain('Step 1 → *success* → Step 2');
    const attributes = Object.fromEntries(
      run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      MasarProject: api.projectId,
      MasarWorkflow: 'chain',
      MasarVersion: '1',
      MasarLead: 'lead-1',
      MasarTrigger: 'api',
    });
    expect((await api.send('GET', '/api/leads/lead-1')).body).toMatchObject({ ...lead });
  });

  test('takes a known lead by id, merged with what is told; an unknown one is refused', async () => {
    await api.send('POST', '/api/leads', { id: 'lead-2', name: 'Omar', phone: '+971500000001' });
    const byId = await start({ leadId: 'lead-2' });
    const merged = await start({ lead: { id: 'lead-2', email: 'omar@example.com' } });
    const rows = await api.store
      .database('executions')
      .whereIn('id', [byId.body.executionId, merged.body.executionId])
      .orderBy('queued_at')
      .select('lead');
    expect(rows[0].lead).toEqual({ id: 'lead-2', name: 'Omar', phone: '+971500000001' });
    expect(rows[1].lead).toEqual({ ...rows[0].lead, email: 'omar@example.com' });
    expect(await start({ leadId: 'nobody' })).toMatchObject({
      status: 404,
      body: { error: 'lead_not_found' },
    });
    expect((await start({ leadId: 'a', lead: { id: 'b' } })).status).toBe(422);
  });

  test('needs no body, and refuses unknown fields and workflows', async () => {
    const bare = await api.send('POST', '/api/workflows/chain/executions');
    expect(bare.status).toBe(202);
    const typo = await start({ leadID: 'x' });
    expect(typo.body.issues[0]).toMatchObject({ code: 'unknown_field', pointer: '/leadID' });
    const unknown = await api.send('POST', '/api/workflows/nothing/executions', {});
    expect(unknown).toMatchObject({ status: 404, body: { error: 'workflow_not_found' } });
  });

  test('is accepted while Temporal is away', async () => {
    const away = await startTestApi({
      deps: {
        dispatcher: {
          submit: () => undefined,
          whileAdmitting: () => undefined,
          drain: async () => undefined,
        },
      },
    });
    try {
      await away.send('POST', '/api/workflows', chain('chain'));
      await away.send('POST', '/api/workflows/chain/publish');
      const { status, body } = await away.send('POST', '/api/workflows/chain/executions', {});
      expect(status).toBe(202);
      const read = await away.send('GET', `/api/executions/${body.executionId}`);
      expect(read.body.status).toBe('queued');
      expect(read.body.nodes.map((node: { status: string }) => node.status)).toEqual([
        'pending',
        'pending',
      ]);
      // Temporal does not have it, so it is cancelled at once.
      const cancelled = await away.send('POST', `/api/executions/${body.executionId}/cancel`, {
        reason: 'not needed',
      });
      expect(cancelled).toMatchObject({ status: 202, body: { status: 'cancelled' } });
    } finally {
      await away.stop();
    }
  });
});

describe('the Idempotency-Key of a start', () => {
  test('twice the same is one execution, even at once', async () => {
    const headers = { 'idempotency-key': 'key-1' };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => start({ lead: { name: 'Sara' } }, headers)),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(6).fill(202));
    expect(new Set(answers.map((answer) => answer.body.executionId)).size).toBe(1);
    const leads = await api.store.database('leads').whereRaw("data ->> 'name' = 'Sara'");
    expect(leads).toHaveLength(1);
  });

  test('with another body it is refused, and a key of another workflow is another key', async () => {
    const headers = { 'idempotency-key': 'key-2' };
    const first = await start({ input: { a: 1, b: 2 } }, headers);
    const reordered = await start({ input: { b: 2, a: 1 } }, headers);
    expect(reordered.body.executionId).toBe(first.body.executionId);
    const other = await start({ input: { a: 2 } }, headers);
    expect(other).toMatchObject({ status: 409, body: { error: 'idempotency_key_reused' } });
    await api.send('POST', '/api/workflows', chain('chain-b'));
    await api.send('POST', '/api/workflows/chain-b/publish');
    const elsewhere = await api.send('POST', '/api/workflows/chain-b/executions', {}, { headers });
    expect(elsewhere.status).toBe(202);
    const bad = await start({}, { 'idempotency-key': 'with space' });
    expect(bad.status).toBe(400);
  });
});

describe('modes', () => {
  test('sandbox where nothing is configured; live asks for credentials of each node', async () => {
    const mail = (id: string, credential?: string) => ({
      id,
      type: 'email',
      config: { to: 'a@example.com', subject: 's', text: 't' },
      ...(credential === undefined ? {} : { credential }),
    });
    await api.send('POST', '/api/workflows', {
      workflowId: 'mails',
      name: 'Mails',
      nodes: [mail('one'), mail('two', 'smtp-x')],
    });
    await api.send('POST', '/api/workflows/mails/publish');
    const path = '/api/workflows/mails/executions';
    const sandbox = await api.send('POST', path, {});
    const read = await api.send('GET', `/api/executions/${sandbox.body.executionId}`);
    expect(read.body.mode).toBe('sandbox');
    const live = await api.send('POST', path, { mode: 'live' });
    expect(live).toMatchObject({ status: 422, body: { error: 'credentials_missing' } });
    expect(
      live.body.issues.map((issue: { nodeId: string; code: string }) => [issue.nodeId, issue.code]),
    ).toEqual([
      ['one', 'credential_missing'],
      ['two', 'unknown_credential'],
    ]);
  });

  test('live asks for credentials of nodes inside forEach too, but not of disabled ones', async () => {
    const mail = (id: string, extra: object = {}) => ({
      id,
      type: 'email',
      config: { to: 'a@example.com', subject: 's', text: 't' },
      ...extra,
    });
    const each = (id: string, nodes: readonly object[]) => ({
      id,
      type: 'forEach',
      config: { items: [1], body: { nodes, connections: [] } },
    });
    await api.send('POST', '/api/workflows', {
      workflowId: 'nested-mails',
      name: 'Nested mails',
      nodes: [
        mail('off', { disabled: true }),
        each('outer', [each('inner', [mail('off-too', { disabled: true }), mail('deep')])]),
      ],
    });
    await api.send('POST', '/api/workflows/nested-mails/publish');
    const live = await api.send('POST', '/api/workflows/nested-mails/executions', { mode: 'live' });
    expect(live.body).toMatchObject({
      error: 'credentials_missing',
      issues: [
        {
          nodeId: 'deep',
          code: 'credential_missing',
          pointer: '/nodes/1/config/body/nodes/0/config/body/nodes/1/credential',
        },
      ],
    });
    expect(live.body.issues).toHaveLength(1);
  });
});

describe('reading', () => {
  test('shows the nodes as the plan has them, with what the ledger says', async () => {
    const { body } = await start({});
    const { executionId } = body;
    await runNode(executionId, 'step1');
    const running = await api.send('GET', `/api/automation/execution/${executionId}/status`);
    expect(running.body.status).toBe('running');
    expect(running.body.nodes).toMatchObject([
      { nodeId: 'step1', status: 'succeeded', attempts: 1, output: { status: 200 } },
      { nodeId: 'step2', name: 'Step 2', connector: 'http', status: 'pending', attempts: 0 },
    ]);
    await ledger.end(executionId, {
      status: 'failed',
      result: null,
      error: { code: 'rejected', message: 'No.', nodeId: 'step1' },
    });
    const ended = await api.send('GET', `/api/executions/${executionId}`);
    expect(ended.body).toMatchObject({ status: 'failed', error: { code: 'rejected' } });
    expect(ended.body.durationMs).toBeGreaterThanOrEqual(0);
    expect(ended.body.nodes[1].status).toBe('skipped');
    expect((await api.send('GET', '/api/executions/none')).status).toBe(404);
    const other = await api.addProject('reader');
    const foreign = await api.send('GET', `/api/executions/${executionId}`, undefined, other);
    expect(foreign.status).toBe(404);
  });

  test('lists newest first, filtered, page by page', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.unshift((await start({ lead: { id: 'lister', name: 'L' } })).body.executionId);
    }
    const first = await api.send('GET', '/api/executions?leadId=lister&limit=2');
    const second = await api.send(
      'GET',
      `/api/executions?leadId=lister&limit=2&cursor=${first.body.nextCursor}`,
    );
    const listed = [...first.body.items, ...second.body.items];
    expect(listed.map((item) => item.executionId)).toEqual(ids);
    expect(second.body.nextCursor).toBeNull();
    const none = await api.send(
      'GET',
      '/api/executions?workflowId=chain&status=succeeded,failed&leadId=lister',
    );
    expect(none.body.items).toEqual([]);
    const past = await api.send('GET', '/api/executions?to=2020-01-01');
    expect(past.body.items).toEqual([]);
    const wrong = await api.send('GET', '/api/executions?status=done&limit=0');
    expect(wrong.status).toBe(400);
    expect(wrong.body.issues).toHaveLength(2);
  });
});

describe('waiting', () => {
  test('answers the whole execution when it ends in time', async () => {
    const waiting = start({ lead: { id: 'waiter', name: 'W' } }, {}, '?wait=20s');
    const executionId = await eventually(async () => {
      const row = await api.store.database('executions').where({ lead_id: 'waiter' }).first('id');
      if (row === undefined) throw new Error('not accepted yet');
      return String(row.id);
    });
    await runNode(executionId, 'step1');
    await runNode(executionId, 'step2');
    const before = Date.now();
    await ledger.end(executionId, { status: 'succeeded', result: { step2: 1 }, error: null });
    const { status, body } = await waiting;
    expect(Date.now() - before).toBeLessThan(400);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'succeeded', result: { step2: 1 } });
  });

  test('answers 202 when the time is over, and at most 30 s can be asked for', async () => {
    const late = await start({}, {}, '?wait=200ms');
    expect(late.status).toBe(202);
    expect((await start({}, {}, '?wait=31s')).status).toBe(400);
    expect((await start({}, {}, '?wait=soon')).status).toBe(400);
  });
});

describe('acting', () => {
  test('cancelling asks the workflow; an ended execution refuses', async () => {
    const { body } = await start({});
    const handle = api.client.workflow.getHandle(body.executionId);
    await eventually(() => handle.describe());
    const cancelled = await api.send('POST', `/api/executions/${body.executionId}/cancel`);
    expect(cancelled.status).toBe(202);
    const { events } = await handle.fetchHistory();
    expect(
      events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes != null),
    ).toBe(true);
    await ledger.end(body.executionId, { status: 'cancelled', result: null, error: null });
    const again = await api.send('POST', `/api/executions/${body.executionId}/cancel`);
    expect(again).toMatchObject({ status: 409, body: { error: 'execution_ended' } });
  });

  test('only a node in doubt can be resolved', async () => {
    const { body } = await start({});
    await runNode(body.executionId, 'step1');
    const path = (node: string) => `/api/executions/${body.executionId}/nodes/${node}/resolve`;
    const known = await api.send('POST', path('step1'), { outcome: 'sent' });
    expect(known).toMatchObject({ status: 409, body: { error: 'node_not_unknown' } });
    const missing = await api.send('POST', path('step2'), { outcome: 'sent' });
    expect(missing).toMatchObject({ status: 404, body: { error: 'node_not_found' } });
    expect((await api.send('POST', path('step1'), { outcome: 'maybe' })).status).toBe(422);
  });
});

describe('watching', () => {
  test('tells states as they change and ends after the final one', async () => {
    const { body } = await start({});
    const { executionId } = body;
    const stream = await watch(executionId);
    await stream.until((events) => events.length >= 3);
    await runNode(executionId, 'step1');
    await stream.until((events) =>
      events.some(({ event, data }) => event === 'node' && data.status === 'succeeded'),
    );
    await ledger.end(executionId, { status: 'succeeded', result: {}, error: null });
    const events = await stream.all();
    expect(events[0]).toMatchObject({ event: 'execution', data: { status: 'queued' } });
    expect(events.at(-1)).toMatchObject({ event: 'execution', data: { status: 'succeeded' } });
    const step2 = events.filter(({ data }) => data.nodeId === 'step2');
    expect(step2.map(({ data }) => data.status)).toEqual(['pending', 'skipped']);

    const resumed = await (await watch(executionId, events.at(-1)?.id)).all();
    expect(resumed.at(-1)).toMatchObject({ event: 'execution', data: { status: 'succeeded' } });
  });

  test('an unknown execution is a problem, not a stream', async () => {
    const answer = await api.send('GET', '/api/executions/none/events');
    expect(answer.status).toBe(404);
  });
});

interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an event has
  readonly data: any;
}

async function watch(executionId: string, lastEventId?: string) {
  const response = await fetch(`${api.url}/api/executions/${executionId}/events`, {
    headers: {
      'x-api-key': api.key,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: ServerSentEvent[] = [];
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  const readOn = async (): Promise<boolean> => {
    const part = await reader?.read();
    if (part === undefined || part.done) return false;
    buffer += part.value;
    const blocks = buffer.split('\n\n');
    buffer = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => {
          const at = line.indexOf(': ');
          return [line.slice(0, at), line.slice(at + 2)] as const;
        }),
      );
      const event = fields.get('event');
      if (event === undefined) continue;
      events.push({
        event,
        id: fields.get('id') ?? '',
        data: JSON.parse(fields.get('data') ?? 'null'),
      });
    }
    return true;
  };
  return {
    async until(holds: (events: readonly ServerSentEvent[]) => boolean): Promise<void> {
      while (!holds(events)) if (!(await readOn())) throw new Error('The stream ended early.');
    },
    async all(): Promise<readonly ServerSentEvent[]> {
      while (await readOn());
      return events;
    },
  };
}
