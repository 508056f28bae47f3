/** Reads executions with their nodes, and waits for their answer or end. */
import type { Channel } from '../db/execution-announcer.ts';
import type { ExecutionListener } from '../db/execution-listener.ts';
import type { ExecutionLogRepository, LogEntry } from '../db/repositories/execution-logs.ts';
import type { ExecutionRepository, ExecutionWithPlan } from '../db/repositories/executions.ts';
import { hasEnded } from './execution-view.ts';
import { unknownExecution } from './refusals.ts';

export interface ExecutionReading {
  readonly execution: ExecutionWithPlan;
  readonly logs: readonly LogEntry[];
}

/** An execution with as many of its rows as one answer holds. */
export interface ExecutionShown extends ExecutionReading {
  /** Row of a forEach body after which there are more; undefined if these are all. */
  readonly moreAfter: string | undefined;
}

/** Rows of forEach bodies that one answer holds; the outermost nodes are always all there. */
export const SHOWN_INNER_ROWS = 1_000;

export type ExecutionReader = ReturnType<typeof createExecutionReader>;

export function createExecutionReader(deps: {
  readonly executions: ExecutionRepository;
  readonly logs: ExecutionLogRepository;
  readonly listener: ExecutionListener;
}) {
  const { executions, logs, listener } = deps;

  /** @throws ApiError `execution_not_found` */
  async function find(projectId: string, executionId: string): Promise<ExecutionWithPlan> {
    const execution = await executions.find(projectId, executionId);
    if (execution === undefined) throw unknownExecution();
    return execution;
  }

  return {
    find,

    /**
     * The execution first, its rows after it: an ended execution is thus never shown with rows
     * from before its end.
     * @throws ApiError `execution_not_found`
     */
    async show(projectId: string, executionId: string): Promise<ExecutionShown> {
      const execution = await find(projectId, executionId);
      const { outer, inner } = await logs.overview(projectId, executionId, SHOWN_INNER_ROWS + 1);
      const shown = inner.slice(0, SHOWN_INNER_ROWS);
      const moreAfter = inner.length > shown.length ? shown.at(-1)?.seq : undefined;
      return { execution, logs: [...outer, ...shown], moreAfter };
    },

    /** As `show`, with every row, however many. @throws ApiError `execution_not_found` */
    async read(projectId: string, executionId: string): Promise<ExecutionReading> {
      const execution = await find(projectId, executionId);
      return { execution, logs: await logs.ofExecution(projectId, executionId) };
    },

    /**
     * Waits until the execution answers (a respond node) or ends, the time is over or nobody waits
     * any more.
     * @param timeoutMs how long to wait
     * @returns the execution if it has answered or ended
     */
    async waitForAnswer(
      projectId: string,
      executionId: string,
      timeoutMs: number,
      signal: AbortSignal,
    ): Promise<ExecutionWithPlan | undefined> {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const changes = watch(listener, executionId, ['execution'], deadline);
      try {
        do {
          // No more than what tells that it is time: the execution itself comes with its plan.
          const progress = await executions.findProgress(projectId, executionId);
          if (progress === undefined) throw unknownExecution();
          if (progress.hasAnswered || hasEnded(progress)) return find(projectId, executionId);
        } while (await changes.next());
        return undefined;
      } finally {
        changes.stop();
      }
    },

    /**
     * Waits until the execution ends, whatever it answers meanwhile.
     * @param timeoutMs how long to wait
     * @returns true if it has ended
     */
    async waitForEnd(
      projectId: string,
      executionId: string,
      timeoutMs: number,
      signal: AbortSignal,
    ): Promise<boolean> {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const changes = watch(listener, executionId, ['execution'], deadline);
      try {
        do {
          const progress = await executions.findProgress(projectId, executionId);
          if (progress === undefined) throw unknownExecution();
          if (hasEnded(progress)) return true;
        } while (await changes.next());
        return false;
      } finally {
        changes.stop();
      }
    },

    /** Watches an execution and its nodes: see `ChangeWatch`. */
    watch: (executionId: string, signal: AbortSignal): ChangeWatch =>
      watch(listener, executionId, ['execution', 'nodes'], signal),
  };
}

export interface ChangeWatch {
  /** Resolves to true once something changed since the last call, to false once it is over. */
  next(): Promise<boolean>;
  stop(): void;
}

function watch(
  listener: ExecutionListener,
  executionId: string,
  channels: readonly Channel[],
  signal: AbortSignal,
): ChangeWatch {
  let changed = false;
  let wake: (() => void) | undefined;
  const tell = (): void => wake?.();
  const unsubscribe = listener.subscribe(executionId, channels, () => {
    changed = true;
    tell();
  });
  signal.addEventListener('abort', tell);
  return {
    async next() {
      if (!changed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
      changed = false;
      return !signal.aborted;
    },
    stop() {
      unsubscribe();
      signal.removeEventListener('abort', tell);
      tell();
    },
  };
}
