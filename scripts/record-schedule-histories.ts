/**
 * Records one history per shape of a schedule's run into workflows/histories/, as
 * record-histories.ts does for executions. Record anew when a shape is added, and only then.
 *
 *   node scripts/record-schedule-histories.ts [shape …]
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
import { runScheduleShape, SCHEDULE_SHAPES } from '../tests/support/schedule-shapes.ts';
import { bundleWorkflows } from '../workers/workflow-bundle.ts';

const FOLDER = fileURLToPath(new URL('../workflows/histories/', import.meta.url));

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
const wanted = process.argv.slice(2);
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
  const bundle = await bundleWorkflows();
  for (const shape of SCHEDULE_SHAPES) {
    if (wanted.length > 0 && !wanted.includes(shape.name)) continue;
    const { status } = await runScheduleShape(shape, {
      ...settings,
      client,
      connection,
      bundle,
      maxCachedWorkflows: 100,
    });
    const history = await client.workflow.getHandle(shape.name).fetchHistory();
    await writeFile(join(FOLDER, `${shape.name}.json`), formatHistory(history));
    process.stdout.write(`${shape.name}: ${status}, ${history.events?.length ?? 0} events\n`);
  }
  await connection.close();
  await client.connection.close();
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
