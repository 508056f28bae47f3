/** The commands that run Masar itself. Each loads only what it needs: the API has no isolate. */

import type { Command } from 'commander';
import { z } from 'zod';
import { readEnvironment } from '../environment.ts';
import { runRoleProcess } from '../role-process.ts';
import { contextOf, type Ended, examples } from './command.ts';

const upSchema = z.object({ once: z.boolean().optional(), demo: z.boolean() });

export function addRoleCommands(program: Command, ended: Ended): void {
  examples(
    program
      .command('up')
      .description('everything on this machine: PostgreSQL, Temporal, API, worker, emulators')
      .option('--once', 'end after the demo, with 0 if it succeeded')
      .option('--no-demo', 'without the demo')
      .action(async (options: unknown, command: Command) => {
        const { once, demo } = upSchema.parse(options);
        const context = contextOf(command);
        const { up } = await import('../up.ts');
        ended(await up({ once: once === true, demo }, context));
      }),
    'masar up',
    'masar up --once',
    'PORT=4000 MASAR_DATA=/srv/masar masar up --no-demo',
  );

  examples(
    program
      .command('api')
      .description('the HTTP API alone; needs DATABASE_URL, TEMPORAL_ADDRESS, MASAR_ENCRYPTION_KEY')
      .action(async () => {
        const { runApi } = await import('../../api/main.ts');
        await runRoleProcess('api', runApi);
      }),
    'HOST=0.0.0.0 masar api',
  );

  examples(
    program
      .command('worker')
      .description('a worker alone; needs what api needs')
      .action(async () => {
        const { runWorker } = await import('../../workers/main.ts');
        await runRoleProcess('worker', runWorker);
      }),
    'masar worker',
  );

  examples(
    program
      .command('emulators')
      .description('the local stand-ins for providers alone, for sandbox mode')
      .action(async () => {
        const { runEmulators } = await import('../../workers/emulators.ts');
        await runRoleProcess('emulators', runEmulators);
      }),
    'MASAR_EMULATOR_HOST=emulators masar emulators',
  );

  examples(
    program
      .command('migrate')
      .description(
        'bring the database of DATABASE_URL to the newest schema, make the first API key',
      )
      .action(async (_options: unknown, command: Command) => {
        const context = contextOf(command);
        const { migrateCommand } = await import('../migrate-command.ts');
        await migrateCommand(readEnvironment(process.env), context);
        ended(0);
      }),
    'DATABASE_URL=postgresql://masar:secret@db/masar masar migrate',
  );
}
