/** The command line as a tree of commands, whose help docs/cli.md is made from. */

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { addApiKeyCommands } from './commands/api-key.ts';
import type { Ended } from './commands/command.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExecutionCommands } from './commands/execution.ts';
import { addRoleCommands } from './commands/roles.ts';
import { addWorkflowCommands } from './commands/workflow.ts';

const PACKAGE = new URL('../package.json', import.meta.url);
const packageSchema = z.object({ version: z.string() });

export const EXIT_CODES = [
  [0, 'done; of an execution or a demo: it succeeded, or ended as it should'],
  [1, 'failed: the message says what, where, and what to do'],
  [2, 'the command line is wrong: an unknown command or option, a missing argument'],
  [130, 'interrupted by Ctrl-C'],
] as const;

/** @param ended told what the command that ran has ended with */
export function createProgram(ended: Ended): Command {
  const program = new Command('masar')
    .description('Masar: durable automations on Temporal.')
    .version(packageSchema.parse(JSON.parse(readFileSync(PACKAGE, 'utf8'))).version)
    .option('--json', 'machine output: JSON on stdout, errors as JSON on stderr')
    .option('--url <url>', 'address of the API (MASAR_URL; else the Masar that runs here)')
    .option('--api-key <key>', 'API key (MASAR_API_KEY; else the one in the data folder)')
    .configureHelp({ showGlobalOptions: true })
    // What is wrong is told by main, in the form that --json asks for.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText('after', footer());
  addRoleCommands(program, ended);
  addWorkflowCommands(program, ended);
  addExecutionCommands(program, ended);
  addApiKeyCommands(program, ended);
  addDemoCommand(program, ended);
  addDoctorCommand(program, ended);
  return program;
}

function footer(): string {
  const codes = EXIT_CODES.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`);
  return [
    '',
    'Examples:',
    '  $ masar up                                  start everything here',
    '  $ masar doctor                              what is wrong, and what to do',
    '  $ masar demo approval                       an example, with its messages',
    '  $ masar workflow import welcome.yaml --publish',
    '  $ masar execution watch <executionId>',
    '',
    'Exit codes:',
    ...codes,
    '',
    'Settings come from the environment and from .env; .env.example explains each.',
  ].join('\n');
}
