/** Emulators tell here where they are; workers look here, so that neither needs fixed ports. */
import type { Knex } from 'knex';
import type { Emulator } from '../../connectors/contract.ts';

export interface EmulatorAddress {
  readonly url: string;
  readonly credential: unknown;
}

export type EmulatorRegistry = ReturnType<typeof createEmulatorRegistry>;

export function createEmulatorRegistry(database: Knex) {
  return {
    /** Replaces what an earlier process announced for the same connector. */
    async announce(emulator: Pick<Emulator, 'connector' | 'url' | 'credential'>): Promise<void> {
      await database('sandbox_emulators')
        .insert({
          connector: emulator.connector,
          url: emulator.url,
          credential: JSON.stringify(emulator.credential ?? null),
          started_at: database.fn.now(),
        })
        .onConflict('connector')
        .merge();
    },

    async find(connector: string): Promise<EmulatorAddress | undefined> {
      return database('sandbox_emulators').where({ connector }).first('url', 'credential');
    },
  };
}
