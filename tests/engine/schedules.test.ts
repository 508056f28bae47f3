/** Schedules fire once per time, with what is published then, whatever is away meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { connectClient } from '../../temporal/connection.ts';
import { createSchedules } from '../../temporal/schedules.ts';
import { startScheduleSync } from '../../workers/schedule-sync.ts';
import type { RoleProcess } from '../support/roles.ts';
import { type Stack, startStack, temporalAddress } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

let stack: Stack;
let client: Client;
let worker: RoleProcess;

beforeAll(async () => {
  stack = await startStack({ emulators: false, worker: false });
  client = await connectClient({ address: temporalAddress(), namespace: stack.namespace });
  worker = await stack.startWorker();
}, 60_000);

afterAll(async () => {
  await client.connection.close();
  await stack.stop();
}, 60_000);

interface Fired {
  readonly id: string;
  readonly version: number;
  readonly status: string;
  readonly at: string;
  readonly queued_at: Date;
}

async function fired(workflowId: string): Promise<Fired[]> {
  const { rows } = await stack.database.raw(
    `SELECT id, version, status, trigger ->> 'scheduledAt' AS at, queued_at FROM executions
     WHERE workflow_id = :workflowId ORDER BY trigger ->> 'scheduledAt'`,
    { workflowId },
  );
  return rows;
}

async function untilFired(workflowId: string, count: number): Promise<Fired[]> {
  await stack.until(
    `${workflowId} has fired ${count} times`,
    async () => (await fired(workflowId)).length >= count,
  );
  return fired(workflowId);
}

const unpublish = (workflowId: string) =>
  stack.call('POST', `/api/workflows/${workflowId}/unpublish`);

const set = (value: number) => [{ id: 'set', type: 'set', config: { values: { value } } }];

function everySecond(workflowId: string, more: object = {}, nodes: readonly object[] = set(1)) {
  return {
    workflowId,
    name: workflowId,
    nodes,
    triggers: [{ type: 'schedule', every: '1s', overlap: 'allowAll', ...more }],
  };
}

async function scheduleIds(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
  return ids;
}

test('fires on time, one execution per time, and stops with unpublishing', async () => {
  await stack.publish(
    everySecond('ticks', { input: { day: '{{ trigger.scheduledAt | slice: 0, 10 }}' } }),
  );
  const rows = await untilFired('ticks', 3);
  expect(new Set(rows.map(({ at }) => at)).size).toBe(rows.length);
  for (const { id, at } of rows.slice(0, 3)) {
    const execution = await stack.ended(id);
    expect(execution).toMatchObject({
      status: 'succeeded',
      version: 1,
      trigger: { type: 'schedule', trigger: 'schedule', scheduledAt: at },
    });
  }
  const [first] = rows;
  const { input } = await stack.database('executions').where({ id: first?.id }).first('input');
  expect(input).toEqual({ day: first?.at.slice(0, 10) });
  await unpublish('ticks');
  const { rows: clock } = await stack.database.raw('SELECT clock_timestamp() AS now');
  await stack.until(
    'Temporal has it no more',
    async () => !(await scheduleIds()).some((id) => id.includes('/ticks/')),
  );
  for (const { queued_at } of await fired('ticks')) {
    expect(+queued_at).toBeLessThanOrEqual(+clock[0].now);
  }
  expect(await stack.database('schedules').where({ workflow_id: 'ticks' })).toEqual([]);
}, 60_000);

test('publishing while it fires: every time starts one version, never an old one after the new', async () => {
  await stack.publish(everySecond('switches'));
  await untilFired('switches', 2);
  await stack.publish(everySecond('switches', {}, set(2)));
  const { published_at: publishedAt } = await stack
    .database('workflow_versions')
    .where({ workflow_id: 'switches', version: 2 })
    .first('published_at');
  await stack.until('version 2 has fired', async () =>
    (await fired('switches')).some(({ version }) => version === 2),
  );
  // A changed schedule, too, must not leave the old one firing beside it.
  await stack.publish(everySecond('switches', { every: '2s' }, set(3)));
  await stack.until('version 3 has fired', async () =>
    (await fired('switches')).some(({ version }) => version === 3),
  );
  await unpublish('switches');
  const rows = await fired('switches');
  expect(new Set(rows.map(({ at }) => at)).size).toBe(rows.length);
  const changed = new Date(publishedAt);
  for (const { version, queued_at } of rows) {
    if (version === 1) expect(+queued_at).toBeLessThanOrEqual(+changed + 1_000);
    else expect(+queued_at).toBeGreaterThanOrEqual(+changed);
  }
  // In the order of the times the versions never go back.
  const versions = rows.map(({ version }) => version);
  expect(versions).toEqual([...versions].sort());
  // Where only the version changed, no second was left out.
  const unchanged = rows.filter(({ version }) => version < 3).map(({ at }) => Date.parse(at));
  for (const [index, at] of unchanged.slice(1).entries()) {
    expect(at - (unchanged[index] ?? 0)).toBe(1_000);
  }
}, 60_000);

test('a time that comes while no worker lives is made up for, once', async () => {
  await stack.publish(everySecond('sleeps'));
  await untilFired('sleeps', 1);
  await worker.kill();
  const before = await fired('sleeps');
  await stack.until('times have come', async () => {
    const handle = client.schedule.getHandle(`masar/${stack.projectId}/sleeps/schedule`);
    return (await handle.describe()).info.numActionsTaken >= before.length + 3;
  });
  expect(await fired('sleeps')).toHaveLength(before.length);
  worker = await stack.startWorker();
  const first = Date.parse(before[0]?.at ?? '');
  const expected = Array.from({ length: before.length + 4 }, (_, index) =>
    new Date(first + index * 1_000).toISOString(),
  );
  // They are made up for side by side, so a later one may be there before an earlier one.
  await stack.until('every time has started one execution', async () => {
    const times = (await fired('sleeps')).map(({ at }) => at);
    return expected.every((at) => times.filter((other) => other === at).length === 1);
  });
  await unpublish('sleeps');
}, 60_000);

const gate = [{ id: 'gate', type: 'wait', config: { event: 'go', timeout: '1h' } }];

async function go(executionId: string): Promise<void> {
  await stack.until(
    'it waits',
    async () => (await stack.execution(executionId)).status === 'waiting',
  );
  await stack.call('POST', `/api/executions/${executionId}/signals/go`, { data: {} });
}

describe('a time that comes while the execution before still runs', () => {
  async function skipped(workflowId: string): Promise<number> {
    const handle = client.schedule.getHandle(`masar/${stack.projectId}/${workflowId}/schedule`);
    return (await handle.describe()).info.numActionsSkippedOverlap;
  }

  test('skip: is passed over; once it has ended, the next one starts', async () => {
    await stack.publish(everySecond('skips', { overlap: undefined }, gate));
    const [first] = await untilFired('skips', 1);
    await stack.until('times were skipped', async () => (await skipped('skips')) >= 2);
    expect(await fired('skips')).toHaveLength(1);
    await go(first?.id ?? '');
    const [, second] = await untilFired('skips', 2);
    const { ended_at: endedAt } = await stack
      .database('executions')
      .where({ id: first?.id })
      .first('ended_at');
    expect(+(second?.queued_at ?? 0)).toBeGreaterThan(+endedAt);
    await unpublish('skips');
  }, 60_000);

  test('cancelOther: the one that runs is cancelled, and the new one starts after it', async () => {
    await stack.publish(everySecond('cancels', { overlap: 'cancelOther' }, gate));
    await untilFired('cancels', 3);
    await unpublish('cancels');
    const [first, second] = await fired('cancels');
    expect((await stack.ended(first?.id ?? '')).status).toBe('cancelled');
    expect((await stack.ended(second?.id ?? '')).status).toBe('cancelled');
  }, 60_000);
});

describe('what is published while Temporal is away', () => {
  let proxy: TcpProxy;
  let away: Client;

  beforeAll(async () => {
    proxy = await startTcpProxy(temporalAddress());
    away = await connectClient({ address: proxy.address, namespace: stack.namespace });
    await worker.stop();
  }, 60_000);
  afterAll(async () => {
    await away.connection.close();
    await proxy.close();
  });

  test('is set once it is back, and the times in between are made up for', async () => {
    proxy.cut();
    const sync = startScheduleSync({
      database: stack.database,
      schedules: createSchedules({ client: away, deadlineMs: 500 }),
      log: () => undefined,
      intervalMs: 100,
    });
    await stack.publish(everySecond('later'));
    const { changed_at: changedAt } = await stack
      .database('schedules')
      .where({ workflow_id: 'later' })
      .first('changed_at');
    await stack.until('the outage is told', async () => {
      const { body } = await stack.call('GET', '/api/workflows/later/triggers');
      return body.items[0].schedule.error?.includes('Temporal') === true;
    });
    await stack.until('a time has come', async () => Date.now() > +changedAt + 2_000);
    proxy.mend();
    worker = await stack.startWorker();
    await stack.until('the first time after publishing is made up for', async () => {
      const [first] = await fired('later');
      return Date.parse(first?.at ?? '') <= +changedAt + 1_000;
    });
    await sync.stop();
    const times = (await fired('later')).map(({ at }) => at);
    expect(new Set(times).size).toBe(times.length);
    await unpublish('later');
  }, 60_000);

  test('a schedule that Temporal has lost is set again', async () => {
    await stack.publish(everySecond('lost'));
    const before = await untilFired('lost', 1);
    await client.schedule.getHandle(`masar/${stack.projectId}/lost/schedule`).delete();
    await stack
      .database('schedules')
      .where({ workflow_id: 'lost' })
      .update({ checked_at: new Date(Date.now() - 3_600_000) });
    await untilFired('lost', before.length + 2);
    await unpublish('lost');
  }, 60_000);
});
