/**
 * How many attempts of one execution run at a time, and how many within one workflow task.
 *
 * First attempts run within the task (docs/adr/0003). What they come to is written when it ends: a
 * task that held too many of them would be too large a message, or reach its time limit, after which
 * they begin anew; and only the next one tells of cancellations and that the history is long. Queued
 * attempts count as pending in the server, which refuses more than 2,000 of a run.
 */
import { patched, sleep, workflowInfo } from '@temporalio/workflow';
import { PATCHES } from './patches.ts';

const MOST_LOCAL = 20;
const MOST_QUEUED = 450;
/** First attempts that take longer don't let others wait for their places. */
const SLOW_MS = 1_000;
/** What one task takes on: attempts, characters of their results, and time. */
const TASK = { attempts: 100, characters: 1_000_000, ms: 3_000 } as const;

export type Attempts = ReturnType<typeof createAttempts>;

export function createAttempts() {
  const local = createPlaces(MOST_LOCAL);
  const queued = createPlaces(MOST_QUEUED);
  let isSlow = false;
  let task = { historyLength: -1, begun: 0, attempts: 0, characters: 0 };
  /** While the task comes to its end, what to wait for. */
  let pause: Promise<void> | undefined;

  function isTaskFull(): boolean {
    const { historyLength } = workflowInfo();
    if (historyLength !== task.historyLength) {
      task = { historyLength, begun: Date.now(), attempts: 0, characters: 0 };
    }
    return (
      task.attempts >= TASK.attempts ||
      task.characters >= TASK.characters ||
      (task.attempts > 0 && Date.now() - task.begun >= TASK.ms)
    );
  }

  /** With no attempt under way the shortest timer ends the task. */
  async function nextTask(): Promise<void> {
    try {
      await local.untilEmpty();
      await sleep(1, { summary: 'Saves what was done' });
    } finally {
      pause = undefined;
    }
  }

  async function takeLater(): Promise<boolean> {
    pause ??= nextTask();
    await pause;
    return takeLocal();
  }

  async function takeFreed(): Promise<boolean> {
    await local.wait();
    if (!isSlow) return true;
    local.leave();
    return false;
  }

  function takeLocal(): boolean | Promise<boolean> {
    if ((pause !== undefined || isTaskFull()) && patched(PATCHES.limitedAttempts)) {
      return takeLater();
    }
    task.attempts += 1;
    if (!local.isFull() || !patched(PATCHES.limitedAttempts)) {
      local.take();
      return true;
    }
    return isSlow ? false : takeFreed();
  }

  return {
    /** @returns whether an attempt is to run within the workflow task; true takes a place there */
    takeLocal,

    /** Runs an attempt in the place that was taken for it. */
    local<T extends { readonly size?: number }>(attempt: () => Promise<T>): Promise<T> {
      const begun = Date.now();
      const done = (result?: T): void => {
        isSlow = Date.now() - begun > SLOW_MS;
        task.characters += result?.size ?? 0;
        local.leave();
      };
      const running = attempt();
      running.then(done, () => done());
      return running;
    },

    async queued<T>(attempt: () => Promise<T>): Promise<T> {
      if (queued.isFull() && patched(PATCHES.limitedAttempts)) await queued.wait();
      else queued.take();
      try {
        return await attempt();
      } finally {
        queued.leave();
      }
    },
  };
}

/** Places that are given to those who wait in the order in which they came. */
function createPlaces(most: number) {
  const waiting: (() => void)[] = [];
  const whenEmpty: (() => void)[] = [];
  let taken = 0;
  return {
    isFull: (): boolean => taken >= most,
    take: (): void => {
      taken += 1;
    },
    /** Resolves with a place taken. */
    wait: (): Promise<void> =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
    untilEmpty: (): Promise<void> =>
      new Promise((resolve) => {
        if (taken === 0) resolve();
        else whenEmpty.push(resolve);
      }),
    leave: (): void => {
      const next = waiting.shift();
      if (next !== undefined) {
        next();
        return;
      }
      taken -= 1;
      if (taken === 0) for (const resolve of whenEmpty.splice(0)) resolve();
    },
  };
}
