import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';

export interface ApiKeyIdentity {
  readonly keyId: string;
  readonly keyName: string;
  readonly projectId: string;
  readonly scopes: readonly string[];
}

/** Keys are random and long, so a plain SHA-256 can't be searched and needs no salt. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** API keys: stored as a hash, bound to one project. */
export function createApiKeyRepository(database: Knex) {
  return {
    /** @returns true if the project has a key, even a revoked one */
    async anyExists(projectId: string): Promise<boolean> {
      return (
        (await database('api_keys').where({ project_id: projectId }).first('id')) !== undefined
      );
    },

    /**
     * @param options.key the key to store; a random one where absent
     * @returns the key in clear, which can't be read again
     */
    async create(
      projectId: string,
      name: string,
      options: { readonly key?: string } = {},
    ): Promise<string> {
      const key = options.key ?? `masar_${randomBytes(24).toString('base64url')}`;
      await database('api_keys').insert({
        project_id: projectId,
        name,
        prefix: key.slice(0, 10),
        key_hash: hashOf(key),
      });
      return key;
    },

    /** @returns whom the key belongs to, or undefined if it is unknown, revoked or expired */
    async identify(key: string): Promise<ApiKeyIdentity | undefined> {
      const row = await database('api_keys')
        .where({ key_hash: hashOf(key), revoked_at: null })
        .andWhere((valid) =>
          valid.whereNull('expires_at').orWhere('expires_at', '>', database.fn.now()),
        )
        .first('id', 'name', 'project_id', 'scopes');
      if (row === undefined) return undefined;
      return {
        keyId: row.id,
        keyName: row.name,
        projectId: row.project_id,
        scopes: row.scopes,
      };
    },
  };
}
