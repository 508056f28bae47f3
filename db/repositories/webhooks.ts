/** Addresses of webhook triggers: found by a hash of their token, shown to who may, kept over versions. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import {
  type Trigger,
  type WebhookTrigger,
  withKeys,
} from '../../workflows/graph/trigger-schemas.ts';
import type { Vault } from '../vault.ts';

/** 256 bits, so that nobody finds one by trying, and a plain hash of it says nothing. */
const TOKEN_BYTES = 32;

export interface Hook {
  readonly hookId: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly key: string;
  /** The published version. */
  readonly version: number;
  /** The trigger as that version has it. */
  readonly trigger: WebhookTrigger;
}

export interface HookPlace {
  readonly projectId: string;
  readonly workflowId: string;
  readonly key: string;
}

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export type WebhookRepository = ReturnType<typeof createWebhookRepository>;

export function createWebhookRepository(database: Knex, vault: Vault) {
  const at = ({ projectId, workflowId, key }: HookPlace) => ({
    project_id: projectId,
    workflow_id: workflowId,
    trigger_key: key,
  });

  return {
    /** @returns the published trigger that the token belongs to */
    async find(token: string): Promise<Hook | undefined> {
      const row: HookRow | undefined = await database('webhooks AS hook')
        .join('workflow_definitions AS definition', (join) =>
          join
            .on('definition.project_id', 'hook.project_id')
            .andOn('definition.workflow_id', 'hook.workflow_id'),
        )
        .where({ 'hook.token_hash': tokenHash(token), 'definition.is_active': true })
        .first(
          'hook.id',
          'hook.project_id',
          'hook.workflow_id',
          'hook.trigger_key',
          'definition.published_triggers',
          'definition.published_version',
        );
      const trigger = withKeys(row?.published_triggers ?? []).find(
        ({ key }) => key === row?.trigger_key,
      )?.trigger;
      if (row === undefined || trigger?.type !== 'webhook') return undefined;
      return {
        hookId: row.id,
        projectId: row.project_id,
        workflowId: row.workflow_id,
        key: row.trigger_key,
        version: row.published_version,
        trigger,
      };
    },

    /** @returns the trigger's token, made now if it has none yet */
    async tokenOf(place: HookPlace): Promise<string> {
      const known = await stored(place);
      if (known !== undefined) return known;
      await database('webhooks')
        .insert({ ...at(place), ...sealed(randomUUID(), place.projectId, newToken()) })
        .onConflict(['project_id', 'workflow_id', 'trigger_key'])
        .ignore();
      // Somebody else's may have come first.
      const token = await stored(place);
      if (token === undefined) throw new Error('The webhook’s address was removed just now.');
      return token;
    },

    /** Gives the trigger a new token; the old one is nobody's from now on. */
    async rotate(place: HookPlace): Promise<string> {
      const token = newToken();
      const columns = sealed(randomUUID(), place.projectId, token);
      await database('webhooks')
        .insert({ ...at(place), ...columns })
        .onConflict(['project_id', 'workflow_id', 'trigger_key'])
        .merge({ ...columns, rotated_at: database.raw('now()') });
      return token;
    },
  };

  async function stored(place: HookPlace): Promise<string | undefined> {
    const row: SealedRow | undefined = await database('webhooks')
      .where(at(place))
      .first('id', 'key_id', 'token_encrypted');
    if (row === undefined) return undefined;
    return String(
      vault.open(
        { keyId: row.key_id, data: row.token_encrypted },
        { projectId: place.projectId, credentialId: row.id },
      ),
    );
  }

  function sealed(id: string, projectId: string, token: string) {
    const { keyId, data } = vault.seal(token, { projectId, credentialId: id });
    return { id, token_hash: tokenHash(token), key_id: keyId, token_encrypted: data };
  }
}

interface HookRow {
  readonly id: string;
  readonly project_id: string;
  readonly workflow_id: string;
  readonly trigger_key: string;
  readonly published_triggers: readonly Trigger[] | null;
  readonly published_version: number;
}

interface SealedRow {
  readonly id: string;
  readonly key_id: string;
  readonly token_encrypted: Buffer;
}
