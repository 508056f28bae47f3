/** Every recorded shape of a schedule's run replays on the workflow as it is. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import {
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { connectClient, connectWorker } from '../../temporal/connection.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { createTestNamespace } from '../support/namespace.ts';
import { type HistoryEvent, parseHistory, toHistory } from '../support/portable-history.ts';
import { runScheduleShape, SCHEDULE_SHAPES } from '../support/schedule-shapes.ts';
import { temporalAddress } from '../support/stack.ts';

const FOLDER = fileURLToPath(new URL('../../workflows/histories/', import.meta.url));
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  // Replays that fail are expected here, and the SDK reports each at length.
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
    shutdownSignals: [],
  });
  bundle = await bundleWorkflows();
}, 60_000);

async function recorded(name: string): Promise<readonly HistoryEvent[]> {
  return parseHistory(await readFile(join(FOLDER, `${name}.json`), 'utf8'));
}

async function replay(name: string, events: readonly HistoryEvent[]): Promise<string | undefined> {
  const histories = [{ workflowId: name, history: toHistory(events) }];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: bundle }, histories)) {
    return error?.message;
  }
  throw new Error('Nothing was replayed.');
}

test('there is a history for every shape, and none besides; all replay', async () => {
  const names = SCHEDULE_SHAPES.map(({ name }) => name);
  const files = (await readdir(FOLDER)).filter((name) => name.startsWith('schedule-'));
  expect(files.sort()).toEqual(names.map((name) => `${name}.json`).sort());
  for (const name of names) {
    expect([name, await replay(name, await recorded(name))]).toEqual([name, undefined]);
  }
}, 60_000);

test('one that the workflow would not have written does not replay', async () => {
  const events = await recorded('schedule-waits-for-the-end');
  const withoutTimer = events
    .filter(({ eventType }) => eventType !== 'EVENT_TYPE_TIMER_STARTED')
    .filter(({ eventType }) => eventType !== 'EVENT_TYPE_TIMER_CANCELED')
    .map((event, index) => ({ ...event, eventId: index + 1 }));
  expect(await replay('mutated', withoutTimer)).toContain('ondeterminis');
}, 60_000);

test('every shape comes to its end on a worker that keeps nothing in memory', async () => {
  const address = temporalAddress();
  const settings = { address, namespace: await createTestNamespace(address) };
  const [client, connection] = await Promise.all([
    connectClient(settings),
    connectWorker(settings),
  ]);
  for (const shape of SCHEDULE_SHAPES) {
    const end = await runScheduleShape(shape, {
      ...settings,
      client,
      connection,
      bundle,
      maxCachedWorkflows: 0,
    });
    expect({ shape: shape.name, ...end }).toEqual({
      shape: shape.name,
      status: shape.ends,
      asked: shape.asked,
    });
  }
  await connection.close();
  await client.connection.close();
}, 60_000);
