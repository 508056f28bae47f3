import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { testServers } from './test-servers.ts';

/**
 * Brings up one PostgreSQL and one Temporal for the whole run. Tests find them by
 * MASAR_TEST_DATABASE_URL (a superuser, who may create databases) and MASAR_TEST_TEMPORAL_ADDRESS.
 */
async function globalSetup(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'masar-test-'));
  testServers.folder = folder;
  testServers.postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    logFile: join(folder, 'logs', 'postgres.log'),
  });
  process.env.MASAR_TEST_DATABASE_URL = testServers.postgres.adminUrl;
}

// biome-ignore lint/style/noDefaultExport: jest takes a global setup only as a default export
export default globalSetup;
