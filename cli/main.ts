/** The command line: `node cli/main.ts <command>`, or `masar <command>`. `npm start` is `up`. */

import { CommanderError } from 'commander';
import { ApiRefusal } from './api-client.ts';
import type { ExitCode } from './commands/command.ts';
import { showIssues } from './commands/workflow.ts';
import { loadEnvFile } from './environment.ts';
import { OperatorError } from './local-process.ts';
import { createProgram } from './program.ts';

const USAGE_ERROR = 2;

/** @returns the exit code; undefined where a role's process ends itself */
async function main(args: readonly string[]): Promise<ExitCode> {
  loadEnvFile(process.cwd());
  let code: ExitCode;
  await createProgram((value) => {
    code = value;
  }).parseAsync([...args], { from: 'user' });
  return code;
}

/** Help that was asked for is no error; a group without its command is. */
function isAskedFor({ code }: CommanderError): boolean {
  return code === 'commander.helpDisplayed' || code === 'commander.version';
}

interface End {
  readonly code: number;
  /** For stderr; empty where all was said already. */
  readonly text: string;
}

function explain(error: unknown, json: boolean): End {
  if (error instanceof CommanderError) {
    if (isAskedFor(error)) return { code: 0, text: '' };
    // commander has shown the group's help already: on demand (0), or for want of a command.
    if (error.code === 'commander.help') {
      return { code: error.exitCode === 0 ? 0 : USAGE_ERROR, text: '' };
    }
    const message = error.message.replace(/^error: /, '');
    const text = json
      ? JSON.stringify({ error: 'usage', message })
      : `${message}\n\nSee "masar --help", or --help after a command.`;
    return { code: USAGE_ERROR, text };
  }
  if (!(error instanceof OperatorError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const text = json
      ? JSON.stringify({ error: 'internal_error', message: stack })
      : `\nSomething went wrong that Masar does not know:\n${stack}`;
    return { code: 1, text };
  }
  const code = error.code === 'usage' ? USAGE_ERROR : 1;
  const refusal = error instanceof ApiRefusal ? error : undefined;
  if (json) {
    const named = refusal?.problem ?? error.code;
    const more = refusal === undefined ? {} : { status: refusal.status, issues: refusal.issues };
    return { code, text: JSON.stringify({ error: named, message: error.message, ...more }) };
  }
  const lines = [`\n${error.message}`];
  showIssues({ line: (text = '') => void lines.push(text) }, refusal?.issues ?? []);
  return { code, text: lines.join('\n') };
}

try {
  const code = await main(process.argv.slice(2));
  // A role's process ends itself; everything else has nothing left to do, whatever still lingers.
  if (code !== undefined) process.exit(code);
} catch (error) {
  const { code, text } = explain(error, process.argv.includes('--json'));
  if (text === '') process.exit(code);
  process.stderr.write(`${text}\n`, () => process.exit(code));
}
