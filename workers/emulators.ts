/** The emulators' role: local stand-ins for every provider, for sandbox mode. */

import type { RoleEnvironment } from '../cli/environment.ts';
import { createLogger } from '../cli/logger.ts';
import { startBigQueryEmulator } from '../connectors/bigquery/emulator.ts';
import type { Emulator, EmulatorDeps } from '../connectors/contract.ts';
import { startEmailEmulator } from '../connectors/email/emulator.ts';
import { startGoogleEmulator } from '../connectors/google-sheets/emulator.ts';
import { startHttpEmulator } from '../connectors/http/emulator.ts';
import { startOpenaiEmulator } from '../connectors/openai/emulator.ts';
import { startPostgresEmulator } from '../connectors/postgres/emulator.ts';
import { startSlackEmulator } from '../connectors/slack/emulator.ts';
import { startTelegramEmulator } from '../connectors/telegram/emulator.ts';
import { startWhatsappEmulator } from '../connectors/whatsapp/emulator.ts';
import { connectDatabase } from '../db/connection.ts';
import { createEmulatorRegistry } from '../db/repositories/emulator-registry.ts';
import { createSandboxMessageRepository } from '../db/repositories/sandbox-messages.ts';
import type { Role } from './main.ts';

/** Starts every emulator, tells the workers where they are, and returns once they listen. */
export async function runEmulators(environment: RoleEnvironment): Promise<Role> {
  const logger = createLogger({ level: environment.logLevel, component: 'emulators' });
  const database = connectDatabase(environment.databaseUrl, {
    poolSize: 5,
    applicationName: 'masar-emulators',
  });
  const registry = createEmulatorRegistry(database);
  const store = createSandboxMessageRepository(database);
  const ports = environment.emulatorPorts;
  const at = (port: number | undefined): EmulatorDeps => ({
    store,
    host: environment.emulatorHost,
    port: port ?? 0,
  });
  const emulators: readonly Emulator[] = await Promise.all([
    startEmailEmulator(at(ports?.smtp)),
    startWhatsappEmulator(at(ports?.whatsapp)),
    startGoogleEmulator(at(ports?.google)),
    startHttpEmulator(at(ports?.http)),
    // Workers read where these are from the database, so any free port does.
    startBigQueryEmulator(at(undefined)),
    startPostgresEmulator(at(undefined)),
    startTelegramEmulator(at(undefined)),
    startSlackEmulator(at(undefined)),
    startOpenaiEmulator(at(undefined)),
  ]);
  for (const emulator of emulators) await registry.announce(emulator);
  logger.info('The emulators are ready.', { count: emulators.length });

  return {
    ended: new Promise(() => undefined),
    stop: async () => {
      await Promise.all(emulators.map((emulator) => emulator.close()));
      await database.destroy();
    },
  };
}
