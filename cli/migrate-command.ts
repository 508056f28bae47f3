import { bootstrap } from '../db/bootstrap.ts';
import { migrate } from '../db/migrate.ts';
import { connectClient } from '../temporal/connection.ts';
import { ensureSearchAttributes } from '../temporal/ensure-search-attributes.ts';
import type { CommandContext } from './command-context.ts';
import type { Environment } from './environment.ts';
import { OperatorError } from './local-process.ts';

/**
 * What a deployment runs before its api and workers: schema, first API key and, where Temporal is
 * named, its search attributes. Safe to run again.
 * @throws OperatorError `environment` without DATABASE_URL
 */
export async function migrateCommand(
  environment: Environment,
  context: CommandContext,
): Promise<void> {
  const { databaseUrl, apiKey, temporal } = environment;
  if (databaseUrl === undefined) {
    throw new OperatorError('environment', 'DATABASE_URL must be set to migrate a database.');
  }
  const applied = await migrate(databaseUrl);
  const { createdApiKey } = await bootstrap(databaseUrl, apiKey === undefined ? {} : { apiKey });
  const newKey = createdApiKey === apiKey ? undefined : createdApiKey;
  context.result({ applied, apiKey: newKey ?? null }, (terminal) => {
    terminal.line(
      applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`,
    );
    if (newKey !== undefined) terminal.line(`The first API key, shown only now: ${newKey}`);
  });
  if (temporal.address === undefined) return;
  const client = await connectClient({ ...temporal, address: temporal.address });
  try {
    await ensureSearchAttributes(client.connection, client.options.namespace);
  } finally {
    await client.connection.close();
  }
}
