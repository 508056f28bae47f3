import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CHANNELS } from '../../db/execution-announcer.ts';
import { createExecutionListener } from '../../db/execution-listener.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.drop());

const notify = (id: string) =>
  store.database.raw('SELECT pg_notify(?, ?)', [CHANNELS.execution, id]);

test('tells who waits for an execution, and nobody else', async () => {
  const listener = createExecutionListener({ url: store.url, pollMs: 600_000 });
  try {
    let changes = 0;
    let others = 0;
    listener.subscribe('other', ['execution'], () => {
      others += 1;
    });
    const unsubscribe = listener.subscribe('one', ['execution'], () => {
      changes += 1;
    });
    // Connecting tells everyone once, for what changed before.
    await eventually(async () => expect(others).toBe(1));
    changes = 0;
    await notify('one');
    await eventually(async () => expect(changes).toBe(1));
    expect(others).toBe(1);
    unsubscribe();
    await notify('one');
    await notify('other');
    await eventually(async () => expect(others).toBe(2));
    expect(changes).toBe(1);
  } finally {
    await listener.stop();
  }
});

test('listens again after the connection was lost, and tells that something may have changed', async () => {
  let lost = 0;
  const listener = createExecutionListener({
    url: store.url,
    pollMs: 600_000,
    onLost: () => {
      lost += 1;
    },
  });
  try {
    let changes = 0;
    listener.subscribe('one', ['execution'], () => {
      changes += 1;
    });
    await eventually(async () => expect(changes).toBe(1));
    await store.database.raw(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'masar-listener' AND datname = current_database()",
    );
    await eventually(async () => expect([lost, changes]).toEqual([1, 2]));
    await notify('one');
    await eventually(async () => expect(changes).toBe(3));
  } finally {
    await listener.stop();
  }
});

test('looks now and then even if nobody notifies', async () => {
  const listener = createExecutionListener({ url: store.url, pollMs: 20 });
  try {
    let changes = 0;
    listener.subscribe('one', ['execution'], () => {
      changes += 1;
    });
    await eventually(async () => expect(changes).toBeGreaterThan(3));
  } finally {
    await listener.stop();
  }
});
