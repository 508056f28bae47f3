/**
 * Finds the `temporal` program, whose development server Masar embeds: on PATH, in the cache, by
 * the SDK's own downloader, or by building it with Go. Whatever is fetched or built is kept for
 * every later start.
 */

import { type SpawnOptions, spawn } from 'node:child_process';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tryLock } from '../cli/instance-lock.ts';
import { explainFileError, OperatorError } from '../cli/local-process.ts';

/** The release that is downloaded or built. One that is on PATH is taken as it is. */
export const TEMPORAL_CLI_VERSION = 'v1.5.1';
const GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}`;

/** How many packages that build compiles, for its progress. */
const GO_PACKAGES = 1_300;

const DOWNLOAD_LIMIT_MS = 10 * 60_000;
/** Behind a firewall that drops packets a connection attempt hangs for minutes. */
const DOWNLOAD_STALL_MS = 20_000;
const PROGRAM = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

export interface TemporalBinaryOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Told before each long step, and while it lasts. */
  readonly progress?: BinaryProgress;
  readonly signal?: AbortSignal;
  /** Puts the program into the folder under any name, or rejects. For tests. */
  readonly download?: (folder: string, signal: AbortSignal | undefined) => Promise<void>;
}

export interface BinaryProgress {
  /** Something begins that takes its time; a whole sentence. */
  begin(message: string): void;
  /** Where it stands; replaces the update before it. */
  update(message: string): void;
}

const SILENT: BinaryProgress = { begin: () => undefined, update: () => undefined };

/**
 * The path of a `temporal` that runs on this machine.
 * @throws OperatorError `binary_missing` with the three ways out; `not_writable`, `disk_full`
 */
export async function findTemporalBinary(options: TemporalBinaryOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const found = await locateTemporalBinary(env);
  if (found !== undefined) return found;
  const cache = cacheFolder(env);
  const binary = cachedBinary(env);
  try {
    await mkdir(cache, { recursive: true });
  } catch (error) {
    throw explainFileError(error, cache);
  }
  const progress = options.progress ?? SILENT;
  const lock = await waitForLock(join(cache, 'temporal.lock'), progress, options.signal);
  try {
    // Whoever held the lock before us may have made it.
    if (await runs(binary, env)) return binary;
    await provide(binary, cache, { ...options, env, progress });
    return binary;
  } finally {
    lock.release();
  }
}

/** A `temporal` that runs here already, on PATH or in the cache; undefined if there is none. */
export async function locateTemporalBinary(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (await runs('temporal', env)) return 'temporal';
  const binary = cachedBinary(env);
  return (await runs(binary, env)) ? binary : undefined;
}

function cachedBinary(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), `temporal-${TEMPORAL_CLI_VERSION}`, PROGRAM);
}

/** Where programs are kept between runs, as each platform has it. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '') {
    return join(env.XDG_CACHE_HOME, 'masar');
  }
  const home = env.HOME === undefined || env.HOME === '' ? homedir() : env.HOME;
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'masar');
  if (process.platform === 'win32' && env.LOCALAPPDATA !== undefined) {
    return join(env.LOCALAPPDATA, 'masar', 'Cache');
  }
  return join(home, '.cache', 'masar');
}

async function waitForLock(
  path: string,
  progress: BinaryProgress,
  signal: AbortSignal | undefined,
): Promise<{ release(): void }> {
  let told = false;
  for (;;) {
    const result = tryLock(path);
    if ('lock' in result) return result.lock;
    if (!told) {
      progress.begin(
        `Another start of Masar (process ${result.holder.pid}) is fetching the Temporal server; waiting for it.`,
      );
      told = true;
    }
    await sleep(500, undefined, signal === undefined ? {} : { signal });
  }
}

interface Providing extends TemporalBinaryOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly progress: BinaryProgress;
}

/** Downloads or builds into a folder of its own, then moves the finished program into place. */
async function provide(binary: string, cache: string, options: Providing): Promise<void> {
  const prefix = 'unfinished-';
  const workFolder = join(cache, `${prefix}${process.pid}`);
  for (const name of await readdir(cache)) {
    if (name.startsWith(prefix)) await rm(join(cache, name), { recursive: true, force: true });
  }
  const { progress, env, signal } = options;
  try {
    await mkdir(workFolder, { recursive: true });
    progress.begin('Fetching the Temporal server (about 50 MB, once) …');
    const downloadError = await attempt(() =>
      (options.download ?? downloadWithSdk)(workFolder, signal),
    );
    signal?.throwIfAborted();
    if (downloadError === undefined && (await install(workFolder, binary, env))) return;
    if (!(await runs('go', env, ['version'])))
      throw noWay(cache, downloadError, 'Go is not installed');
    progress.begin(
      `It cannot be downloaded here, so it is built with Go instead: this takes about four minutes, once (more on a busy machine); the result is kept in ${cache}.`,
    );
    const buildError = await buildWithGo(workFolder, options);
    signal?.throwIfAborted();
    if (buildError !== undefined)
      throw noWay(cache, downloadError, `go install failed: ${buildError}`);
    if (!(await install(workFolder, binary, env))) {
      throw noWay(cache, downloadError, 'go install left no program that runs here');
    }
  } catch (error) {
    if (error instanceof OperatorError || signal?.aborted === true) throw error;
    throw explainFileError(error, cache);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

function noWay(cache: string, downloadError: string | undefined, goProblem: string): OperatorError {
  return new OperatorError(
    'binary_missing',
    `There is no Temporal server to start: \`temporal\` is not on PATH, the download failed (${downloadError ?? 'what came does not run here'}), and ${goProblem}. Three ways out: install the Temporal CLI (https://docs.temporal.io/cli) so that \`temporal\` is on PATH; or connect to the internet, or install Go, and start again (${cache} keeps the result); or set TEMPORAL_ADDRESS to a Temporal server that runs already.`,
  );
}

