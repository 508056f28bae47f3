import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { z } from 'zod';

export interface ApiKeyIdentity {
  readonly keyId: string;
  readonly keyName: string;
  readonly projectId: string;
  readonly scopes: readonly string[];
}

/** What may be told of a key: never the key itself, which nobody knows but its holder. */
export interface ApiKeyRecord {
  readonly keyId: string;
  readonly name: string;
  /** How the key begins, so that people recognise it. */
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewApiKey {
  /** The key to store; a random one where absent. */
  readonly key?: string;
  /** All of them where absent. */
  readonly scopes?: readonly string[];
  readonly expiresAt?: Date;
}

const keyRow = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.string()),
    created_at: z.date(),
    expires_at: z.date().nullable(),
    revoked_at: z.date().nullable(),
  })
  .transform(
    (row): ApiKeyRecord => ({
      keyId: row.id,
      name: row.name,
      prefix: row.prefix,
      scopes: row.scopes,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
    }),
  );
const KEY_COLUMNS = ['id', 'name', 'prefix', 'scopes', 'created_at', 'expires_at', 'revoked_at'];

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

    /** @returns the key in clear, which can't be read again */
    async create(projectId: string, name: string, options: NewApiKey = {}): Promise<string> {
      const { scopes, expiresAt } = options;
      const key = options.key ?? `masar_${randomBytes(24).toString('base64url')}`;
      await database('api_keys').insert({
        project_id: projectId,
        name,
        prefix: key.slice(0, 10),
        key_hash: hashOf(key),
        ...(scopes === undefined ? {} : { scopes: [...scopes] }),
        ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      });
      return key;
    },

    /** Every key of the project, the oldest first; a person makes them, so they are few. */
    async list(projectId: string): Promise<readonly ApiKeyRecord[]> {
      const rows = await database('api_keys')
        .where({ project_id: projectId })
        .orderBy(['created_at', 'id'])
        .select(KEY_COLUMNS);
      return rows.map((row) => keyRow.parse(row));
    },

    /** Ends a key for good. @returns false if it was revoked already, or is none of the project's */
    async revoke(projectId: string, keyId: string): Promise<boolean> {
      const revoked = await database('api_keys')
        .where({ project_id: projectId, id: keyId, revoked_at: null })
        .update({ revoked_at: database.fn.now() });
      return revoked > 0;
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
