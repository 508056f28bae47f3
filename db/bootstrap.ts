import { connectDatabase } from './connection.ts';
import { createApiKeyRepository } from './repositories/api-keys.ts';

export interface BootstrapResult {
  readonly projectId: string;
  /** The first key, in clear, where this call made it; it can't be read again. */
  readonly createdApiKey?: string;
}

/** Name of the project that a fresh installation has. */
export const DEFAULT_PROJECT = 'default';

/**
 * Makes the default project and its first API key, where there is no key yet.
 * @param options.apiKey becomes that first key, instead of a random one
 * @param options.firstKey false: makes no key
 */
export async function bootstrap(
  url: string,
  options: { readonly apiKey?: string; readonly firstKey?: boolean } = {},
): Promise<BootstrapResult> {
  const database = connectDatabase(url, { poolSize: 2, applicationName: 'masar-bootstrap' });
  try {
    return await database.transaction(async (transaction) => {
      await transaction.raw("SELECT pg_advisory_xact_lock(hashtext('masar-bootstrap'))");
      await transaction('projects').insert({ name: DEFAULT_PROJECT }).onConflict('name').ignore();
      const project = await transaction('projects').where({ name: DEFAULT_PROJECT }).first('id');
      const projectId: string = project.id;
      const keys = createApiKeyRepository(transaction);
      if (options.firstKey === false || (await keys.anyExists(projectId))) return { projectId };
      const createdApiKey = await keys.create(
        projectId,
        'first key',
        options.apiKey === undefined ? {} : { key: options.apiKey },
      );
      return { projectId, createdApiKey };
    });
  } finally {
    await database.destroy();
  }
}
