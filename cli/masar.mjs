#!/usr/bin/env node
// Masar runs on the Node that is among its dependencies, whichever one a person's PATH has.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

/** @returns {string | undefined} */
function packagedNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const program = join(folder, 'bin', name);
    return existsSync(program) ? program : undefined;
  } catch {
    // The dependencies are not installed.
    return undefined;
  }
}

const own = Number.parseInt(process.versions.node, 10) >= NEEDED;
const node = own ? process.execPath : packagedNode();
if (node === undefined) {
  process.stderr.write(
    `Masar needs Node ${NEEDED}, this is ${process.versions.node}, and the one that Masar brings is not installed. Run "npm ci" in ${dirname(dirname(main))}.\n`,
  );
  process.exit(1);
}
if (own) {
  await import(main);
} else {
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, MASAR_LAUNCHER: String(process.pid) },
  });
  // Ctrl-C reaches the whole process group; a signal to us alone is passed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    process.stderr.write(`${node} does not start: ${error.message}. Run "npm ci" again.\n`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
