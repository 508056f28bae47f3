import { rm } from 'node:fs/promises';
import { testServers } from './test-servers.ts';

async function globalTeardown(): Promise<void> {
  await Promise.all([testServers.postgres?.stop(), testServers.temporal?.stop()]);
  if (testServers.folder !== undefined) {
    await rm(testServers.folder, { recursive: true, force: true });
  }
}

// biome-ignore lint/style/noDefaultExport: jest takes a global teardown only as a default export
export default globalTeardown;
