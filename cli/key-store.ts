/** The API keys of a data folder's database, or of DATABASE_URL, whether Masar runs or not. */

import { join } from 'node:path';
import { bootstrap } from '../db/bootstrap.ts';
import { connectDatabase } from '../db/connection.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { migrate } from '../db/migrate.ts';
import { createApiKeyRepository } from '../db/repositories/api-keys.ts';
import { choosePorts, instanceFile, makeDataDir } from './data-files.ts';
import type { Environment } from './environment.ts';
import { instanceHolder, lockInstance } from './instance-lock.ts';
import type { Terminal } from './terminal.ts';

export interface KeyStore {
  readonly keys: ReturnType<typeof createApiKeyRepository>;
  readonly projectId: string;
}

/**
 * Opens the keys, lets `use` work with them, and closes all that was opened. The embedded database
 * is started for that time where nothing runs on the data folder.
 * @throws OperatorError as starting the database does
 */
export async function withKeyStore<T>(
  environment: Environment,
  terminal: Terminal,
  use: (store: KeyStore) => Promise<T>,
): Promise<T> {
  const { url, close } = await openDatabase(environment, terminal);
  try {
    await migrate(url);
    // Makes the project where it is not there; the first key stays to be made by whoever asks.
    const { projectId } = await bootstrap(url, { firstKey: false });
    const database = connectDatabase(url, { poolSize: 1, applicationName: 'masar-apikey' });
    try {
      return await use({ keys: createApiKeyRepository(database), projectId });
    } finally {
      await database.destroy();
    }
  } finally {
    await close();
  }
}

async function openDatabase(
  { databaseUrl, dataDir }: Environment,
  terminal: Terminal,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const close = async (): Promise<void> => undefined;
  if (databaseUrl !== undefined) return { url: databaseUrl, close };
  const running = instanceHolder(dataDir) === undefined ? undefined : instanceFile(dataDir).read();
  if (running !== undefined) return { url: running.databaseUrl, close };
  makeDataDir(dataDir);
  const lock = lockInstance(dataDir);
  try {
    terminal.update('Starting the database for a moment …');
    const { postgres } = await choosePorts(dataDir);
    const server = await startEmbeddedPostgres({
      dataDir: join(dataDir, 'postgres'),
      logFile: join(dataDir, 'logs', 'postgres.log'),
      preferredPort: postgres,
    });
    return {
      url: server.url,
      close: async () => {
        await server.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
