/**
 * `npm test`: makes sure that the Temporal server is there, runs jest over both projects (arguments
 * are passed on), and ends with one plain line: `N passed, N failed`.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { OperatorError } from '../cli/local-process.ts';
import { createTerminal } from '../cli/terminal.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';

const resultSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  /** Files that failed before any test of theirs could. */
  numRuntimeErrorTestSuites: z.number(),
});
type Result = z.infer<typeof resultSchema>;

async function main(args: readonly string[]): Promise<number> {
  const terminal = createTerminal();
  try {
    await findTemporalBinary({ progress: { begin: terminal.line, update: terminal.update } });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    terminal.warn(error.message);
    terminal.line('0 passed, 1 failed');
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'masar-test-result-'));
  try {
    const outputFile = join(folder, 'result.json');
    const code = await runJest([...args, '--json', `--outputFile=${outputFile}`]);
    const result = readResult(outputFile);
    terminal.line(summary(result, code));
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runJest(args: readonly string[]): Promise<number> {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const child = spawn(process.execPath, [jest, ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: {
      ...process.env,
      // The product and its tests are native ES modules: https://jestjs.io/docs/ecmascript-modules
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
    },
    stdio: 'inherit',
  });
  // Ctrl-C reaches jest as well; we stay to report what it says.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = await once(child, 'close');
  return typeof code === 'number' ? code : 1;
}

function readResult(path: string): Result | undefined {
  try {
    return resultSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // jest ended before it could write one; its exit code and output say why.
    return undefined;
  }
}

function summary(result: Result | undefined, code: number): string {
  const failed = (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0);
  const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
  // A run that failed outside of any test (its set-up, a hanging process) is still a failure.
  const shownFailed = code !== 0 && failed === 0 ? 1 : failed;
  const line = `${result?.numPassedTests ?? 0} passed, ${shownFailed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}

process.exitCode = await main(process.argv.slice(2));
