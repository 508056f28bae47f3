/**
 * Processes of the benchmark: forked, told their settings, then asked one thing at a time. They end
 * when the channel to their parent closes, however the parent ended.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const answerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), value: z.unknown().optional() }),
  z.object({ type: z.literal('answer'), value: z.unknown().optional() }),
  z.object({ type: z.literal('failed'), message: z.string() }),
]);

const orderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('settings'), value: z.unknown().optional() }),
  z.object({ type: z.literal('ask'), value: z.unknown().optional() }),
]);

export interface Child {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: unknown;
  /** @throws Error with the child's message if it failed */
  ask(command: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * @param script path relative to this folder
 * @param settings the first thing the child is told
 * @throws Error if the child fails or ends before it is ready
 */
export async function startChild(
  script: string,
  settings: unknown,
  options: { readonly execArgv?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Child> {
  const process = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: [...(options.execArgv ?? [])],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const ask = async (message: unknown): Promise<unknown> => {
    const answer = nextAnswer(process, script);
    process.send({
      ...z.object({ type: z.string(), value: z.unknown().optional() }).parse(message),
    });
    return answer;
  };
  const ready = await ask({ type: 'settings', value: settings });
  const { pid } = process;
  if (pid === undefined) throw new Error(`${script} started without a process id.`);
  return {
    pid,
    ready,
    ask: (command) => ask({ type: 'ask', value: command }),
    stop: async () => {
      if (process.exitCode !== null || process.signalCode !== null) return;
      const ended = once(process, 'exit');
      process.disconnect();
      const timer = setTimeout(() => process.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function nextAnswer(process: ChildProcess, script: string): Promise<unknown> {
  const done = new AbortController();
  try {
    const [message] = await Promise.race([
      once(process, 'message', { signal: done.signal }),
      once(process, 'exit', { signal: done.signal }).then(([code, signal]) => {
        throw new Error(`${script} ended (${code ?? signal}) instead of answering.`);
      }),
    ]);
    const answer = answerSchema.parse(message);
    if (answer.type === 'failed') throw new Error(`${script}: ${answer.message}`);
    return answer.value;
  } finally {
    done.abort();
  }
}

export interface ChildWork {
  /** What to tell the parent once all is ready. */
  readonly ready?: unknown;
  answer?(command: unknown): Promise<unknown>;
  /** Called when the parent wants the process to end. */
  stop(): Promise<void>;
}

/** The child's side: begins with the settings it gets, then answers until the channel closes. */
export function serveParent(begin: (settings: unknown) => Promise<ChildWork>): void {
  let work: ChildWork | undefined;
  const send = (message: z.output<typeof answerSchema>): void => {
    if (process.connected) process.send?.(message);
  };
  const take = async (message: unknown): Promise<void> => {
    try {
      const order = orderSchema.parse(message);
      if (order.type === 'settings') {
        work = await begin(order.value);
        send({ type: 'ready', value: work.ready });
      } else {
        send({ type: 'answer', value: await work?.answer?.(order.value) });
      }
    } catch (error) {
      send({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  };
  process.on('message', (message) => void take(message));
  process.on('disconnect', async () => {
    await work?.stop();
    process.exit(0);
  });
  // Ctrl-C reaches the whole group; the parent decides the order of stopping.
  process.on('SIGINT', () => undefined);
}
