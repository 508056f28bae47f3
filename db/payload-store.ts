/** Payloads that are too large for Temporal's history. */
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

export interface PayloadStore {
  /** @returns the data's SHA-256 in hexadecimal; storing the same again changes nothing */
  put(data: Uint8Array): Promise<string>;
  /** @throws Error if there is no such payload */
  get(digest: string): Promise<Uint8Array>;
}

export function createPayloadStore(database: Knex): PayloadStore {
  return {
    async put(data) {
      const digest = createHash('sha256').update(data).digest('hex');
      await database('payloads')
        .insert({ digest, data: Buffer.from(data) })
        .onConflict('digest')
        .ignore();
      return digest;
    },

    async get(digest) {
      const row: { data: Buffer } | undefined = await database('payloads')
        .where({ digest })
        .first('data');
      if (row === undefined) throw new Error(`The database has no payload ${digest} any more.`);
      return row.data;
    },
  };
}
