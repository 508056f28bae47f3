import type { Knex } from 'knex';
import { z } from 'zod';
import { connectDatabase } from './connection.ts';
import * as base from './migrations/0001-base.ts';
import * as metricsByProject from './migrations/0002-metrics-by-project.ts';
import * as responses from './migrations/0003-responses.ts';
import * as triggers from './migrations/0004-triggers.ts';
import * as pins from './migrations/0005-pins.ts';
import * as payloads from './migrations/0006-payloads.ts';
import * as nodeLogs from './migrations/0008-node-logs.ts';

/** Every migration in order. A shipped one is never edited: what is wrong in it is mended by the next. */
const MIGRATIONS: readonly { readonly name: string; readonly migration: Knex.Migration }[] = [
  { name: '0001-base', migration: base },
  { name: '0002-metrics-by-project', migration: metricsByProject },
  { name: '0003-responses', migration: responses },
  { name: '0004-triggers', migration: triggers },
  { name: '0005-pins', migration: pins },
  { name: '0006-payloads', migration: payloads },
  { name: '0008-node-logs', migration: nodeLogs },
];

const migrationSource: Knex.MigrationSource<(typeof MIGRATIONS)[number]> = {
  getMigrations: async () => [...MIGRATIONS],
  getMigrationName: (entry) => entry.name,
  getMigration: async (entry) => entry.migration,
};

/**
 * Brings the database to the newest schema. Safe to run at every start and by several processes
 * at once: knex takes a lock, the others wait for it here.
 * @param url the database to migrate; it must exist
 * @returns the names of the migrations that were applied now
 */
export async function migrate(url: string): Promise<readonly string[]> {
  const database = connectDatabase(url, { poolSize: 2, applicationName: 'masar-migrate' });
  try {
    return await database.transaction(async (lock) => {
      await lock.raw("SELECT pg_advisory_xact_lock(hashtext('masar-migrate'))");
      const [, applied] = await database.migrate.latest({
        migrationSource,
        tableName: 'migrations',
      });
      return applied as string[];
    });
  } finally {
    await database.destroy();
  }
}

/** @returns the names of the migrations that the database lacks; all of them for an empty one */
export async function pendingMigrations(database: Knex): Promise<readonly string[]> {
  const [, pending] = await database.migrate.list({ migrationSource, tableName: 'migrations' });
  return z
    .array(z.object({ name: z.string() }))
    .parse(pending)
    .map(({ name }) => name);
}
