/**
 * How many attempts of one execution run at a time. A first attempt runs within the workflow task,
 * and a task that holds many of them may reach its time limit, after which they begin anew. What is
 * queued counts as pending in the server, which refuses more than 2,000 of a run.
 */
import { patched } from '@temporalio/workflow';
import { PATCHES } from './patches.ts';

const MOST_LOCAL = 20;
const MOST_QUEUED = 450;
/** First attempts that take longer don't let others wait for their places. */
const SLOW_MS = 1_000;

export type Attempts = ReturnType<typeof createAttempts>;

export function createAttempts() {
  const local = createPlaces(MOST_LOCAL);
  const queued = createPlaces(MOST_QUEUED);
  let isSlow = false;

  return {
    /** @returns whether an attempt is to run within the workflow task; true takes a place there */
    takeLocal(): boolean | Promise<boolean> {
      if (!local.isFull() || !patched(PATCHES.limitedAttempts)) {
        local.take();
        return true;
      }
      if (isSlow) return false;
      return local.wait().then(() => {
        if (isSlow) local.leave();
        return !isSlow;
      });
    },

    /** Runs an attempt in the place that was taken for it. */
    local<T>(attempt: () => Promise<T>): Promise<T> {
      const begun = Date.now();
      const done = (): void => {
        isSlow = Date.now() - begun > SLOW_MS;
        local.leave();
      };
      const running = attempt();
      running.then(done, done);
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
    leave: (): void => {
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    },
  };
}
