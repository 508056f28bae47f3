import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../cli/local-process.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { startTemporalDevServer } from '../temporal/dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';
import { bundleWorkflows } from '../workers/workflow-bundle.ts';
import globalTeardown from './global-teardown.ts';
import { testServers } from './test-servers.ts';

/**
 * Brings up one PostgreSQL and one Temporal for the whole run. Tests find them by
 * MASAR_TEST_DATABASE_URL (a superuser, who may create databases), MASAR_TEST_TEMPORAL_ADDRESS
 * and MASAR_TEST_TEMPORAL_UI_URL, and the bundled workflows by MASAR_TEST_WORKFLOW_BUNDLE. They end with this process, even when it is killed.
 */
async function globalSetup(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'masar-test-'));
  testServers.folder = folder;
  try {
    testServers.postgres = await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      logFile: join(folder, 'logs', 'postgres.log'),
    });
    const port = await freePort();
    testServers.temporal = await startTemporalDevServer({
      binary: await findTemporalBinary(),
      dataDir: join(folder, 'temporal'),
      logFile: join(folder, 'logs', 'temporal.log'),
      port,
      uiPort: await freePort([], new Set([port])),
      searchAttributes: SEARCH_ATTRIBUTES,
    });
    const bundle = join(folder, 'workflows.bundle.js');
    await writeFile(bundle, (await bundleWorkflows()).code);
    process.env.MASAR_TEST_WORKFLOW_BUNDLE = bundle;
  } catch (error) {
    await globalTeardown();
    throw error;
  }
  process.env.MASAR_TEST_DATABASE_URL = testServers.postgres.adminUrl;
  process.env.MASAR_TEST_TEMPORAL_ADDRESS = testServers.temporal.address;
  process.env.MASAR_TEST_TEMPORAL_UI_URL = testServers.temporal.uiUrl;
}

// biome-ignore lint/style/noDefaultExport: jest takes a global setup only as a default export
export default globalSetup;
