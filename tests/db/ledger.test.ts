import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connectDatabase, type Database } from '../../db/connection.ts';
import { CHANNELS } from '../../db/execution-announcer.ts';
import { createLedger, type Ledger, type LedgerEntry, type Outcome } from '../../db/ledger.ts';
import { migrate } from '../../db/migrate.ts';
import type { ExecutionEnd, NodeRecord } from '../../workflows/activity-contract.ts';
import { createTestDatabase } from '../support/database.ts';

let database: Database;
let drop: () => Promise<void>;
let url: string;
let ledger: Ledger;
let projectId: string;
let entry: LedgerEntry;
let count = 0;

beforeAll(async () => {
  ({ url, database, drop } = await createTestDatabase());
  await migrate(url);
  ledger = createLedger(database);
  const [project] = await database('projects').insert({ name: 'ledger' }).returning('id');
  projectId = project.id;
}, 60_000);

afterAll(() => drop());

beforeEach(async () => {
  count += 1;
  const executionId = `execution-${count}`;
  await database('executions').insert({
    id: executionId,
    project_id: projectId,
    workflow_id: 'welcome-lead',
    version: 1,
    lead_id: 'lead-1',
    trigger: JSON.stringify({ type: 'api' }),
    mode: 'sandbox',
  });
  entry = {
    projectId,
    executionId,
    workflowId: 'welcome-lead',
    leadId: 'lead-1',
    nodeId: 'mail',
    nodeName: 'Welcome mail',
    iteration: '',
    connector: 'email',
    operation: 'send',
    maximumAttempts: 5,
    input: { subject: 'مرحباً نور' },
  };
});

const sent: Outcome = { status: 'succeeded', output: { messageId: 'm-1' }, port: 'success' };
const refused = { code: 'unavailable', message: 'The server refused the connection.' };

function failed(inDoubt: boolean, status: 'retrying' | 'failed' | 'unknown' = 'retrying'): Outcome {
  return { status, error: refused, inDoubt };
}

/** The row of an entry, without what differs from run to run. */
async function row(of: LedgerEntry = entry) {
  const found = await database('execution_logs')
    .where({ execution_id: of.executionId, node_id: of.nodeId, iteration: of.iteration })
    .first();
  if (found === undefined) throw new Error('There is no such row.');
  return found;
}

async function execution() {
  return database('executions').where({ id: entry.executionId }).first();
}

async function rowCount(): Promise<number> {
  const found = await database('execution_logs').where({ execution_id: entry.executionId });
  return found.length;
}

function end(status: ExecutionEnd['status']): ExecutionEnd {
  return status === 'succeeded'
    ? { status, result: { mail: { messageId: 'm-1' } }, error: null }
    : { status, result: null, error: refused };
}

describe('L1: a side effect is (execution, node, iteration); its attempts share one row', () => {
  test('several attempts leave one row, which counts them', async () => {
    for (const attempt of [1, 2, 3]) {
      expect(await ledger.begin(entry)).toEqual({ state: 'fresh', attempt });
      await ledger.finish(entry, failed(false), { attempt });
    }
    expect(await rowCount()).toBe(1);
    expect(await row()).toMatchObject({ attempt: 3, retry_count: 2, max_retries: 4 });
  });

  test('other nodes and other iterations are other effects', async () => {
    const others = [entry, { ...entry, nodeId: 'wa' }, { ...entry, iteration: '3' }];
    for (const other of others) {
      expect(await ledger.begin(other)).toEqual({ state: 'fresh', attempt: 1 });
    }
    expect(await rowCount()).toBe(3);
    await ledger.finish({ ...entry, iteration: '3' }, sent);
    expect(await row()).toMatchObject({ status: 'running' });
    expect(await row({ ...entry, iteration: '3' })).toMatchObject({ status: 'succeeded' });
  });

  test('the row tells whose effect it is and what was sent', async () => {
    await ledger.begin(entry);
    expect(await row()).toMatchObject({
      project_id: projectId,
      workflow_id: 'welcome-lead',
      lead_id: 'lead-1',
      node_name: 'Welcome mail',
      connector_type: 'email',
      operation: 'send',
      status: 'running',
      in_doubt: true,
      input_data: { subject: 'مرحباً نور' },
      start_time: expect.any(Date),
      end_time: null,
      duration_ms: null,
    });
  });
});

