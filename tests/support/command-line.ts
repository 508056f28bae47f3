/** The command line as people use it: a process of its own, judged by its output and exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** What --json wrote. */
  json(): unknown;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Where it runs; a folder without .env where left out. */
  readonly cwd?: string;
}

export async function runCommand(
  args: readonly string[],
  { env = {}, input, cwd = tmpdir() }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.end(input ?? '');
  const [code] = await once(child, 'close');
  return {
    code: typeof code === 'number' ? code : null,
    out,
    err,
    json: () => JSON.parse(out),
  };
}
