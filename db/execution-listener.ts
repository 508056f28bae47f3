/**
 * Tells who waits that an execution changed, through PostgreSQL's LISTEN on a connection of its
 * own. A notification only says "look": who waits reads the state itself, so that a notification
 * lost while the connection was away costs time (until the slow poll), never truth.
 */
import pg from 'pg';
import { CHANNELS, type Channel } from './execution-announcer.ts';

const POLL_MS = 2_000;
const RECONNECT_MS = 500;
const MAX_RECONNECT_MS = 10_000;

export interface ExecutionListener {
  /**
   * @param channels what of the execution is of interest
   * @param changed called after each such change, and now and then without one; never before this
   * returns
   * @returns ends the subscription
   */
  subscribe(executionId: string, channels: readonly Channel[], changed: () => void): () => void;
  stop(): Promise<void>;
}

export interface ExecutionListenerOptions {
  readonly url: string;
  readonly pollMs?: number;
  /** Told when the connection is lost; it is made again by itself. */
  readonly onLost?: (error: Error) => void;
}

/** Begins to listen at once, and again whenever the connection was lost. */
export function createExecutionListener(options: ExecutionListenerOptions): ExecutionListener {
  /** By channel and execution. */
  const subscribers = new Map<string, Set<() => void>>();
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let delay = RECONNECT_MS;
  let stopped = false;

  const tellAll = (): void => {
    for (const changed of new Set([...subscribers.values()].flatMap((set) => [...set]))) changed();
  };
  const poll = setInterval(tellAll, options.pollMs ?? POLL_MS);
  poll.unref();

  function lost(from: pg.Client, error: Error): void {
    if (client !== from) return;
    client = undefined;
    from.removeAllListeners('notification');
    from.end().catch(() => undefined);
    if (stopped) return;
    options.onLost?.(error);
    retry = setTimeout(() => void connect(), delay);
    retry.unref();
    delay = Math.min(delay * 2, MAX_RECONNECT_MS);
  }

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: options.url,
      application_name: 'masar-listener',
      keepAlive: true,
    });
    client = next;
    next.on('error', (error) => lost(next, error));
    next.on('end', () => lost(next, new Error('The connection was closed.')));
    next.on('notification', ({ channel, payload }) => {
      if (payload === undefined) return;
      for (const changed of [...(subscribers.get(`${channel} ${payload}`) ?? [])]) changed();
    });
    try {
      await next.connect();
      await next.query(
        Object.values(CHANNELS)
          .map((name) => `LISTEN ${name}`)
          .join('; '),
      );
      delay = RECONNECT_MS;
      // What changed while nobody listened.
      tellAll();
    } catch (error) {
      lost(next, error instanceof Error ? error : new Error(String(error)));
    }
  }

  const first = connect();

  return {
    subscribe(executionId, channels, changed) {
      const keys = channels.map((channel) => `${CHANNELS[channel]} ${executionId}`);
      for (const key of keys) {
        const set = subscribers.get(key) ?? new Set();
        subscribers.set(key, set.add(changed));
      }
      return () => {
        for (const key of keys) {
          const set = subscribers.get(key);
          set?.delete(changed);
          if (set?.size === 0) subscribers.delete(key);
        }
      };
    },

    async stop() {
      stopped = true;
      clearInterval(poll);
      clearTimeout(retry);
      await first;
      await client?.end().catch(() => undefined);
    },
  };
}