describe('L2: of callers at once at most one is fresh', () => {
  test('of 50 that begin the same effect exactly one is fresh; the others are told of the doubt', async () => {
    const wide = connectDatabase(url, { poolSize: 20 });
    try {
      const wideLedger = createLedger(wide);
      for (let round = 0; round < 5; round += 1) {
        const effect = { ...entry, iteration: String(round) };
        const results = await Promise.all(
          Array.from({ length: 50 }, () => wideLedger.begin(effect)),
        );
        expect(results.filter(({ state }) => state === 'fresh')).toEqual([
          { state: 'fresh', attempt: 1 },
        ]);
        expect(results.filter(({ state }) => state === 'in_doubt')).toHaveLength(49);
        const attempts = results.map((result) => (result.state === 'closed' ? 0 : result.attempt));
        expect(new Set(attempts).size).toBe(50);
      }
    } finally {
      await wide.destroy();
    }
  });

  test('of 20 that begin again after a failure without effect exactly one is fresh', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(false));
    const results = await Promise.all(Array.from({ length: 20 }, () => ledger.begin(entry)));
    expect(results.filter(({ state }) => state === 'fresh')).toHaveLength(1);
  });
});

describe('L3: what succeeded is never executed again and never overwritten', () => {
  test('begin answers the recorded output, and changes nothing', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, sent);
    const before = await row();
    const again = { ...entry, input: { subject: 'another' }, nodeName: 'Renamed' };
    expect(await ledger.begin(again)).toEqual({
      state: 'recorded',
      attempt: 1,
      output: { messageId: 'm-1' },
    });
    const after = await row();
    expect(after).toEqual({
      ...before,
      claimed_status: 'succeeded',
      claimed_in_doubt: false,
      updated_at: after.updated_at,
    });
  });

  test.each<[string, Outcome]>([
    ['a failure', failed(false, 'failed')],
    ['a retry', failed(true)],
    ['a doubt', failed(true, 'unknown')],
    ['a cancellation', { status: 'cancelled', error: refused, inDoubt: true }],
    ['another success', { status: 'succeeded', output: { messageId: 'm-2' }, port: 'success' }],
  ])('%s that is reported later changes nothing', async (_name, outcome) => {
    await ledger.begin(entry);
    await ledger.finish(entry, sent);
    const before = await row();
    await ledger.finish(entry, outcome);
    expect(await row()).toEqual(before);
  });

  test('an output of null is an output', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, { status: 'succeeded', output: null, port: 'success' });
    expect(await ledger.begin(entry)).toEqual({ state: 'recorded', attempt: 1, output: null });
  });

  test('a success is kept whoever reports it: an attempt given up, or one of an ended execution', async () => {
    await ledger.begin(entry);
    await ledger.begin(entry);
    await ledger.finish(entry, sent, { attempt: 1 });
    expect(await row()).toMatchObject({ status: 'succeeded', in_doubt: false });

    const late = { ...entry, nodeId: 'late' };
    await ledger.begin(late);
    await ledger.end(entry.executionId, end('cancelled'));
    await ledger.finish(late, sent);
    expect(await row(late)).toMatchObject({ status: 'succeeded', error_details: null });
  });
});