/** What went wrong, in one line, or undefined if nothing did. */
async function attempt(act: () => Promise<void>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return shorten(error instanceof Error ? error.message : String(error));
  }
}

function shorten(message: string): string {
  const lastLine = message.trim().split('\n').at(-1) ?? '';
  // The downloader tells the same three times, each in brackets, with the cause at the end.
  const line = lastLine.replace(/^.*\): (?=\S)/, '');
  return line.length > 200 ? `…${line.slice(-200)}` : line;
}

/** Moves the first program in the folder that runs to its place. */
async function install(folder: string, binary: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  for (const name of await readdir(folder)) {
    const candidate = join(folder, name);
    if (!(await stat(candidate)).isFile() || !(await runs(candidate, env))) continue;
    await mkdir(join(binary, '..'), { recursive: true });
    await rename(candidate, binary);
    return true;
  }
  return false;
}

/**
 * The SDK's downloader has no way to be cancelled, so it runs in a process of its own that is
 * ended when nothing has arrived for a while.
 */
async function downloadWithSdk(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const script = fileURLToPath(new URL('./download-temporal.ts', import.meta.url));
  const stalled = new AbortController();
  const limits = [stalled.signal, AbortSignal.timeout(DOWNLOAD_LIMIT_MS)];
  const run = runToEnd(process.execPath, [script, folder, TEMPORAL_CLI_VERSION], {
    signal: AbortSignal.any(signal === undefined ? limits : [...limits, signal]),
  });
  const watch = watchGrowth(folder, stalled);
  try {
    const { code, output } = await run;
    if (code !== 0) throw new Error(output === '' ? 'it stood still' : output);
  } finally {
    clearInterval(watch);
  }
}

function watchGrowth(folder: string, stalled: AbortController): NodeJS.Timeout {
  let size = -1;
  let grownAt = Date.now();
  return setInterval(async () => {
    const now = await folderSize(folder);
    if (now > size) {
      size = now;
      grownAt = Date.now();
    } else if (Date.now() - grownAt > DOWNLOAD_STALL_MS) {
      stalled.abort();
    }
  }, 1_000);
}

async function folderSize(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    sum += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return sum;
}

/** Returns what went wrong, or undefined. `go install -v` names each package as it compiles it. */
async function buildWithGo(folder: string, options: Providing): Promise<string | undefined> {
  const startedAt = Date.now();
  let packages = 0;
  let current = 'reading modules';
  const report = (): void => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const elapsed = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    options.progress.update(
      `Building Temporal: ${elapsed}, ${packages} of about ${GO_PACKAGES} packages (${current})`,
    );
  };
  const timer = setInterval(report, 1_000);
  try {
    const { code, output } = await runToEnd(
      'go',
      ['install', '-v', GO_PACKAGE],
      {
        // A parent's GOOS or GOFLAGS=-mod=vendor is meant for another build than this one.
        env: { ...options.env, GOBIN: folder, GOOS: '', GOARCH: '', GOWORK: 'off' },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (line) => {
        if (!line.startsWith('go: ')) packages += 1;
        current = line.replace(/^go: /, '');
      },
    );
    return code === 0 ? undefined : shorten(output);
  } finally {
    clearInterval(timer);
  }
}

async function runs(
  program: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = ['--version'],
): Promise<boolean> {
  if (
    program.includes('/') &&
    !(await access(program).then(
      () => true,
      () => false,
    ))
  )
    return false;
  // Not spawn's own `timeout`: its timer stays, and holds the process, when the program is not found.
  const { code } = await runToEnd(program, args, { env, signal: AbortSignal.timeout(30_000) });
  return code === 0;
}

/** Runs a program; its output is that of stdout and stderr together, at most the last 8 KB. */
function runToEnd(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  onLine: (line: string) => void = () => undefined,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let rest = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-8_192);
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
