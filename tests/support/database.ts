import { randomBytes } from 'node:crypto';
import { connectDatabase, type Database } from '../../db/connection.ts';
import { migrate } from '../../db/migrate.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes the pool and drops the database. */
  drop(): Promise<void>;
}

/** A migrated database of a test file's own, on the server that the global setup started. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = process.env.MASAR_TEST_DATABASE_URL;
  if (adminUrl === undefined)
    throw new Error('MASAR_TEST_DATABASE_URL is set by the global setup.');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await migrate(url.href);
  const database = connectDatabase(url.href, { poolSize: 6, applicationName: 'masar-test' });
  return {
    url: url.href,
    database,
    async drop() {
      await database.destroy();
      await asAdmin(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function asAdmin(url: string, statement: string): Promise<void> {
  const admin = connectDatabase(url, { poolSize: 1, applicationName: 'masar-test-admin' });
  try {
    await admin.raw(statement);
  } finally {
    await admin.destroy();
  }
}
