import knex, { type Knex } from 'knex';

export type Database = Knex;

export interface ConnectOptions {
  /** Most connections at once; each is a PostgreSQL process. */
  readonly poolSize?: number;
  /** Shown in pg_stat_activity, so that an operator sees which part of Masar holds a lock. */
  readonly applicationName?: string;
}

/** knex writes its troubles to the console by itself otherwise; they reach us as errors anyway. */
const ignore = (): void => undefined;
const SILENT = { warn: ignore, error: ignore, deprecate: ignore, debug: ignore };

/**
 * Opens a connection pool. Nothing connects before the first query.
 * @param url postgresql://user:password@host:port/database
 */
export function connectDatabase(url: string, options: ConnectOptions = {}): Database {
  return knex({
    client: 'pg',
    connection: {
      connectionString: url,
      application_name: options.applicationName ?? 'masar',
      // A query that takes this long is a fault, not work: every list has an index and a page size.
      statement_timeout: 30_000,
    },
    pool: { min: 0, max: options.poolSize ?? 10, acquireTimeoutMillis: 10_000 },
    acquireConnectionTimeout: 10_000,
    // Statements with their values would stand in error messages, and values are people's data.
    compileSqlOnError: false,
    log: SILENT,
  });
}
