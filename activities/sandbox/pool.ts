/**
 * The pool of sandbox processes in which custom code runs.
 *   P1  a process has one run at a time, and each run an isolate of its own
 *   P2  a process that broke a limit, died or was interrupted is killed and replaced
 *   P3  a process that has done its share of runs is replaced once its successor is ready
 *   P4  `close` returns when no process is left; a process whose parent is gone ends by itself
 */
import type {
  CodeResult,
  CodeRun,
  CodeRunner,
  CodeRunOptions,
} from '../../connectors/code/code-runner.ts';
import { ConnectorError } from '../../connectors/errors.ts';
import { MAX_INPUT_BYTES, MAX_MEMORY_MB, MIN_MEMORY_MB } from './messages.ts';
import { consoleOf, isViolation, timeExceeded, toResult } from './outcome.ts';
import { type ProcessEnd, type SandboxProcess, startSandboxProcess } from './sandbox-process.ts';

export interface SandboxPoolOptions {
  /** Processes kept ready: how many runs go on at once. */
  readonly size: number;
  /** Memory limit in MiB of runs that name none; 64 where left out. */
  readonly memoryMb?: number;
  /** Runs that may wait for a process; 1,000 where left out. */
  readonly maxQueue?: number;
  /** Runs after which a process is replaced; 1,000 where left out. */
  readonly maxRunsPerProcess?: number;
}

export interface PoolRun extends Omit<CodeRun, 'memoryMb' | 'signal' | 'key'> {
  readonly key?: string;
  readonly memoryMb?: number;
  readonly signal?: AbortSignal;
}

export interface SandboxPool extends CodeRunner {
  /** As CodeRunner; `memoryMb`, `signal` and `key` may be left out. */
  run(run: PoolRun, options?: CodeRunOptions): Promise<CodeResult>;
  /** Resolves once every process takes runs; rejects if none can be started. */
  ready(): Promise<void>;
  /** Ids of the processes that are there now. */
  pids(): readonly number[];
  /** Fails what is waiting or running, ends the processes and waits until they are gone. */
  close(): Promise<void>;
}

const DEFAULT_MEMORY_MB = 64;
const DEFAULT_MAX_QUEUE = 1_000;
const DEFAULT_MAX_RUNS = 1_000;
/** The process itself notices that time is up; this long after that, the pool does. */
const GRACE_MS = 500;
const FIRST_RESTART_DELAY_MS = 500;
const MAX_RESTART_DELAY_MS = 30_000;
const BUSY_RETRY_MS = 1_000;

/** A run from the moment it is accepted until its promise settles. */
interface Job {
  readonly run: CodeRun;
  /** JSON text. */
  readonly input: string;
  readonly watching: CodeRunOptions;
  readonly resolve: (result: CodeResult) => void;
  readonly reject: (error: ConnectorError) => void;
  /** Set while it runs: kills its process. */
  interrupt?: (error: ConnectorError) => void;
}

interface Slot {
  readonly process: SandboxProcess;
  state: 'starting' | 'idle' | 'busy' | 'gone';
  runs: number;
  /** Has been replaced, or is about to be: takes no more runs once its successor is ready. */
  successor: Slot | undefined;
}

