/** Stored secrets of connectors. The data leaves this module only opened, to who asks for one. */
import type { Knex } from 'knex';
import type { SecretPlace, Vault } from '../vault.ts';
import type { ListKey } from './definitions.ts';

export interface CredentialSummary {
  readonly credentialId: string;
  readonly name: string;
  readonly type: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface CredentialRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS = ['id', 'name', 'type', 'created_at', 'updated_at'] as const;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNIQUE_VIOLATION = '23505';

export type CredentialRepository = ReturnType<typeof createCredentialRepository>;

export function createCredentialRepository(database: Knex) {
  /** A credential is named by its id or its name; an id wins over a name that looks like one. */
  const named = (projectId: string, reference: string) => {
    const query = database('credentials').where({ project_id: projectId });
    if (!UUID.test(reference)) return query.where({ name: reference });
    return query
      .where((either) => either.where({ id: reference }).orWhere({ name: reference }))
      .orderByRaw('id = ? DESC', [reference])
      .limit(1);
  };

  return {
    /** @returns undefined if the name is taken */
    async insert(
      credential: SecretPlace & { readonly name: string; readonly type: string },
      data: unknown,
      vault: Vault,
    ): Promise<CredentialSummary | undefined> {
      const sealed = vault.seal(data, credential);
      const rows: CredentialRow[] = await database('credentials')
        .insert({
          id: credential.credentialId,
          project_id: credential.projectId,
          name: credential.name,
          type: credential.type,
          key_id: sealed.keyId,
          data_encrypted: sealed.data,
        })
        .onConflict(['project_id', 'name'])
        .ignore()
        .returning([...COLUMNS]);
      return rows[0] === undefined ? undefined : toSummary(rows[0]);
    },

    async anyExists(projectId: string): Promise<boolean> {
      return (
        (await database('credentials').where({ project_id: projectId }).first('id')) !== undefined
      );
    },

    /** @param reference id or name */
    async find(projectId: string, reference: string): Promise<CredentialSummary | undefined> {
      const row: CredentialRow | undefined = await named(projectId, reference).first(...COLUMNS);
      return row === undefined ? undefined : toSummary(row);
    },

    /** @returns those of the references (ids or names) that are stored */
    async findAll(
      projectId: string,
      references: readonly string[],
    ): Promise<readonly CredentialSummary[]> {
      const rows: CredentialRow[] = await database('credentials')
        .where({ project_id: projectId })
        .where((either) =>
          either.whereIn('name', [...references]).orWhereIn(
            'id',
            references.filter((reference) => UUID.test(reference)),
          ),
        )
        .select(...COLUMNS);
      return rows.map(toSummary);
    },

    /**
     * @param change.data replaces the secret where given
     * @returns undefined if there is no such credential; `taken` if the new name is
     */
    async update(
      place: SecretPlace,
      change: { readonly name?: string | undefined; readonly data?: unknown },
      vault: Vault,
    ): Promise<CredentialSummary | 'taken' | undefined> {
      const sealed = change.data === undefined ? undefined : vault.seal(change.data, place);
      try {
        const rows: CredentialRow[] = await database('credentials')
          .where({ project_id: place.projectId, id: place.credentialId })
          .update({
            updated_at: database.fn.now(),
            ...(change.name === undefined ? {} : { name: change.name }),
            ...(sealed === undefined ? {} : { key_id: sealed.keyId, data_encrypted: sealed.data }),
          })
          .returning([...COLUMNS]);
        return rows[0] === undefined ? undefined : toSummary(rows[0]);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION) {
          return 'taken';
        }
        throw error;
      }
    },

    /** @returns false if there was none */
    async delete(place: SecretPlace): Promise<boolean> {
      const deleted = await database('credentials')
        .where({ project_id: place.projectId, id: place.credentialId })
        .delete();
      return deleted > 0;
    },

    /** Oldest first. @param after sort key of the last item of the page before */
    async list(
      projectId: string,
      limit: number,
      after: ListKey | undefined,
    ): Promise<readonly (CredentialSummary & { readonly key: ListKey })[]> {
      const query = database('credentials')
        .where({ project_id: projectId })
        .orderBy([{ column: 'created_at' }, { column: 'id' }])
        .limit(limit);
      if (after !== undefined) {
        query.whereRaw('(created_at, id) > (CAST(? AS timestamptz), CAST(? AS uuid))', [...after]);
      }
      const rows: (CredentialRow & { cursor_at: string })[] = await query.select(
        ...COLUMNS,
        database.raw('CAST(created_at AS text) AS cursor_at'),
      );
      return rows.map((row) => ({ ...toSummary(row), key: [row.cursor_at, row.id] as const }));
    },

    /**
     * Opens a secret, for the worker that is about to use it.
     * @param reference id or name, as a node gives it
     * @returns undefined if there is none
     * @throws VaultError if it can't be decrypted
     */
    async open(
      projectId: string,
      reference: string,
      vault: Vault,
    ): Promise<{ readonly type: string; readonly data: unknown } | undefined> {
      const row: (CredentialRow & { key_id: string; data_encrypted: Buffer }) | undefined =
        await named(projectId, reference).first(...COLUMNS, 'key_id', 'data_encrypted');
      if (row === undefined) return undefined;
      return {
        type: row.type,
        data: vault.open(
          { keyId: row.key_id, data: row.data_encrypted },
          { projectId, credentialId: row.id },
        ),
      };
    },
  };
}

function toSummary(row: CredentialRow): CredentialSummary {
  return {
    credentialId: row.id,
    name: row.name,
    type: row.type,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
