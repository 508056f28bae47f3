import { ApiError } from './problem.ts';

const WINDOW_MS = 60_000;

export interface RateCounter {
  /** @throws ApiError `rate_limited` if there were too many in this minute */
  count(key: string): void;
}

/** Counts requests per key and minute in this process, for what no API key identifies. */
export function createRateCounter(perMinute: number, now: () => number = Date.now): RateCounter {
  let until = 0;
  let counts = new Map<string, number>();
  return {
    count(key) {
      const at = now();
      if (at >= until) {
        // All at once, so that keys which never come again don't pile up.
        until = at + WINDOW_MS;
        counts = new Map();
      }
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count <= perMinute) return;
      const seconds = Math.max(1, Math.ceil((until - at) / 1_000));
      throw new ApiError(
        'rate_limited',
        `More than ${perMinute} requests in a minute. Try again in ${seconds} s.`,
        { retryAfterSeconds: seconds },
      );
    },
  };
}
