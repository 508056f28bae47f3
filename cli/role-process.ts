/** The process of one role (api, worker, emulators): alone in a container, or a child of `up`. */

import { z } from 'zod';
import { type RoleEnvironment, readEnvironment, requireRoleEnvironment } from './environment.ts';
import { OperatorError } from './local-process.ts';

/** What a role's process tells the supervisor. */
export const roleMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string() }),
]);
export type RoleMessage = z.infer<typeof roleMessageSchema>;

export interface RunningRole {
  /** Lets what is under way finish. */
  stop(): Promise<void>;
  /** Settles if the role ends by itself: a fault that its process should not survive. */
  readonly ended: Promise<void>;
}

export type RunRole = (environment: RoleEnvironment) => Promise<RunningRole>;

/** How long draining may take before the process ends anyway; what is cut off is done again. */
const DRAIN_MS = 55_000;
/** When the supervisor was killed the servers are going down too: there is nothing to wait for. */
const ORPHAN_DRAIN_MS = 3_000;

/**
 * Runs a role until SIGTERM or SIGINT, or until the supervisor that started it is gone. Ends the
 * process: with 0 after an orderly stop, else with 1.
 */
export async function runRoleProcess(name: string, run: RunRole): Promise<void> {
  // Output goes through pipes to the supervisor; when it was killed, writing fails.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);

  let stopWithin: ((drainMs: number) => void) | undefined;
  const requestStop = (drainMs: number) => (): void => {
    // While the role still starts there is nothing under way that could be finished.
    if (stopWithin === undefined) process.exit(0);
    stopWithin(drainMs);
  };
  process.on('SIGTERM', requestStop(DRAIN_MS));
  process.on('SIGINT', requestStop(DRAIN_MS));
  process.on('disconnect', requestStop(ORPHAN_DRAIN_MS));

  let role: RunningRole;
  try {
    role = await run(requireRoleEnvironment(readEnvironment(process.env), name));
  } catch (error) {
    await tellFailure(name, error);
    process.exit(1);
  }
  const stopped = new Promise<'stop'>((resolve) => {
    stopWithin = (drainMs) => {
      setTimeout(() => process.exit(1), drainMs).unref();
      resolve('stop');
    };
  });
  tell({ type: 'ready' });
  try {
    const why = await Promise.race([stopped, role.ended.then(() => 'ended' as const)]);
    if (why === 'ended') {
      process.stderr.write(`error: ${name} ended by itself.\n`);
      process.exit(1);
    }
    await role.stop();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`error: ${name}: ${stackOf(error)}\n`);
    process.exit(1);
  }
}

function tell(message: RoleMessage): void {
  // Without a supervisor there is no channel; where it is closing, nobody is there to be told.
  if (process.connected === true) process.send?.(message);
}

async function tellFailure(name: string, error: unknown): Promise<void> {
  if (!(error instanceof OperatorError)) {
    process.stderr.write(`error: ${name} did not start: ${stackOf(error)}\n`);
    return;
  }
  process.stderr.write(`${name} did not start: ${error.message}\n`);
  const message: RoleMessage = { type: 'failed', code: error.code, message: error.message };
  if (process.connected === true && process.send !== undefined) {
    const { send } = process;
    await new Promise<void>((resolve) => {
      send.call(process, message, () => resolve());
    });
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
