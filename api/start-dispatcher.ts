/**
 * Hands accepted executions to Temporal behind the answer: once the row is written the execution
 * is promised, so nobody need wait for Temporal. What can't be handed over now (Temporal is away,
 * too much is waiting, this process dies) is started by the reconciler, which looks for it.
 */
import { once } from 'node:events';
import { describeError, type Logger } from '../cli/logger.ts';
import type { ExecutionStarter, StartableExecution } from '../temporal/start-execution.ts';

/** Starts under way at once: more would only queue up in the server. */
const MAX_IN_FLIGHT = 32;
const MAX_WAITING = 2_000;
const DRAIN_MS = 5_000;

export interface StartDispatcher {
  submit(execution: StartableExecution): void;
  /**
   * Runs what finds out whose turn it is, and submits it, behind the answer.
   * @param executionId the execution that was accepted, for the log
   */
  whileAdmitting(executionId: string, admit: () => Promise<void>): void;
  /** Waits until everything submitted was tried, for a few seconds at most. */
  drain(): Promise<void>;
}

export function createStartDispatcher(start: ExecutionStarter, logger: Logger): StartDispatcher {
  const waiting: StartableExecution[] = [];
  const inFlight = new Set<Promise<void>>();

  async function run(execution: StartableExecution): Promise<void> {
    try {
      await start(execution);
    } catch (error) {
      logger.warn('execution not started yet; the reconciler will start it', {
        executionId: execution.executionId,
        ...describeError(error),
      });
    }
  }

  function pump(): void {
    while (inFlight.size < MAX_IN_FLIGHT) {
      const execution = waiting.shift();
      if (execution === undefined) return;
      const running = run(execution).finally(() => {
        inFlight.delete(running);
        pump();
      });
      inFlight.add(running);
    }
  }

  function submit(execution: StartableExecution): void {
    if (waiting.length >= MAX_WAITING) {
      logger.warn('too many starts are waiting; the reconciler will start this one', {
        executionId: execution.executionId,
      });
      return;
    }
    waiting.push(execution);
    pump();
  }

  return {
    submit,

    whileAdmitting(executionId, admit) {
      const admitting = admit()
        .catch((error: unknown) =>
          logger.warn('execution not admitted yet; a worker will see to it', {
            executionId,
            ...describeError(error),
          }),
        )
        .finally(() => {
          inFlight.delete(admitting);
          pump();
        });
      inFlight.add(admitting);
    },

    async drain() {
      const limit = AbortSignal.timeout(DRAIN_MS);
      const over = once(limit, 'abort');
      while (inFlight.size > 0 && !limit.aborted) {
        await Promise.race([Promise.all(inFlight), over]);
      }
      // What still waits is the reconciler's.
      waiting.length = 0;
    },
  };
}
