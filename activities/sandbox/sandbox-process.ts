/** One sandbox process, seen from the pool: started, asked, killed. */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Reply, type RunRequest, replySchema } from './messages.ts';

/** Heap of the process itself, which only passes messages on. Isolates have limits of their own. */
const OWN_HEAP_MB = 128;
const MAX_STDERR_LENGTH = 2_000;

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

export type RunAnswer = Exclude<Reply, { type: 'ready' }>;

export interface SandboxProcess {
  readonly pid: number | undefined;
  /** Resolves once it takes runs. Never rejects: a process that can't start ends. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /**
   * Sends a run and waits for its answer; one run at a time.
   * @returns the answer, or how the process ended if it did before
   */
  run(
    request: RunRequest,
  ): Promise<RunAnswer | { readonly type: 'ended'; readonly end: ProcessEnd }>;
  /** Ends it at once, whatever it is doing. */
  kill(): void;
}

const directory = dirname(fileURLToPath(import.meta.url));
const child = join(directory, 'sandbox-child.ts');
const require = createRequire(import.meta.url);

/** What the process may read: its own code and the packages that it loads. */
function readable(): string[] {
  const packages = ['isolated-vm', 'node-gyp-build', 'zod'].map((name) =>
    dirname(require.resolve(`${name}/package.json`)),
  );
  return [
    directory,
    // Node looks here for the package's type when it loads a module.
    join(directory, '..', '..', 'package.json'),
    // node-gyp-build asks whether this is Alpine, to choose the build of isolated-vm.
    '/etc/alpine-release',
    ...packages,
  ];
}

const NODE_FLAGS: readonly string[] = [
  '--no-warnings',
  // isolated-vm needs it: https://github.com/laverdet/isolated-vm#requirements
  '--no-node-snapshot',
  `--max-old-space-size=${OWN_HEAP_MB}`,
  // A debugger would be a way in.
  '--disable-sigusr1',
  // No files, processes, threads or, from Node 25 on, network: https://nodejs.org/api/permissions.html
  '--permission',
  '--allow-addons',
  ...readable().map((path) => `--allow-fs-read=${path}`),
];

/** Starts a process; `ready` tells when it can be used. */
export function startSandboxProcess(): SandboxProcess {
  // JSON, not 'advanced': the parent must not deserialize V8's binary form of what a stranger's
  // code may have tampered with.
  const forked = fork(child, [], {
    execPath: process.execPath,
    execArgv: [...NODE_FLAGS],
    env: {},
    cwd: directory,
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ProcessEnd>();
  let hasEnded = false;
  let stderr = '';
  let waiting: { readonly id: number; readonly answer: (answer: RunAnswer) => void } | undefined;

  const end = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (hasEnded) return;
    hasEnded = true;
    ended.resolve({ code, signal, stderr });
  };

  forked.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_LENGTH);
  });
  forked.on('error', (error) => {
    stderr = (stderr + error.message).slice(-MAX_STDERR_LENGTH);
    // Emitted instead of `close` if the process could not be started at all.
    if (forked.pid === undefined) end(null, null);
    else forked.kill('SIGKILL');
  });
  forked.on('close', end);
  forked.on('message', (message) => {
    const reply = replySchema.safeParse(message);
    if (!reply.success) {
      // It no longer speaks our language, so nothing that it says counts.
      forked.kill('SIGKILL');
    } else if (reply.data.type === 'ready') {
      ready.resolve();
    } else if (waiting?.id === reply.data.id) {
      const { answer } = waiting;
      waiting = undefined;
      answer(reply.data);
    }
  });

  return {
    pid: forked.pid,
    ready: ready.promise,
    ended: ended.promise,
    run: (request) => {
      const answered = new Promise<RunAnswer>((resolve) => {
        waiting = { id: request.id, answer: resolve };
      });
      // Without the callback, a broken channel would be an uncaught `error`; `ended` tells of it.
      if (forked.connected) forked.send(request, () => undefined);
      return Promise.race([
        answered,
        ended.promise.then((how) => ({ type: 'ended' as const, end: how })),
      ]);
    },
    kill: () => {
      forked.kill('SIGKILL');
    },
  };
}
