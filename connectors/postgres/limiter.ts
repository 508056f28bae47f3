/** Lets so many pieces of work of one kind run at a time. */
export interface Limiter {
  /** @throws the signal's reason if it fires while the work waits for its turn */
  run<T>(kind: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createLimiter(limit: number): Limiter {
  const lanes = new Map<string, { running: number; readonly waiting: (() => void)[] }>();

  async function turn(kind: string, signal: AbortSignal): Promise<void> {
    const lane = lanes.get(kind) ?? { running: 0, waiting: [] };
    lanes.set(kind, lane);
    if (lane.running < limit) {
      lane.running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        lane.waiting.splice(lane.waiting.indexOf(start), 1);
        reject(signal.reason);
      };
      // Whoever ends hands its place over, so `running` stays as it is.
      const start = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      lane.waiting.push(start);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  function done(kind: string): void {
    const lane = lanes.get(kind);
    const next = lane?.waiting.shift();
    if (next !== undefined) next();
    else if (lane !== undefined) {
      lane.running -= 1;
      if (lane.running === 0) lanes.delete(kind);
    }
  }

  return {
    async run(kind, signal, work) {
      await turn(kind, signal);
      try {
        return await work();
      } finally {
        done(kind);
      }
    },
  };
}