/** Starts the processes right away; runs wait until the first one is ready. */
export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  const maxQueue = options.maxQueue ?? DEFAULT_MAX_QUEUE;
  const maxRuns = options.maxRunsPerProcess ?? DEFAULT_MAX_RUNS;
  const slots = new Set<Slot>();
  const queue: Job[] = [];
  const running = new Set<Job>();
  const restarts = new Set<NodeJS.Timeout>();
  let nextId = 1;
  let failedStarts = 0;
  let closing: Promise<void> | undefined;

  function start(): Slot {
    const slot: Slot = {
      process: startSandboxProcess(),
      state: 'starting',
      runs: 0,
      successor: undefined,
    };
    slots.add(slot);
    slot.process.ready.then(() => {
      if (slot.state !== 'starting') return;
      slot.state = 'idle';
      failedStarts = 0;
      for (const old of slots) if (old.successor === slot && old.state === 'idle') discard(old);
      pump();
    });
    slot.process.ended.then((end) => onEnded(slot, end));
    return slot;
  }

  function onEnded(slot: Slot, end: ProcessEnd): void {
    const wasStarting = slot.state === 'starting';
    const wasExpected = slot.state === 'gone' || slot.successor !== undefined;
    slots.delete(slot);
    slot.state = 'gone';
    if (closing !== undefined || wasExpected) return;
    if (!wasStarting) {
      start();
      return;
    }
    for (const old of slots) {
      if (old.successor !== slot) continue;
      // The old one is still there: it carries on, and tries again after another share of runs.
      old.successor = undefined;
      old.runs = 0;
      return;
    }
    failedStarts += 1;
    if (![...slots].some(({ state }) => state !== 'gone')) {
      const error = cannotStart(end);
      for (const job of queue.splice(0)) job.reject(error);
    }
    const delay = Math.min(FIRST_RESTART_DELAY_MS * 2 ** (failedStarts - 1), MAX_RESTART_DELAY_MS);
    const timer = setTimeout(() => {
      restarts.delete(timer);
      start();
    }, delay);
    restarts.add(timer);
  }

  /** Ends a process for good, without starting another one. */
  function discard(slot: Slot): void {
    slot.state = 'gone';
    slot.process.kill();
  }

  function pump(): void {
    for (const slot of slots) {
      if (slot.state !== 'idle') continue;
      const job = queue.shift();
      if (job === undefined) return;
      void carryOut(slot, job);
    }
  }

  async function carryOut(slot: Slot, job: Job): Promise<void> {
    const { run } = job;
    slot.state = 'busy';
    running.add(job);
    job.interrupt = (error) => {
      replace(slot);
      job.reject(error);
    };
    const overdue = setTimeout(() => job.interrupt?.(timeExceeded(run)), run.timeoutMs + GRACE_MS);
    const answer = await slot.process.run({
      id: nextId++,
      code: run.code,
      input: job.input,
      key: run.key,
      timeoutMs: run.timeoutMs,
      memoryMb: run.memoryMb,
    });
    clearTimeout(overdue);
    running.delete(job);
    delete job.interrupt;
    slot.runs += 1;
    if (isViolation(answer)) replace(slot);
    else release(slot);
    try {
      job.watching.onConsole?.(consoleOf(answer));
      job.resolve(toResult(answer, run));
    } catch (error) {
      job.reject(error instanceof ConnectorError ? error : unreadable(error));
    }
  }

  /** P2 */
  function replace(slot: Slot): void {
    if (slot.state === 'gone') return;
    discard(slot);
    if (closing === undefined && slot.successor === undefined) start();
  }

  /** P3 */
  function release(slot: Slot): void {
    if (slot.state !== 'busy') return;
    slot.state = 'idle';
    // To the end of the line: meanwhile it prepares its next isolate.
    slots.delete(slot);
    slots.add(slot);
    if (slot.successor !== undefined && slot.successor.state !== 'starting') {
      discard(slot);
    } else if (slot.runs >= maxRuns && slot.successor === undefined && closing === undefined) {
      slot.successor = start();
    }
    pump();
  }

  function accept(given: PoolRun, watching: CodeRunOptions = {}): Promise<CodeResult> {
    const run: CodeRun = {
      ...given,
      memoryMb: Math.min(
        Math.max(given.memoryMb ?? options.memoryMb ?? DEFAULT_MEMORY_MB, MIN_MEMORY_MB),
        MAX_MEMORY_MB,
      ),
      signal: given.signal ?? new AbortController().signal,
      key: given.key ?? '',
    };
    if (closing !== undefined) return Promise.reject(closed());
    if (run.signal.aborted) return Promise.reject(interrupted(run.signal.reason));
    if (queue.length >= maxQueue) return Promise.reject(busy(queue.length));
    const input = JSON.stringify(run.input);
    if (Buffer.byteLength(input) > MAX_INPUT_BYTES) return Promise.reject(inputTooLarge());

    return new Promise((resolve, reject) => {
      const settled = (): void => run.signal.removeEventListener('abort', onAbort);
      const job: Job = {
        run,
        input,
        watching,
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      const onAbort = (): void => {
        const error = interrupted(run.signal.reason);
        const at = queue.indexOf(job);
        if (at !== -1) {
          queue.splice(at, 1);
          job.reject(error);
        } else {
          job.interrupt?.(error);
        }
      };
      run.signal.addEventListener('abort', onAbort, { once: true });
      queue.push(job);
      pump();
    });
  }

  async function shutDown(): Promise<void> {
    for (const timer of restarts) clearTimeout(timer);
    for (const job of queue.splice(0)) job.reject(closed());
    for (const job of running) job.reject(closed());
    const ends = [...slots].map(({ process }) => process.ended);
    for (const slot of slots) discard(slot);
    await Promise.all(ends);
  }

  const first = Array.from({ length: options.size }, start);

  return {
    run: accept,
    async ready() {
      await Promise.all(
        first.map(({ process }) =>
          Promise.race([
            process.ready,
            process.ended.then((end) => Promise.reject(cannotStart(end))),
          ]),
        ),
      );
    },
    pids: () =>
      [...slots].flatMap(({ process: { pid }, state }) =>
        pid === undefined || state === 'gone' ? [] : [pid],
      ),
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

function unavailable(message: string, retryAfterMs?: number): ConnectorError {
  return new ConnectorError('unavailable', message, {
    effect: 'none',
    permanent: false,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function cannotStart(end: ProcessEnd): ConnectorError {
  const said = end.stderr
    .split('\n')
    .find((line) => /error/i.test(line))
    ?.trim();
  return unavailable(
    `The code sandbox can't start${said === undefined ? '' : `: ${said}`}. It needs isolated-vm, built for this version of Node (${process.version}): run npm ci again.`,
  );
}

function busy(waiting: number): ConnectorError {
  return unavailable(
    `All code sandboxes are busy and ${waiting} runs are waiting. Add sandbox workers if this lasts.`,
    BUSY_RETRY_MS,
  );
}

function closed(): ConnectorError {
  return unavailable('The code sandbox is shutting down. The code can be run again elsewhere.');
}

function interrupted(reason: unknown): ConnectorError {
  // By name: a DOMException of another realm is no instance of this one's Error.
  const isTimeout =
    typeof reason === 'object' &&
    reason !== null &&
    (('name' in reason && reason.name === 'TimeoutError') ||
      ('code' in reason && reason.code === 'timeout'));
  return isTimeout
    ? new ConnectorError(
        'timeout',
        'The code did not end within the time limit of this attempt, which includes waiting for a free sandbox.',
        { effect: 'none', permanent: false },
      )
    : new ConnectorError('cancelled', 'The code was cancelled.', {
        effect: 'none',
        permanent: true,
      });
}

function inputTooLarge(): ConnectorError {
  return new ConnectorError(
    'too_large',
    `What the code would see as its input is more than ${MAX_INPUT_BYTES / 1_048_576} MiB of JSON. Let earlier nodes return less.`,
    { effect: 'none', permanent: true },
  );
}

function unreadable(cause: unknown): ConnectorError {
  return new ConnectorError('invalid_response', 'The answer of the code sandbox can’t be read.', {
    effect: 'none',
    permanent: false,
    cause,
  });
}
