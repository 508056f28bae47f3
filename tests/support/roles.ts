/** Roles as processes of their own, as the product runs them, so that tests can kill them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { roleMessageSchema } from '../../cli/role-process.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface RoleProcess {
  readonly pid: number;
  /** Ends the process without giving it a chance to notice. */
  kill(): Promise<void>;
  /** Stops it in its tracks, as a machine that is suspended, until `wake`. */
  sleep(): void;
  wake(): void;
  /** Asks the process to finish its work and waits for its end. @returns its exit code */
  stop(): Promise<number | null>;
  /** What it wrote so far. */
  output(): string;
}

/**
 * Starts a role and waits until it is ready.
 * @param env variables besides PATH
 * @throws Error with the process's output if it ends before it is ready
 */
export async function startRole(
  role: 'worker' | 'api' | 'emulators',
  env: Readonly<Record<string, string>>,
): Promise<RoleProcess> {
  const child: ChildProcess = fork(MAIN, [role], {
    env: { PATH: process.env.PATH, ...env },
    execArgv: [],
    silent: true,
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exited = once(child, 'exit');
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (raw) => {
      const message = roleMessageSchema.parse(raw);
      if (message.type === 'ready') resolve();
      else reject(new Error(`${role} failed to start: ${message.message}`));
    });
    child.on('exit', () => reject(new Error(`${role} ended before it was ready:\n${output}`)));
  });
  await ready;
  const { pid } = child;
  if (pid === undefined) throw new Error(`${role} has no process id.`);
  return {
    pid,
    output: () => output,
    sleep: () => {
      child.kill('SIGSTOP');
    },
    wake: () => {
      child.kill('SIGCONT');
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        child.kill('SIGCONT');
        await exited;
      }
      return child.exitCode;
    },
  };
}
