/** Every emulator in the process of the test, which can so let them fail at the right moment. */
import { startBigQueryEmulator } from '../../connectors/bigquery/emulator.ts';
import { startEmailEmulator } from '../../connectors/email/emulator.ts';
import { startGoogleEmulator } from '../../connectors/google-sheets/emulator.ts';
import { startHttpEmulator } from '../../connectors/http/emulator.ts';
import { startOpenaiEmulator } from '../../connectors/openai/emulator.ts';
import { startPostgresEmulator } from '../../connectors/postgres/emulator.ts';
import { startSlackEmulator } from '../../connectors/slack/emulator.ts';
import { startTelegramEmulator } from '../../connectors/telegram/emulator.ts';
import { startWhatsappEmulator } from '../../connectors/whatsapp/emulator.ts';
import type { Database } from '../../db/connection.ts';
import { createEmulatorRegistry } from '../../db/repositories/emulator-registry.ts';
import { createSandboxMessageRepository } from '../../db/repositories/sandbox-messages.ts';

export type TestEmulators = Awaited<ReturnType<typeof startTestEmulators>>;

/** Starts them on the stack's database, where its workers find them. */
export async function startTestEmulators(database: Database) {
  const at = { store: createSandboxMessageRepository(database), host: '127.0.0.1', port: 0 };
  const registry = createEmulatorRegistry(database);
  const [email, whatsapp, google, http, bigQuery, telegram, slack, openai, postgres] =
    await Promise.all([
      startEmailEmulator(at),
      startWhatsappEmulator(at),
      startGoogleEmulator(at),
      startHttpEmulator(at),
      startBigQueryEmulator(at),
      startTelegramEmulator(at),
      startSlackEmulator(at),
      startOpenaiEmulator(at),
      startPostgresEmulator(at),
    ]);
  const all = [email, whatsapp, google, http, bigQuery, telegram, slack, openai, postgres];
  for (const emulator of all) await registry.announce(emulator);
  return {
    email,
    whatsapp,
    google,
    http,
    bigQuery,
    telegram,
    slack,
    openai,
    postgres,
    close: async () => {
      await Promise.all(all.map((emulator) => emulator.close()));
    },
  };
}
