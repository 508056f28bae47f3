/**
 * Records one history per shape of a run into workflows/histories/, which CI replays against the
 * workflows as they are (tests/engine/replay.test.ts). Record anew when a shape is added, and only
 * then: a history that does not replay any more means that running executions would break.
 *
 *   npm run record:histories [shape …]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { freePort } from '../cli/local-process.ts';
import { connectClient, connectWorker } from '../temporal/connection.ts';
import { startTemporalDevServer } from '../temporal/dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';
import { formatHistory, type History } from '../tests/support/portable-history.ts';
import type { Shape } from '../tests/support/shape.ts';
import { startScriptedWorker } from '../tests/support/shape-runner.ts';
import { SHAPES } from '../tests/support/shapes.ts';
import { bundleWorkflows } from '../workers/workflow-bundle.ts';

const FOLDER = fileURLToPath(new URL('../workflows/histories/', import.meta.url));

// Attempts fail on purpose here, and the SDK reports each at length.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
  shutdownSignals: [],
});
const wanted = process.argv.slice(2);
const shapes = SHAPES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
await record(shapes.filter(({ goesOn }) => goesOn === undefined));
await record(
  shapes.filter(({ goesOn }) => goesOn !== undefined),
  { 'limit.historyCount.suggestContinueAsNew': '30' },
);

async function record(
  some: readonly Shape[],
  dynamicConfig: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (some.length === 0) return;
  const dataDir = await mkdtemp(join(tmpdir(), 'masar-histories-'));
  const port = await freePort();
  const server = await startTemporalDevServer({
    binary: await findTemporalBinary(),
    dataDir,
    logFile: join(dataDir, 'temporal.log'),
    port,
    uiPort: await freePort([], new Set([port])),
    searchAttributes: SEARCH_ATTRIBUTES,
    dynamicConfig,
  });
  try {
    const settings = { address: server.address, namespace: 'default' };
    const client = await connectClient(settings);
    const connection = await connectWorker(settings);
    const worker = await startScriptedWorker({
      client,
      connection,
      bundle: await bundleWorkflows(),
      maxCachedWorkflows: 100,
    });
    for (const shape of some) {
      const { status } = await worker.run(shape, shape.name);
      const history = await historyOf(client, shape);
      await writeFile(join(FOLDER, `${shape.name}.json`), formatHistory(history));
      process.stdout.write(`${shape.name}: ${status}, ${history.events?.length ?? 0} events\n`);
    }
    await worker.stop();
    await connection.close();
    await client.connection.close();
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function historyOf(client: Client, { name, goesOn }: Shape): Promise<History> {
  if (goesOn === undefined) return client.workflow.getHandle(name).fetchHistory();
  const { runId, raw } = await client.workflow.getHandle(name).describe();
  const first = raw.workflowExecutionInfo?.firstRunId;
  if (first === undefined || first === null || first === runId) {
    throw new Error(`"${name}" did not go on as a new run.`);
  }
  const recorded = goesOn.record === 'first run' ? first : runId;
  return client.workflow.getHandle(name, recorded).fetchHistory();
}