describe('L4: an attempt that may have acted leaves the row in doubt', () => {
  test('one that began and never reported, and since when', async () => {
    expect(await ledger.begin(entry)).toEqual({ state: 'fresh', attempt: 1 });
    const since = (await row())?.start_time;
    expect(since).toBeInstanceOf(Date);
    expect(await ledger.begin(entry)).toEqual({ state: 'in_doubt', attempt: 2, since });
    expect(await ledger.begin(entry)).toEqual({ state: 'in_doubt', attempt: 3, since });
  });

  test.each(['retrying', 'unknown'] as const)(
    'one that reported a possible effect, as %s',
    async (status) => {
      await ledger.begin(entry);
      await ledger.finish(entry, failed(true, status));
      expect(await row()).toMatchObject({ status, in_doubt: true, error_details: refused });
      expect(await ledger.begin(entry)).toMatchObject({ state: 'in_doubt', attempt: 2 });
    },
  );

  test('not one that reported a failure without effect', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(false));
    expect(await row()).toMatchObject({ status: 'retrying', in_doubt: false });
    expect(await ledger.begin(entry)).toEqual({ state: 'fresh', attempt: 2 });
  });

  test('what an attempt says of its failure counts no more once a later one has begun', async () => {
    await ledger.begin(entry);
    await ledger.begin(entry);
    const before = await row();
    await ledger.finish(entry, failed(false), { attempt: 1 });
    expect(await row()).toEqual(before);
    expect(await ledger.begin(entry)).toMatchObject({ state: 'in_doubt', attempt: 3 });
    await ledger.finish(entry, failed(false), { attempt: 3 });
    expect(await ledger.begin(entry)).toEqual({ state: 'fresh', attempt: 4 });
  });

  test('until a person clears it', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(true, 'unknown'));
    await ledger.clearDoubt(entry);
    expect(await row()).toMatchObject({ status: 'retrying', in_doubt: false });
    expect(await ledger.begin(entry)).toEqual({ state: 'fresh', attempt: 2 });
  });

  test('and clearing touches only what waits for a person', async () => {
    await ledger.begin(entry);
    await ledger.clearDoubt(entry);
    expect(await ledger.begin(entry)).toMatchObject({ state: 'in_doubt', attempt: 2 });
    await ledger.finish(entry, sent);
    await ledger.clearDoubt(entry);
    expect(await ledger.begin(entry)).toMatchObject({ state: 'recorded' });
  });
});

describe('L5: nothing begins for an execution that has ended', () => {
  test.each(['succeeded', 'failed', 'cancelled', 'timed_out'] as const)('%s', async (status) => {
    await ledger.end(entry.executionId, end(status));
    expect(await ledger.begin(entry, { marksRunning: true })).toEqual({ state: 'closed' });
    expect(await rowCount()).toBe(0);
    expect(await execution()).toMatchObject({ status });
  });

  test('also not again', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(false));
    await ledger.end(entry.executionId, end('cancelled'));
    expect(await ledger.begin(entry)).toEqual({ state: 'closed' });
    expect(await row()).toMatchObject({ status: 'cancelled', attempt: 1 });
  });

  test('what it recorded is still answered', async () => {
    const wa = { ...entry, nodeId: 'wa' };
    await ledger.begin(entry);
    await ledger.finish(entry, sent);
    await ledger.begin(wa);
    await ledger.finish(wa, failed(false, 'failed'));
    await ledger.end(entry.executionId, end('succeeded'));
    expect(await ledger.begin(entry)).toEqual({
      state: 'recorded',
      attempt: 1,
      output: { messageId: 'm-1' },
    });
    expect(await ledger.begin(wa)).toEqual({ state: 'failed', attempt: 1, error: refused });
    const projectOfOthers = '00000000-0000-4000-8000-000000000000';
    expect(await ledger.begin({ ...entry, projectId: projectOfOthers })).toEqual({
      state: 'closed',
    });
  });

  test('nor for one that is not known, or is another project’s', async () => {
    expect(await ledger.begin({ ...entry, executionId: 'nobody' })).toEqual({ state: 'closed' });
    const projectOfOthers = '00000000-0000-4000-8000-000000000000';
    expect(await ledger.begin({ ...entry, projectId: projectOfOthers })).toEqual({
      state: 'closed',
    });
  });

  test('one that is held or waits has not ended', async () => {
    for (const status of ['waiting', 'paused', 'unknown', 'running'] as const) {
      await ledger.setStatus(entry.executionId, status);
      expect(await ledger.begin({ ...entry, nodeId: status })).toMatchObject({ state: 'fresh' });
    }
  });
});

