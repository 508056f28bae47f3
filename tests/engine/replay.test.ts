/** Every shape that was recorded replays on the workflows as they are. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { connectClient, connectWorker } from '../../temporal/connection.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { CONTINUED_SHAPES } from '../support/continued-shapes.ts';
import { CONTROL_SHAPES } from '../support/control-shapes.ts';
import { createTestNamespace } from '../support/namespace.ts';
import { type HistoryEvent, parseHistory, toHistory } from '../support/portable-history.ts';
import type { Shape } from '../support/shape.ts';
import { type ScriptedWorker, startScriptedWorker } from '../support/shape-runner.ts';
import { SHAPES } from '../support/shapes.ts';
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

/** @returns what the replayer says against the history, by its name; undefined where it replays */
async function replay(
  histories: Readonly<Record<string, readonly HistoryEvent[]>>,
): Promise<Record<string, string | undefined>> {
  const entries = Object.entries(histories).map(([name, events]) => ({
    workflowId: name,
    history: toHistory(events),
  }));
  const results: Record<string, string | undefined> = {};
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: bundle },
    entries,
  )) {
    results[workflowId] = error?.message;
  }
  return results;
}

describe('recorded histories', () => {
  test('there is one for every shape, and none besides', async () => {
    // Those of schedules' runs have a test of their own.
    const files = (await readdir(FOLDER)).filter((name) => !name.startsWith('schedule-')).sort();
    expect(files).toEqual(SHAPES.map(({ name }) => `${name}.json`).sort());
  });

  test('all replay', async () => {
    const histories = Object.fromEntries(
      await Promise.all(SHAPES.map(async ({ name }) => [name, await recorded(name)] as const)),
    );
    const results = await replay(histories);
    expect(results).toEqual(Object.fromEntries(SHAPES.map(({ name }) => [name, undefined])));
  }, 60_000);

  test('one that the workflows would not have written does not replay', async () => {
    const linear = await recorded('linear');
    const queued = await recorded('queued-from-the-start');
    const held = await recorded('unknown-is-resent');
    const results = await replay({
      'another activity': renameActivity(queued, 'email.send', 'email.post'),
      'another local activity': renameLocalActivity(linear, 'whatsapp.send', 'whatsapp.post'),
      'an activity less': without(linear, 'EVENT_TYPE_MARKER_RECORDED', 2),
      'an upserted search attribute less': without(
        held,
        'EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES',
        0,
      ),
    });
    expect(results).toEqual({
      'another activity': expect.stringContaining('ondeterminis'),
      'another local activity': expect.stringContaining('ondeterminis'),
      'an activity less': expect.stringContaining('ondeterminis'),
      'an upserted search attribute less': expect.stringContaining('ondeterminis'),
    });
  }, 60_000);
});

describe('on a worker that keeps no workflow in memory, so that every task replays', () => {
  let client: Client;
  let connection: NativeConnection;
  let worker: ScriptedWorker;

  beforeAll(async () => {
    const address = temporalAddress();
    const settings = { address, namespace: await createTestNamespace(address) };
    [client, connection] = await Promise.all([connectClient(settings), connectWorker(settings)]);
    worker = await startScriptedWorker({ client, connection, bundle, maxCachedWorkflows: 0 });
  }, 60_000);

  afterAll(async () => {
    await worker.stop();
    await connection.close();
    await client.connection.close();
  });

  test('every shape comes to its end', async () => {
    // One after the other: without a cache one workflow's task drops another's local attempts.
    for (const shape of SHAPES) {
      const { recorded: written, ...end } = await worker.run(shape, shape.name);
      const { recorded, ...ends } = shape.ends;
      expect({ shape: shape.name, ...end }).toEqual({ shape: shape.name, ...ends });
      // Control nodes' rows are written by the workflow; their own tests look at them.
      if (recorded === undefined && hasControlNodes(shape)) continue;
      expect({ shape: shape.name, written }).toEqual({
        shape: shape.name,
        written: recorded ?? [],
      });
    }
  }, 90_000);
});

function hasControlNodes(shape: Shape): boolean {
  return [...CONTROL_SHAPES, ...CONTINUED_SHAPES].includes(shape);
}

describe('the bundle', () => {
  test('has nothing that does IO, and no schemas', () => {
    const packages = new Set(
      [...bundle.code.matchAll(/"\.\/node_modules\/((?:@[^/"]+\/)?[^/"]+)\/[^"!]+"/g)].map(
        ([, name]) => name,
      ),
    );
    expect([...packages].sort()).toEqual([
      // Pure: hashes for the filters of expressions.
      '@noble/hashes',
      '@temporalio/common',
      '@temporalio/workflow',
      'liquidjs',
      // The SDK's own.
      'long',
      'ms',
      'nexus-rpc',
    ]);
  });

  test('is refused with a module that does IO', async () => {
    const file = new URL('../fixtures/reads-files.workflow.ts', import.meta.url);
    let reasons = '';
    const logger = new DefaultLogger('ERROR', ({ message }) => {
      reasons += message;
    });
    await expect(
      bundleWorkflowCode({ workflowsPath: fileURLToPath(file), logger }),
    ).rejects.toThrow('Webpack finished with errors');
    expect(reasons).toContain('ERROR in node:fs/promises');
  }, 30_000);
});

function renameActivity(
  events: readonly HistoryEvent[],
  from: string,
  to: string,
): readonly HistoryEvent[] {
  return parseHistory(JSON.stringify({ events }).replaceAll(`"${from}"`, `"${to}"`));
}

/** The type stands in the marker's payload. */
function renameLocalActivity(
  events: readonly HistoryEvent[],
  from: string,
  to: string,
): readonly HistoryEvent[] {
  const json = JSON.stringify({ events }).replaceAll(
    /"data":"([\w+/=]+)"/g,
    (whole, data: string) => {
      const text = Buffer.from(data, 'base64').toString('utf8');
      if (!text.includes('activity_type')) return whole;
      return `"data":"${Buffer.from(text.replace(from, to)).toString('base64')}"`;
    },
  );
  return parseHistory(json);
}

/** The history without its n-th event of a type; the later ones keep the numbers in between. */
function without(
  events: readonly HistoryEvent[],
  type: string,
  nth: number,
): readonly HistoryEvent[] {
  const dropped = events.filter(({ eventType }) => eventType === type)[nth];
  if (dropped === undefined) throw new Error(`The history has no such ${type}.`);
  return events
    .filter((event) => event !== dropped)
    .map((event, index) => ({ ...event, eventId: index + 1 }));
}
