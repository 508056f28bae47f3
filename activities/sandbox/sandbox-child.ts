/**
 * A sandbox process: one run at a time, each in an isolate of its own that is thrown away after it.
 * It is started with an empty environment and without permission to write files, start processes
 * or threads (see sandbox-process.ts), and ends when its parent does.
 *
 * Isolates run on threads of their own here, so this thread stays free to notice that time is up.
 * It then only says so: the parent kills the whole process, because some built-ins of V8
 * (`new Array(2 ** 31).fill(0)`) can't be interrupted.
 */
import { setFlagsFromString } from 'node:v8';
import ivm from 'isolated-vm';
import { bootstrap } from './isolate-bootstrap.ts';
import { isolateHelpers } from './isolate-helpers.ts';
import {
  CODE_NAME,
  MAX_LOG_LENGTH,
  MAX_LOG_LINE_LENGTH,
  MAX_LOG_LINES,
  MAX_MESSAGE_LENGTH,
  MAX_RESULT_BYTES,
  MAX_STACK_LENGTH,
  type Reply,
  type RunRequest,
  runRequestSchema,
} from './messages.ts';

/** The memory limit of the isolate that is kept ready: what most runs ask for. */
const USUAL_MEMORY_MB = 64;

const BOOTSTRAP = `(${bootstrap.toString()})(${JSON.stringify({
  maxResultLength: MAX_RESULT_BYTES,
  maxLogLines: MAX_LOG_LINES,
  maxLogLineLength: MAX_LOG_LINE_LENGTH,
  maxLogLength: MAX_LOG_LENGTH,
  maxMessageLength: MAX_MESSAGE_LENGTH,
  maxStackLength: MAX_STACK_LENGTH,
})}, ${isolateHelpers.toString()})`;

/**
 * isolated-vm raises the heap limit for a moment when it is reached, and code that allocates fast
 * enough (a long chain of closures) outgrows it many times before V8 looks again. So the memory of
 * the whole process is watched as well, more loosely: collections are left to V8.
 */
const MEMORY_CHECK_MS = 20;
const MEMORY_FACTOR = 2;
const MEMORY_SLACK_BYTES = 64 * 1_048_576;

interface Prepared {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly run: ivm.Reference<(code: unknown, input: string, key: string) => Promise<string>>;
  readonly memoryMb: number;
}

let currentId = 0;
let spare: Prepared | undefined;

function prepare(memoryMb: number): Prepared {
  const isolate = new ivm.Isolate({
    memoryLimit: memoryMb,
    // V8 has lost the isolate: practically always because an allocation failed.
    onCatastrophicError: () => send({ type: 'limit', id: currentId, limit: 'memory' }),
  });
  const context = isolate.createContextSync();
  const run = context.evalSync(BOOTSTRAP, { reference: true });
  return { isolate, context, run, memoryMb };
}

async function handle(request: RunRequest): Promise<void> {
  const { id, timeoutMs } = request;
  currentId = id;
  const isUsual = spare?.memoryMb === request.memoryMb;
  const prepared = isUsual && spare !== undefined ? spare : prepare(request.memoryMb);
  if (isUsual) spare = undefined;
  const deadline = performance.now() + timeoutMs;
  const timer = setTimeout(() => send({ type: 'limit', id, limit: 'time' }), timeoutMs);
  const mostBytes =
    process.memoryUsage.rss() + MEMORY_FACTOR * request.memoryMb * 1_048_576 + MEMORY_SLACK_BYTES;
  const watch = setInterval(() => {
    if (process.memoryUsage.rss() > mostBytes) send({ type: 'limit', id, limit: 'memory' });
  }, MEMORY_CHECK_MS);
  const reply = await execute(prepared, request, deadline);
  clearTimeout(timer);
  clearInterval(watch);
  send(reply);
  if (reply.type === 'limit') return;
  // The answer is on its way: what follows costs nobody time.
  setImmediate(() => {
    prepared.isolate.dispose();
    spare ??= prepare(USUAL_MEMORY_MB);
  });
}

async function execute(
  { isolate, context, run }: Prepared,
  { id, code, input, key }: RunRequest,
  deadline: number,
): Promise<Reply> {
  const left = (): number => Math.max(1, Math.ceil(deadline - performance.now()));
  try {
    // The function's first line is line 0, so that user code starts at line 1.
    const script = await isolate.compileScript(
      `'use strict'; (async function (input) {\n${code}\n})`,
      { filename: CODE_NAME, lineOffset: -1 },
    );
    const body = await script.run(context, { reference: true, timeout: left() });
    if (body.typeof !== 'function') return { type: 'broken', id };
    const envelope: unknown = await run.apply(undefined, [body.derefInto(), input, key], {
      timeout: left(),
      result: { promise: true, copy: true },
    });
    return typeof envelope === 'string' && envelope.length <= 2 * MAX_RESULT_BYTES
      ? { type: 'ran', id, envelope }
      : { type: 'broken', id };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // These are isolated-vm's own words; it has no codes.
    if (/^Script execution timed out/.test(message)) return { type: 'limit', id, limit: 'time' };
    if (isolate.isDisposed || /memory limit/.test(message)) {
      return { type: 'limit', id, limit: 'memory' };
    }
    if (error instanceof SyntaxError) {
      return { type: 'unparsable', id, message: message.slice(0, MAX_MESSAGE_LENGTH) };
    }
    return { type: 'broken', id };
  }
}

function send(reply: Reply): void {
  process.send?.(reply);
}

/** Nothing here outlives the parent, whatever the isolates' threads are doing. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

process.on('disconnect', end);
process.on('message', (message) => {
  const request = runRequestSchema.safeParse(message);
  if (request.success) handle(request.data).catch(end);
  else end();
});
// This process has its own heap by now; the flag would override the limits of the isolates.
setFlagsFromString('--max-old-space-size=0');
spare = prepare(USUAL_MEMORY_MB);
send({ type: 'ready' });
