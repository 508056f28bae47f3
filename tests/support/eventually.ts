import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats an attempt until it succeeds. @throws its last error if that takes longer than the limit */
export async function eventually<T>(attempt: () => Promise<T>, limitMs = 10_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
