/**
 * How many attempts of one execution run at a time, and how many within one workflow task.
 *
 * First attempts run within the task (docs/adr/0003). What they come to is written when it ends: a
 * task that held too many of them would be too large a message, or reach its time limit, after which
 * they begin anew; and only the next one tells of cancellations and that the history is long. Queued
 * attempts count as pending in the server, which refuses more than 2,000 of a run.
 */
import { patched, sleep } from '@temporalio/workflow';
import type { RunNodeResult } from './activity-contract.ts';
import { PATCHES } from './patches.ts';

const MOST_LOCAL = 20;
const MOST_QUEUED = 450;
/** First attempts that take longer don't let others wait for their places. */
const SLOW_MS = 1_000;
/** What is done without a new task: attempts, characters of their results, time of slow ones. */
const TASK = { attempts: 100, characters: 1_000_000, ms: 3_000 } as const;

export type Attempts = ReturnType<typeof createAttempts>;

/**
 * Decides by what the attempts themselves report, never by the clock or the length of the history:
 * after a task that took long those differ in a replay.
 * @param taskBegan called once a new task has begun
 */
export function createAttempts(taskBegan: () => void) {
  const local = createPlaces(MOST_LOCAL);
  const queued = createPlaces(MOST_QUEUED);
  let isSlow = false;
  let done = { attempts: 0, characters: 0, ms: 0 };
  /** While the task comes to its end, what to wait for. */
  let pause: Promise<void> | undefined;

  function isTaskFull(): boolean {
    return (
      done.attempts >= TASK.attempts || done.characters >= TASK.characters || done.ms >= TASK.ms
    );
  }

  /** With no attempt under way the shortest timer ends the task. */
  async function nextTask(): Promise<void> {
    try {
      await local.untilEmpty();
      await sleep(1, { summary: 'Saves what was done' });
      taskBegan();
    } finally {
      done = { attempts: 0, characters: 0, ms: 0 };
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
    done.attempts += 1;
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
    local(attempt: () => Promise<RunNodeResult>): Promise<RunNodeResult> {
      const running = attempt();
      running.then(
        ({ size = 0, ms = 0 }) => {
          isSlow = ms >= SLOW_MS;
          done.characters += size;
          if (isSlow) done.ms += ms;
          local.leave();
        },
        () => local.leave(),
      );
      return running;
    },

    async queued(attempt: () => Promise<RunNodeResult>): Promise<RunNodeResult> {
      if (queued.isFull() && patched(PATCHES.limitedAttempts)) await queued.wait();
      else queued.take();
      try {
        return await attempt();
      } finally {
        queued.leave();
        taskBegan();
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
