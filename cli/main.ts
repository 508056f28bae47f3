/** The command line: `node cli/main.ts <command>`. `npm start` is `up`. */

import { parseArgs } from 'node:util';
import { loadEnvFile, readEnvironment } from './environment.ts';
import { OperatorError } from './local-process.ts';
import { runRoleProcess } from './role-process.ts';

const USAGE = `Usage: node cli/main.ts <command>

  up [--once] [--no-demo]   everything on this machine; --once ends after the demo (npm start)
  api                       the HTTP API alone
  worker                    a worker alone
  emulators                 the local stand-ins for providers alone
  migrate                   brings the database to the newest schema, makes the first API key

Settings come from the environment and from .env; .env.example explains each.
`;

async function main(args: string[]): Promise<number | undefined> {
  const { positionals, values } = parseCommandLine(args);
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command = 'up', ...rest] = positionals;
  if (rest.length > 0) throw usage(`Unexpected argument: ${rest.join(' ')}.`);
  loadEnvFile(process.cwd());
  // Each role loads only what it needs: the API has no isolate, the emulators no Temporal.
  switch (command) {
    case 'up': {
      const { up } = await import('./up.ts');
      return up({ once: values.once === true, demo: values['no-demo'] !== true });
    }
    case 'api': {
      const { runApi } = await import('../api/main.ts');
      await runRoleProcess('api', runApi);
      return undefined;
    }
    case 'worker': {
      const { runWorker } = await import('../workers/main.ts');
      await runRoleProcess('worker', runWorker);
      return undefined;
    }
    case 'emulators': {
      const { runEmulators } = await import('../workers/emulators.ts');
      await runRoleProcess('emulators', runEmulators);
      return undefined;
    }
    case 'migrate': {
      const { migrateCommand } = await import('./migrate-command.ts');
      await migrateCommand(readEnvironment(process.env));
      return 0;
    }
    default:
      throw usage(`There is no command ${command}.`);
  }
}

function parseCommandLine(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        once: { type: 'boolean' },
        'no-demo': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(problem: string): OperatorError {
  return new OperatorError('usage', `${problem}\n\n${USAGE}`);
}

try {
  const code = await main(process.argv.slice(2));
  // A role's process ends itself; everything else has nothing left to do, whatever still lingers.
  if (code !== undefined) process.exit(code);
} catch (error) {
  const text =
    error instanceof OperatorError
      ? error.message
      : `Something went wrong that Masar does not know:\n${error instanceof Error ? error.stack : String(error)}`;
  process.stderr.write(`\n${text}\n`, () => process.exit(1));
}