describe('L6: what failed for good is answered as it failed', () => {
  test.each([false, true])('and not tried again, in doubt: %s', async (inDoubt) => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(inDoubt, 'failed'));
    const before = await row();
    expect(await ledger.begin(entry)).toEqual({ state: 'failed', attempt: 1, error: refused });
    const after = await row();
    expect(after).toEqual({
      ...before,
      claimed_status: 'failed',
      claimed_in_doubt: inDoubt,
      updated_at: after.updated_at,
    });
  });

  test('but a success that is reported late counts', async () => {
    await ledger.begin(entry);
    await ledger.begin(entry);
    await ledger.finish(entry, failed(true, 'failed'), { attempt: 2 });
    await ledger.finish(entry, sent, { attempt: 1 });
    expect(await ledger.begin(entry)).toMatchObject({ state: 'recorded' });
  });
});

describe('times', () => {
  test('a node ends when its last attempt does, and takes as long as all of them', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, failed(true));
    expect(await row()).toMatchObject({ end_time: null, duration_ms: null });
    await database.raw(
      `UPDATE execution_logs SET start_time = start_time - interval '3 seconds'
       WHERE execution_id = ?`,
      [entry.executionId],
    );
    await ledger.begin(entry);
    await ledger.finish(entry, sent);
    const { start_time, end_time, duration_ms } = await row();
    expect(duration_ms).toBeGreaterThanOrEqual(3_000);
    expect(Math.abs(end_time.getTime() - start_time.getTime() - duration_ms)).toBeLessThan(5);
  });

  test('a node that begins again has not ended', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, { status: 'cancelled', error: refused, inDoubt: false });
    expect(await row()).toMatchObject({ end_time: expect.any(Date) });
    await ledger.begin(entry);
    expect(await row()).toMatchObject({ status: 'running', end_time: null, duration_ms: null });
  });
});

describe('an execution', () => {
  test('runs from its first node on, and only if it was queued', async () => {
    await ledger.begin(entry);
    expect(await execution()).toMatchObject({ status: 'queued', started_at: null });
    await ledger.begin({ ...entry, nodeId: 'wa' }, { marksRunning: true });
    expect(await execution()).toMatchObject({ status: 'running', started_at: expect.any(Date) });
    await ledger.setStatus(entry.executionId, 'unknown');
    await ledger.begin({ ...entry, nodeId: 'row' }, { marksRunning: true });
    expect(await execution()).toMatchObject({ status: 'unknown' });
  });

  test('ends once: a second end changes nothing, neither in it nor in its nodes', async () => {
    await ledger.end(entry.executionId, end('succeeded'));
    const before = await execution();
    expect(before).toMatchObject({
      status: 'succeeded',
      result: { mail: { messageId: 'm-1' } },
      error: null,
      started_at: expect.any(Date),
      ended_at: expect.any(Date),
    });
    await database('execution_logs').insert({
      project_id: projectId,
      execution_id: entry.executionId,
      workflow_id: 'welcome-lead',
      node_id: 'open',
      node_name: 'open',
      connector_type: 'email',
      operation: 'send',
      status: 'running',
    });
    await ledger.end(entry.executionId, end('failed'));
    await ledger.setStatus(entry.executionId, 'running');
    expect(await execution()).toEqual(before);
    expect(await row({ ...entry, nodeId: 'open' })).toMatchObject({ status: 'running' });
  });

  test('that fails closes its open nodes; those with an end, and those in question, stay', async () => {
    const nodes = ['done', 'lost', 'held', 'again', 'open'].map((nodeId) => ({ ...entry, nodeId }));
    for (const node of nodes) await ledger.begin(node);
    await ledger.finish({ ...entry, nodeId: 'done' }, sent);
    await ledger.finish({ ...entry, nodeId: 'lost' }, failed(false, 'failed'));
    await ledger.finish({ ...entry, nodeId: 'held' }, failed(true, 'unknown'));
    await ledger.finish({ ...entry, nodeId: 'again' }, failed(false));
    await ledger.end(entry.executionId, end('failed'));
    expect(await execution()).toMatchObject({ status: 'failed', error: refused });
    const statuses = await database('execution_logs')
      .where({ execution_id: entry.executionId })
      .orderBy('seq')
      .select('node_id', 'status', 'in_doubt');
    expect(statuses).toEqual([
      { node_id: 'done', status: 'succeeded', in_doubt: false },
      { node_id: 'lost', status: 'failed', in_doubt: false },
      { node_id: 'held', status: 'unknown', in_doubt: true },
      { node_id: 'again', status: 'cancelled', in_doubt: false },
      { node_id: 'open', status: 'cancelled', in_doubt: true },
    ]);
  });

  test('tells listeners of every change, and of its end only when its nodes are closed', async () => {
    const connection = await database.client.acquireConnection();
    const told: string[] = [];
    const listen = (message: { readonly payload?: string }): void => {
      if (message.payload !== entry.executionId) return;
      // The next change waits until this one was looked at.
      row().then(({ status }) => told.push(status));
    };
    connection.on('notification', listen);
    try {
      for (const channel of Object.values(CHANNELS)) await connection.query(`LISTEN ${channel}`);
      await ledger.begin(entry);
      await until(() => told.length === 1);
      await ledger.finish(entry, failed(true));
      await until(() => told.length === 2);
      await ledger.end(entry.executionId, end('cancelled'));
      await until(() => told.length === 3);
      expect(told).toEqual(['running', 'retrying', 'cancelled']);
    } finally {
      connection.off('notification', listen);
      await connection.query('UNLISTEN *');
      await database.client.releaseConnection(connection);
    }
  });
});

