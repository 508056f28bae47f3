/** Embedded servers that outlive their own crashes. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, OperatorError } from './local-process.ts';
import type { Terminal } from './terminal.ts';

const RESTART_WAITS_MS = [500, 2_000, 5_000];

export interface RestartableServer {
  readonly exited: Promise<Exit>;
  readonly port?: number;
  stop(): Promise<void>;
}

export interface KeepRunningOptions {
  readonly terminal: Pick<Terminal, 'warn'>;
  /** Told when the server has gone and cannot be brought back. */
  readonly onLost: (error: unknown) => void;
  /** Waits before the attempts to start it again. Milliseconds. */
  readonly restartWaitsMs?: readonly number[];
}

/**
 * Starts a server again when it dies under us. Its clients reconnect by themselves, to the same
 * port; where it does not come back, everything has to stop.
 */
export async function keepRunning<T extends RestartableServer>(
  name: string,
  { terminal, onLost, restartWaitsMs = RESTART_WAITS_MS }: KeepRunningOptions,
  start: () => Promise<T>,
): Promise<{ readonly first: T; stop(): Promise<void> }> {
  const first = await start();
  let current = first;
  let stopping = false;
  let restarting: Promise<void> | undefined;

  const restart = async (): Promise<void> => {
    for (const [attempt, waitMs] of restartWaitsMs.entries()) {
      await sleep(waitMs);
      if (stopping) return;
      try {
        const started = await start();
        if (started.port !== first.port) {
          await started.stop();
          throw new OperatorError(
            'port_in_use',
            `${name} could not take its port again after a crash. Start Masar again.`,
          );
        }
        current = started;
        terminal.warn(`${name} runs again.`);
        watch();
        return;
      } catch (error) {
        if (attempt === restartWaitsMs.length - 1) onLost(error);
      }
    }
  };
  const watch = (): void => {
    current.exited.then(({ code, signal }) => {
      if (stopping) return;
      terminal.warn(`${name} ended (${signal ?? `exit code ${code}`}); it is started again.`);
      restarting = restart();
    });
  };
  watch();
  return {
    first,
    stop: async () => {
      stopping = true;
      await restarting;
      await current.stop();
    },
  };
}
