/**
 * What `npm start` shows at the end: the example automation, published and run for one lead,
 * through the HTTP API alone, so that it shows what any other program can do.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OperatorError } from './local-process.ts';
import type { Terminal } from './terminal.ts';

const EXAMPLE = new URL('../examples/welcome-lead.json', import.meta.url);
const POLL_MS = 100;
const RUN_LIMIT_MS = 120_000;

/** Nobody: the domain and the number are reserved for examples (RFC 2606; NANP 555-01xx). */
const LEAD = {
  name: 'نور الهاشمي',
  email: 'nour@example.com',
  phone: '+12025550143',
  score: 86,
};

export interface DemoOptions {
  /** Without a path. */
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** What the last start put there; see putExample. */
  readonly lastPut: string | undefined;
  readonly rememberPut: (mark: string) => void;
}

export interface DemoResult {
  readonly succeeded: boolean;
  /** The run in Temporal's Web UI, where that is known. */
  readonly temporalUrl: string | undefined;
}

const exampleSchema = z.looseObject({
  workflowId: z.string(),
  name: z.string(),
  nodes: z.array(z.looseObject({ id: z.string(), type: z.string() })),
});
const draftSchema = z.looseObject({
  draftVersion: z.number(),
  publishedVersion: z.number().nullable(),
  isActive: z.boolean(),
});
const eventSchema = z.looseObject({
  executions: z.array(z.looseObject({ executionId: z.string(), workflowId: z.string() })),
});
const problemSchema = z.looseObject({
  message: z.string().optional(),
  detail: z.string().optional(),
});
const executionSchema = z.looseObject({
  status: z.string(),
  durationMs: z.number().nullish(),
  error: z.looseObject({ message: z.string() }).nullish(),
  nodes: z.array(
    z.looseObject({
      nodeId: z.string(),
      name: z.string(),
      connector: z.string().nullish(),
      iteration: z.string(),
      status: z.string(),
      attempts: z.number(),
      durationMs: z.number().nullish(),
      error: z.looseObject({ message: z.string() }).nullish(),
    }),
  ),
  links: z.looseObject({ temporal: z.string().nullish() }).optional(),
});
type Execution = z.infer<typeof executionSchema>;
type NodeOfExecution = Execution['nodes'][number];
const listSchema = z.looseObject({
  items: z.array(z.looseObject({ executionId: z.string(), workflowId: z.string() })),
  nextCursor: z.string().nullable(),
});

/**
 * Publishes the example, fires one event, and follows the run that it starts, a line per change.
 * @throws OperatorError `demo_failed` where the API refuses or the run does not end in time
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { terminal } = options;
  const call = apiCaller(options);
  const example = exampleSchema.parse(JSON.parse(await readFile(EXAMPLE, 'utf8')));
  await putExample(call, example, options);

  const fired = await call('POST', '/api/events', eventSchema, {
    type: 'lead.created',
    lead: LEAD,
  });
  const execution = fired.executions.find(({ workflowId }) => workflowId === example.workflowId);
  if (execution === undefined) {
    throw new OperatorError(
      'demo_failed',
      `The event lead.created did not start the example: ${example.workflowId} is unpublished or listens to another event. Publish it (POST /api/workflows/${example.workflowId}/publish), or start with --no-demo.`,
    );
  }
  terminal.line();
  terminal.line(`${terminal.bold(example.name)}  for ${LEAD.name}, fired as lead.created`);
  const ended = await follow(call, execution.executionId, example, options);
  const succeeded = ended.status === 'succeeded';
  const took = typeof ended.durationMs === 'number' ? ` in ${ended.durationMs} ms` : '';
  const why = ended.error?.message === undefined ? '' : `: ${ended.error.message}`;
  terminal.line(`  ${succeeded ? '✓' : '✗'} ${terminal.bold(ended.status)}${took}${why}`);
  return { succeeded, temporalUrl: ended.links?.temporal ?? undefined };
}

/** How many executions of earlier starts go on now; at most 100 are counted. */
export async function countUnfinished(
  options: Pick<DemoOptions, 'apiUrl' | 'apiKey' | 'signal'>,
): Promise<{ readonly count: number; readonly more: boolean }> {
  const call = apiCaller(options);
  const page = await call('GET', '/api/executions?status=running&limit=100', listSchema);
  return { count: page.items.length, more: page.nextCursor !== null };
}