describe('records of nodes that called nobody', () => {
  const record: NodeRecord = {
    nodeId: 'hot',
    nodeName: 'Hot?',
    iteration: '',
    type: 'condition',
    status: 'succeeded',
    startedAt: '2026-03-01T10:00:00.000Z',
    endedAt: '2026-03-01T10:00:00.007Z',
    input: { left: 80, operator: 'gte', right: 50 },
    output: { result: true },
    port: 'true',
    error: null,
  };
  const skipped: NodeRecord = {
    ...record,
    nodeId: 'wa',
    nodeName: 'واتساب',
    type: 'whatsapp',
    status: 'skipped',
    input: null,
    output: null,
    port: null,
  };
  const rows = () =>
    database('execution_logs').where({ execution_id: entry.executionId }).orderBy('seq');

  test('become rows of the log, in order', async () => {
    await ledger.record(entry.executionId, [record, skipped]);
    expect(await rows()).toMatchObject([
      {
        project_id: projectId,
        workflow_id: 'welcome-lead',
        lead_id: 'lead-1',
        node_id: 'hot',
        node_name: 'Hot?',
        connector_type: 'condition',
        status: 'succeeded',
        attempt: 1,
        in_doubt: false,
        start_time: new Date('2026-03-01T10:00:00.000Z'),
        end_time: new Date('2026-03-01T10:00:00.007Z'),
        duration_ms: 7,
        input_data: { left: 80, operator: 'gte', right: 50 },
        output_data: { result: true },
        output_port: 'true',
        error_details: null,
      },
      {
        node_id: 'wa',
        node_name: 'واتساب',
        status: 'skipped',
        attempt: 0,
        start_time: null,
        duration_ms: null,
        input_data: null,
        output_data: null,
      },
    ]);
  });

  test('written again change nothing', async () => {
    const bad: NodeRecord = { ...record, nodeId: 'bad', status: 'failed', error: refused };
    await ledger.record(entry.executionId, [record, skipped, bad]);
    const before = await rows();
    await ledger.record(entry.executionId, [record, skipped, bad]);
    const after = await rows();
    const withoutStamp = (list: typeof before) => list.map((one) => ({ ...one, updated_at: null }));
    expect(withoutStamp(after)).toEqual(withoutStamp(before));
    expect(after[2]).toMatchObject({ status: 'failed', error_details: refused });
  });

  test('never overwrite a success', async () => {
    await ledger.begin(entry);
    await ledger.finish(entry, sent);
    const before = await row();
    await ledger.record(entry.executionId, [
      { ...skipped, nodeId: entry.nodeId, status: 'cancelled' },
    ]);
    expect(await row()).toEqual(before);
  });

  test('of none, or of an execution that is not known, write nothing', async () => {
    await ledger.record(entry.executionId, []);
    await ledger.record('nobody', [record]);
    expect(await rowCount()).toBe(0);
    expect(await database('execution_logs').where({ execution_id: 'nobody' })).toEqual([]);
  });
});

/** Waits for what the database tells; it has no other sign. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('Waited 5 s in vain.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
