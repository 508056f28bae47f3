/**
 * Keeps the roles' processes running: starts each in a process group of its own, restarts one that
 * crashes, writes their output to log files, and stops them in order.
 *
 * Nothing outlives the supervisor: a role ends when the IPC channel to it closes, however it closes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OperatorError, rotateLog, systemErrorCode } from './local-process.ts';
import { roleMessageSchema } from './role-process.ts';
import type { Terminal } from './terminal.ts';

export interface ChildSpec {
  /** `api`, `worker`, `emulators`; also the name of the log file. */
  readonly name: string;
  /** Arguments to Node. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** How long a stop may take before the process is killed, in milliseconds. */
  readonly drainMs: number;
}

export interface SupervisorOptions {
  readonly logsDir: string;
  readonly terminal: Pick<Terminal, 'warn'>;
  /** Waits before the first, second, … restart in a row; the last one repeats. Milliseconds. */
  readonly backOffMs?: readonly number[];
  /** Restarts in a row before a child that never became ready is given up. */
  readonly startAttempts?: number;
  readonly startTimeoutMs?: number;
}

export interface Supervisor {
  /**
   * Starts a child and keeps it running.
   * @returns its first readiness
   * @throws OperatorError what the child said, or `child_failed` with where its log is
   */
  start(spec: ChildSpec): Promise<void>;
  /** Process numbers of the children that run, by name. */
  pids(): ReadonlyMap<string, number>;
  /** Stops all in the order in which the names are given; the others at once, last. */
  stopAll(order: readonly string[]): Promise<void>;
  /** Kills all without waiting. */
  killAll(): void;
}

const BACK_OFF_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** One that ran this long before it crashed begins the back-off anew. */
const STEADY_MS = 60_000;

interface Child {
  readonly spec: ChildSpec;
  process: ChildProcess | undefined;
  stopping: boolean;
  readonly stop: AbortController;
  /** Settles when the child is stopped for good. */
  done: Promise<void>;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { terminal, logsDir } = options;
  const backOff = options.backOffMs ?? BACK_OFF_MS;
  const startAttempts = options.startAttempts ?? 3;
  const startTimeoutMs = options.startTimeoutMs ?? 120_000;
  const children = new Map<string, Child>();

  const keepRunning = async (
    child: Child,
    onReady: () => void,
    onFailed: (error: OperatorError) => void,
  ): Promise<void> => {
    const { spec } = child;
    const logFile = join(logsDir, `${spec.name}.log`);
    let everReady = false;
    for (let inARow = 0; ; ) {
      const startedAt = Date.now();
      const run = await runOnce(child, logFile, {
        terminal,
        startTimeoutMs,
        onReady: () => {
          everReady = true;
          onReady();
        },
      });
      if (child.stopping) return;
      if (!everReady && (run.failure !== undefined || inARow + 1 >= startAttempts)) {
        onFailed(
          run.failure ??
            new OperatorError(
              'child_failed',
              `The ${spec.name} process does not start (${run.how}). Its log says why: ${logFile}`,
            ),
        );
        return;
      }
      if (Date.now() - startedAt > STEADY_MS) inARow = 0;
      const waitMs = backOff[Math.min(inARow, backOff.length - 1)] ?? 0;
      inARow += 1;
      terminal.warn(
        `The ${spec.name} process ended (${run.how}); it starts again in ${waitMs / 1000} s. Log: ${logFile}`,
      );
      await sleep(waitMs, undefined, { signal: child.stop.signal }).catch(() => undefined);
      if (child.stopping) return;
    }
  };

  const stopChild = async (child: Child): Promise<void> => {
    child.stopping = true;
    child.stop.abort();
    const { process: running } = child;
    if (running !== undefined) {
      running.kill('SIGTERM');
      const late = AbortSignal.timeout(child.spec.drainMs);
      late.addEventListener('abort', () => killGroup(running));
    }
    await child.done;
  };

  return {
    start: (spec) =>
      new Promise((resolve, reject) => {
        const child: Child = {
          spec,
          process: undefined,
          stopping: false,
          stop: new AbortController(),
          done: Promise.resolve(),
        };
        children.set(spec.name, child);
        child.done = keepRunning(child, resolve, reject)
          .catch(reject)
          // A start that is interrupted by a stop would otherwise never settle.
          .finally(() => reject(new OperatorError('child_failed', `${spec.name} was stopped.`)));
      }),
    pids: () =>
      new Map(
        [...children].flatMap(([name, { process: running }]): [string, number][] =>
          running?.pid === undefined ? [] : [[name, running.pid]],
        ),
      ),
    stopAll: async (order) => {
      for (const child of children.values()) child.stopping = true;
      for (const name of order) {
        const child = children.get(name);
        if (child !== undefined) await stopChild(child);
      }
      await Promise.all([...children.values()].map(stopChild));
    },
    killAll: () => {
      for (const child of children.values()) {
        child.stopping = true;
        child.stop.abort();
        if (child.process !== undefined) killGroup(child.process);
      }
    },
  };
}