/** True if the API knows the key. */
export async function isKeyAccepted(
  { apiUrl, signal }: Pick<DemoOptions, 'apiUrl' | 'signal'>,
  apiKey: string,
): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/api/executions?limit=1`, {
    headers: { 'x-api-key': apiKey },
    signal,
  });
  return answer.status !== 401;
}

/**
 * Creates and publishes the example. One that is there already is replaced only by a newer one of
 * ours: a draft that somebody has changed since, or has taken out of use, is theirs.
 */
async function putExample(
  call: ApiCall,
  example: z.infer<typeof exampleSchema>,
  { lastPut, rememberPut, terminal }: DemoOptions,
): Promise<void> {
  const path = `/api/workflows/${encodeURIComponent(example.workflowId)}`;
  const hash = createHash('sha256').update(JSON.stringify(example)).digest('hex');
  const mark = (draft: z.infer<typeof draftSchema>): string => `${hash}:${draft.draftVersion}`;
  const current = await call('GET', path, draftSchema.nullable(), undefined, { missing: null });
  if (current !== null && current.publishedVersion !== null) {
    if (lastPut === mark(current)) return;
    const ours = lastPut?.endsWith(`:${current.draftVersion}`) === true;
    if (!ours || !current.isActive) {
      terminal.line(`The automation ${example.workflowId} was changed here; it runs as it is.`);
      return;
    }
  }
  const draft = await call('PUT', path, draftSchema, example);
  await call('POST', `${path}/publish`, z.unknown());
  rememberPut(mark(draft));
}

async function follow(
  call: ApiCall,
  executionId: string,
  example: z.infer<typeof exampleSchema>,
  { terminal, signal }: DemoOptions,
): Promise<Execution> {
  const nameWidth = Math.max(...example.nodes.map(({ name, id }) => String(name ?? id).length));
  const shown = new Map<string, NodeOfExecution>();
  const deadline = Date.now() + RUN_LIMIT_MS;
  for (;;) {
    const execution = await call('GET', `/api/executions/${executionId}`, executionSchema);
    for (const node of execution.nodes) {
      const key = `${node.nodeId}/${node.iteration}`;
      const before = shown.get(key);
      if (before?.status === node.status && before.attempts === node.attempts) continue;
      shown.set(key, node);
      const line = nodeLine(node, nameWidth, terminal);
      // Attempt after attempt fails for the same reason: that is told once.
      const told = before?.error?.message;
      const reason = node.error?.message;
      if (line !== undefined) {
        terminal.line(reason === undefined || reason === told ? line : `${line}  ${reason}`);
      }
    }
    if (ENDED.has(execution.status)) return execution;
    if (Date.now() > deadline) {
      throw new OperatorError(
        'demo_failed',
        `The example has not ended within ${RUN_LIMIT_MS / 1000} s (status ${execution.status}); it goes on. Look at GET /api/executions/${executionId}, and at the worker's log.`,
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** `unknown` waits for a person, and there is none in a demo. */
const ENDED = new Set(['succeeded', 'failed', 'cancelled', 'timed_out', 'unknown']);

const SIGNS: Readonly<Record<string, string>> = {
  succeeded: '✓',
  failed: '✗',
  skipped: '–',
  retrying: '↻',
  waiting: '…',
  unknown: '?',
  cancelled: '✗',
};

/** Undefined for states that pass within moments and say nothing. */
function nodeLine(node: NodeOfExecution, width: number, terminal: Terminal): string | undefined {
  const sign = SIGNS[node.status];
  if (sign === undefined) return undefined;
  const what = (node.connector ?? 'control').padEnd(14);
  return `  ${sign} ${node.name.padEnd(width)}  ${terminal.dim(what)} ${howItWent(node)}`;
}

function howItWent({ status, attempts, durationMs }: NodeOfExecution): string {
  if (status === 'retrying') return `attempt ${attempts} failed`;
  return typeof durationMs === 'number' ? `${durationMs} ms` : status;
}

type ApiCall = <T>(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  schema: z.ZodType<T>,
  body?: unknown,
  options?: { readonly missing: T },
) => Promise<T>;

function apiCaller({
  apiUrl,
  apiKey,
  signal,
}: Pick<DemoOptions, 'apiUrl' | 'apiKey' | 'signal'>): ApiCall {
  return async (method, path, schema, body, options) => {
    const answer = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        'x-api-key': apiKey,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const content: unknown = await answer.json().catch(() => undefined);
    if (answer.status === 404 && options !== undefined) return options.missing;
    if (!answer.ok) {
      const problem = problemSchema.safeParse(content).data;
      const why = problem?.message ?? problem?.detail ?? 'no explanation';
      throw new OperatorError(
        'demo_failed',
        `The demo ended: ${method} ${path} answered ${answer.status}: ${why}`,
      );
    }
    return schema.parse(content);
  };
}
