/** Where providers deliver messages that come in: one address per project and connector. */
import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import { z } from 'zod';
import type { Vault } from '../vault.ts';
import { newToken, tokenHash } from './webhooks.ts';

export interface InboundChannel {
  readonly channelId: string;
  readonly projectId: string;
  readonly connector: string;
  readonly token: string;
  /** What the provider and Masar both know, as the connector's schema has it. */
  readonly settings: unknown;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const sealedSchema = z.object({ token: z.string(), settings: z.unknown() });

export type InboundChannelRepository = ReturnType<typeof createInboundChannelRepository>;

export function createInboundChannelRepository(database: Knex, vault: Vault) {
  function toChannel(row: ChannelRow): InboundChannel {
    const place = { projectId: row.project_id, credentialId: row.id };
    const opened = sealedSchema.parse(
      vault.open({ keyId: row.key_id, data: row.data_encrypted }, place),
    );
    return {
      channelId: row.id,
      projectId: row.project_id,
      connector: row.connector,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      ...opened,
    };
  }

  async function one(
    where: Readonly<Record<string, unknown>>,
  ): Promise<InboundChannel | undefined> {
    const row: ChannelRow | undefined = await database('inbound_channels').where(where).first();
    return row === undefined ? undefined : toChannel(row);
  }

  return {
    find: (projectId: string, connector: string) => one({ project_id: projectId, connector }),

    findByToken: (connector: string, token: string) =>
      one({ connector, token_hash: tokenHash(token) }),

    /** Creates the channel, or changes its settings; its address stays. */
    async put(projectId: string, connector: string, settings: unknown): Promise<InboundChannel> {
      return database.transaction(async (transaction) => {
        await transaction.raw('SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))', {
          lock: `masar inbound ${projectId} ${connector}`,
        });
        const known: ChannelRow | undefined = await transaction('inbound_channels')
          .where({ project_id: projectId, connector })
          .first();
        const id = known?.id ?? randomUUID();
        const token = known === undefined ? newToken() : toChannel(known).token;
        const { keyId, data } = vault.seal({ token, settings }, { projectId, credentialId: id });
        const rows: ChannelRow[] = await transaction('inbound_channels')
          .insert({
            id,
            project_id: projectId,
            connector,
            token_hash: tokenHash(token),
            key_id: keyId,
            data_encrypted: data,
          })
          .onConflict(['project_id', 'connector'])
          .merge(['key_id', 'data_encrypted'])
          .returning('*');
        if (rows[0] === undefined) throw new Error('The channel was not written.');
        return toChannel(rows[0]);
      });
    },

    /** @returns false if there was none */
    async delete(projectId: string, connector: string): Promise<boolean> {
      const deleted = await database('inbound_channels')
        .where({ project_id: projectId, connector })
        .delete();
      return deleted > 0;
    },
  };
}

interface ChannelRow {
  readonly id: string;
  readonly project_id: string;
  readonly connector: string;
  readonly key_id: string;
  readonly data_encrypted: Buffer;
  readonly created_at: Date;
  readonly updated_at: Date;
}