interface RunEnd {
  /** `exit code 1`, `signal SIGKILL` */
  readonly how: string;
  /** What the child itself said was wrong, for people. */
  readonly failure: OperatorError | undefined;
}

function runOnce(
  child: Child,
  logFile: string,
  {
    terminal,
    startTimeoutMs,
    onReady,
  }: {
    readonly terminal: Pick<Terminal, 'warn'>;
    readonly startTimeoutMs: number;
    readonly onReady: () => void;
  },
): Promise<RunEnd> {
  const { spec } = child;
  rotateLog(logFile);
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  let logError: string | undefined;
  log.on('error', (error) => {
    // A full disk must not take the supervisor down; PostgreSQL will have more to say about it.
    if (logError === undefined) terminal.warn(`Cannot write ${logFile}: ${error.message}`);
    logError = error.message;
  });
  const running = spawn(process.execPath, [...process.execArgv, ...spec.args], {
    detached: true,
    env: spec.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.process = running;
  const show = limitedWarnings(spec.name, logFile, terminal);
  for (const stream of [running.stdout, running.stderr]) {
    if (stream !== null) copyLines(stream, log, show);
  }
  let failure: OperatorError | undefined;
  const startLimit = setTimeout(() => {
    terminal.warn(`The ${spec.name} process was not ready in ${startTimeoutMs / 1000} s.`);
    killGroup(running);
  }, startTimeoutMs);
  running.on('message', (value) => {
    const message = roleMessageSchema.safeParse(value);
    if (!message.success) return;
    clearTimeout(startLimit);
    if (message.data.type === 'ready') onReady();
    else failure = new OperatorError('child_failed', message.data.message);
  });
  return new Promise((resolve) => {
    let ended = false;
    const end = (how: string): void => {
      if (ended) return;
      ended = true;
      clearTimeout(startLimit);
      // Whatever the child itself had started ends with it.
      killGroup(running);
      child.process = undefined;
      log.end();
      resolve({ how, failure });
    };
    running.once('error', (error) => end(error.message));
    running.once('exit', (code, signal) =>
      end(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
  });
}

function killGroup(running: ChildProcess): void {
  if (running.pid === undefined) return;
  try {
    process.kill(-running.pid, 'SIGKILL');
  } catch (error) {
    // The group is gone already, or (macOS) holds only zombies.
    if (systemErrorCode(error) !== 'ESRCH' && systemErrorCode(error) !== 'EPERM') throw error;
  }
}

function copyLines(stream: Readable, log: WriteStream, show: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    log.write(`${line}\n`);
    const warning = warningIn(line);
    if (warning !== undefined) show(warning);
  });
}

const logLineSchema = z.object({
  level: z.enum(['error', 'warn']),
  message: z.string(),
  errorMessage: z.string().optional(),
});

/** What a log line warns of: our own lines are JSON with a level; others are read by their words. */
function warningIn(line: string): string | undefined {
  if (line.startsWith('{')) {
    try {
      const entry = logLineSchema.safeParse(JSON.parse(line));
      if (!entry.success) return undefined;
      const { message, errorMessage } = entry.data;
      return errorMessage === undefined ? message : `${message} (${errorMessage})`;
    } catch {
      // A line that merely begins like JSON is judged as text.
    }
  }
  return /^\s*(uncaught |fatal |\w*error\b)/i.test(line) ? line.trim() : undefined;
}

const SHOWN_PER_WINDOW = 5;
const WINDOW_MS = 10_000;

/** A fault that repeats fills a terminal within seconds; the log has it all. */
function limitedWarnings(
  name: string,
  logFile: string,
  terminal: Pick<Terminal, 'warn'>,
): (line: string) => void {
  let windowStart = Number.NEGATIVE_INFINITY;
  let shown = 0;
  return (line) => {
    if (Date.now() - windowStart > WINDOW_MS) {
      windowStart = Date.now();
      shown = 0;
    }
    shown += 1;
    if (shown <= SHOWN_PER_WINDOW) terminal.warn(`${name}: ${line.slice(0, 400)}`);
    if (shown === SHOWN_PER_WINDOW) terminal.warn(`${name}: … more in ${logFile}`);
  };
}
