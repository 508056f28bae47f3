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
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { freePort } from '../cli/local-process.ts';
import { connectClient, connectWorker } from '../temporal/connection.ts';
import { startTemporalDevServer } from '../temporal/dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';
import { formatHistory } from '../tests/support/portable-history.ts';
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
const dataDir = await mkdtemp(join(tmpdir(), 'masar-histories-'));
const port = await freePort();
const server = await startTemporalDevServer({
  binary: await findTemporalBinary(),
  dataDir,
  logFile: join(dataDir, 'temporal.log'),
  port,
  uiPort: await freePort([], new Set([port])),
  searchAttributes: SEARCH_ATTRIBUTES,
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
  for (const shape of shapes) {
    const { status } = await worker.run(shape, shape.name);
    const history = await client.workflow.getHandle(shape.name).fetchHistory();
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
