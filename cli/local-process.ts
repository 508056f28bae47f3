/**
 * Processes on this machine that Masar owns: finding a free port, starting a server so that it
 * never outlives its owner, stopping it in order, and recognising one that a killed run left.
 * Knows nothing of what the servers are; db/embedded-postgres.ts and temporal/dev-server.ts do.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Log files start anew above this size; the one before is kept as `.1`. */
const MAX_LOG_BYTES = 5 * 1024 * 1024;

/**
 * A failure that the person at the terminal can do something about. The message is for them: what
 * happened, where, and what to do; it is printed without a stack.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  /** Stable, for tests and scripts. */
  readonly code: OperatorErrorCode;

  constructor(code: OperatorErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export type OperatorErrorCode =
  | 'already_running'
  | 'api_key'
  | 'api_refused'
  | 'binary_missing'
  | 'child_failed'
  | 'data_broken'
  | 'data_version'
  | 'definition_file'
  | 'demo_failed'
  | 'disk_full'
  | 'environment'
  | 'not_writable'
  | 'port_in_use'
  | 'key_exists'
  | 'no_such_key'
  | 'root_refused'
  | 'server_failed'
  | 'unreachable'
  | 'usage';

/** The code of a Node system error (`ENOENT`, `EADDRINUSE`, …), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  // Not `instanceof Error`: under a test runner Node's own errors come from another realm.
  return typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Turns a failed file operation into a sentence; rethrows what is not about the file system. */
export function explainFileError(error: unknown, path: string): OperatorError {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(path, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    // What mkdir with `recursive` answers on a read-only file system.
    case 'ENOENT':
      return new OperatorError(
        'not_writable',
        `Cannot write to ${path}. Give this user write access to the folder, or set MASAR_DATA to another one.`,
        error,
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return new OperatorError(
        'not_writable',
        `${path} is in the way: a folder is needed there, and a file was found. Move the file, or set MASAR_DATA to another folder.`,
        error,
      );
    default:
      throw error;
  }
}

export function diskFull(path: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'disk_full',
    `The disk that holds ${path} is full. Free some space, or set MASAR_DATA to a folder on another disk, and start again; nothing that was saved is lost.`,
    cause,
  );
}

/** True if nothing listens on the port of this host, so that a server may. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = systemErrorCode(error);
      if (code === 'EADDRINUSE' || code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port on 127.0.0.1: the first free one of `preferred`, else any that the system gives.
 * @param taken ports handed out before whose servers do not listen yet
 */
export async function freePort(
  preferred: readonly (number | undefined)[] = [],
  taken: ReadonlySet<number> = new Set(),
): Promise<number> {
  for (const port of preferred) {
    if (port !== undefined && !taken.has(port) && (await isPortFree(port))) return port;
  }
  for (;;) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address !== null && typeof address === 'object' && !taken.has(address.port)) {
      return address.port;
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
  return !isZombie(pid);
}

/** A process that has ended but was not collected yet by its parent still answers signal 0. */
function isZombie(pid: number): boolean {
  return procStat(pid)?.[0] === 'Z';
}

/** Fields of /proc/<pid>/stat after the command name (proc(5)): [0] state, [1] parent, [19] start. */
function procStat(pid: number): string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * What tells this process from a later one with the same number: its start time, in a form that
 * means something only when compared with another answer of this function on the same host.
 */
export function processIdentity(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const ticks = procStat(pid)?.[19];
    if (ticks === undefined) return undefined;
    // Ticks count from boot; without the boot's id a reboot could repeat them.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`;
  }
  return ps(pid, 'lstart=');
}

/** The command line of a process, or undefined if it is gone. */
export function processCommand(pid: number): string | undefined {
  if (process.platform !== 'linux') return ps(pid, 'command=');
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** The process that started this one, or the one that took it over. */
export function parentOf(pid: number): number | undefined {
  const text = process.platform === 'linux' ? procStat(pid)?.[1] : ps(pid, 'ppid=');
  return text === undefined ? undefined : Number(text);
}

function ps(pid: number, column: string): string | undefined {
  try {
    const answer = execFileSync('ps', ['-o', column, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return answer === '' ? undefined : answer;
  } catch {
    // `ps` exits with 1 for a process that is gone; where there is no `ps` nothing can be known.
    return undefined;
  }
}

/** One step of stopping: the signal, and how long to wait for it before the next, in milliseconds. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** Sends the signals in turn until the process is gone. Returns whether it is. */
export async function stopPid(pid: number, steps: readonly StopStep[]): Promise<boolean> {
  for (const { signal, waitMs } of steps) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (systemErrorCode(error) === 'ESRCH') return true;
      throw error;
    }
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      if (!isAlive(pid)) return true;
      await sleep(25);
    }
  }
  return !isAlive(pid);
}

/** Starts a log file anew when it has grown large, so that logs stay bounded over many starts. */
export function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= MAX_LOG_BYTES) return;
  rmSync(`${path}.1`, { force: true });
  renameSync(path, `${path}.1`);
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LocalServer {
  readonly pid: number;
  /** Settles when the process has ended, whoever ended it. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Undefined while the process runs. */
  readonly exit: () => Exit | undefined;
  /** What this process has written so far. */
  readonly output: () => string;
  /** Stops the process; safe to call twice. */
  readonly stop: () => Promise<void>;
}

export interface LocalServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where stdout and stderr go. Appended to. */
  readonly logFile: string;
  /** How to stop it; the first signal is also what it gets when its owner is killed. */
  readonly stopSteps: readonly [StopStep, ...StopStep[]];
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts a server in a process group of its own, so that Ctrl-C at the terminal reaches only us
 * and we decide the order of stopping. Its output goes to a file rather than a pipe: a pipe whose
 * reader was killed would end the server in the middle of its own shutdown.
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  rotateLog(options.logFile);
  const log = openSync(options.logFile, 'a', 0o600);
  const logStart = statSync(options.logFile).size;
  let child: ChildProcess;
  try {
    child = spawn(options.command, [...options.args], {
      cwd: '/',
      detached: true,
      env: options.env,
      stdio: ['ignore', log, log],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
  } finally {
    closeSync(log);
  }
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.command} started without a process id`);
  const guard = guardProcess(pid, options.stopSteps[0].signal);
  exited.then(() => guard.release());

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    for (const { signal, waitMs } of options.stopSteps) {
      if (exit !== undefined) return;
      child.kill(signal);
      await Promise.race([exited, sleep(waitMs, undefined, { ref: false })]);
    }
    await exited;
  };
  return {
    pid,
    exited,
    exit: () => exit,
    output: () => readFileSync(options.logFile).subarray(logStart).toString('utf8'),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/**
 * Sees to it that a process does not outlive us, even when we are killed with a signal that cannot
 * be caught: a shell waits on a pipe that only we hold open, and signals the process when the pipe
 * closes. Where there is no POSIX shell, the next start finds and stops what was left.
 */
function guardProcess(pid: number, signal: NodeJS.Signals): { release(): void } {
  if (process.platform === 'win32') return { release: () => undefined };
  const name = signal.slice('SIG'.length);
  const script = 'trap "" INT HUP TERM; read -r _; kill -s "$1" "$2" 2>/dev/null';
  const guard = spawn('/bin/sh', ['-c', script, 'masar-guard', name, String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A guard that cannot start costs only the protection; the server itself is fine.
  guard.once('error', () => undefined);
  guard.stdin.once('error', () => undefined);
  guard.unref();
  return { release: () => void guard.kill('SIGKILL') };
}
