/**
 * What `npm start` shows at the end: the example automation, published and run for one lead,
 * through the HTTP API alone, so that it shows what any other program can do.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type ApiClient, createApiClient } from './api-client.ts';
import { draftSchema, executionSchema, executionSummarySchema, pageOf } from './api-schemas.ts';
import { showEnd } from './commands/execution.ts';
import { followExecution } from './execution-follower.ts';
import { OperatorError } from './local-process.ts';
import { createNodeProgress } from './node-progress.ts';
import type { Terminal } from './terminal.ts';

const EXAMPLE = new URL('../examples/welcome-lead.json', import.meta.url);
const RUN_LIMIT_MS = 120_000;

/** Nobody: the domain and the number are reserved for examples (RFC 2606; NANP 555-01xx). */
export const EXAMPLE_LEAD = {
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

const exampleSchema = z.looseObject({ workflowId: z.string(), name: z.string() });
type Draft = Pick<z.infer<typeof draftSchema>, 'draftVersion' | 'publishedVersion' | 'isActive'>;
const storedSchema = z.looseObject({
  draftVersion: z.number(),
  publishedVersion: z.number().nullable(),
  isActive: z.boolean(),
});
const eventSchema = z.looseObject({
  executions: z.array(z.looseObject({ executionId: z.string(), workflowId: z.string() })),
});

/**
 * Publishes the example, fires one event, and follows the run that it starts, a line per change.
 * @throws OperatorError where the API refuses, `demo_failed` where the run does not end in time
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { terminal, apiUrl, signal } = options;
  const api = createApiClient({ url: apiUrl, key: options.apiKey, keySource: 'the data folder' });
  const example = exampleSchema.parse(JSON.parse(await readFile(EXAMPLE, 'utf8')));
  await putExample(api, example, options);

  const fired = await api.call('POST', '/api/events', eventSchema, {
    body: { type: 'lead.created', lead: EXAMPLE_LEAD },
    signal,
  });
  const started = fired.executions.find(({ workflowId }) => workflowId === example.workflowId);
  if (started === undefined) {
    throw new OperatorError(
      'demo_failed',
      `The event lead.created did not start the example: ${example.workflowId} is unpublished or listens to another event. Publish it ("masar workflow publish ${example.workflowId}"), or start with --no-demo.`,
    );
  }
  terminal.line();
  terminal.line(`${terminal.bold(example.name)}  for ${EXAMPLE_LEAD.name}, fired as lead.created`);
  const progress = createNodeProgress(terminal);
  const path = `/api/executions/${encodeURIComponent(started.executionId)}`;
  progress.expect((await api.call('GET', path, executionSchema, { signal })).nodes);
  const late = AbortSignal.timeout(RUN_LIMIT_MS);
  const ended = await followExecution(api, started.executionId, {
    onNode: progress.show,
    // Waits for a person, and there is none in a demo.
    until: ({ status }) => status === 'unknown',
    signal: AbortSignal.any([signal, late]),
  }).catch((error: unknown) => {
    if (!late.aborted) throw error;
    throw new OperatorError(
      'demo_failed',
      `The example has not ended within ${RUN_LIMIT_MS / 1000} s; it goes on. Look at it with "masar execution show ${started.executionId}", and at the worker's log.`,
    );
  });
  progress.end();
  showEnd(terminal, ended);
  return {
    succeeded: ended.status === 'succeeded',
    temporalUrl: ended.links?.temporal ?? undefined,
  };
}

/** What has not ended yet; `unknown` is there only while a person may still resolve it. */
const UNFINISHED = ['queued', 'running', 'waiting', 'paused', 'unknown'];

/** How many executions of earlier starts go on now; at most 100 are counted. */
export async function countUnfinished(
  api: ApiClient,
): Promise<{ readonly count: number; readonly more: boolean }> {
  const page = await api.call('GET', '/api/executions', pageOf(executionSummarySchema), {
    query: { status: UNFINISHED.join(','), limit: '100' },
  });
  const open = page.items.filter(({ endedAt }) => typeof endedAt !== 'string');
  return { count: open.length, more: page.nextCursor !== null };
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
  api: ApiClient,
  example: z.infer<typeof exampleSchema>,
  { lastPut, rememberPut, terminal, signal }: DemoOptions,
): Promise<void> {
  const path = `/api/workflows/${encodeURIComponent(example.workflowId)}`;
  const hash = createHash('sha256').update(JSON.stringify(example)).digest('hex');
  const mark = (draft: Draft): string => `${hash}:${draft.draftVersion}`;
  const current = await api.find(path, storedSchema);
  if (current !== undefined && current.publishedVersion !== null) {
    if (lastPut === mark(current)) return;
    const ours = lastPut?.endsWith(`:${current.draftVersion}`) === true;
    if (!ours || !current.isActive) {
      terminal.line(`The automation ${example.workflowId} was changed here; it runs as it is.`);
      return;
    }
  }
  const draft = await api.call('PUT', path, draftSchema, { body: example, signal });
  await api.call('POST', `${path}/publish`, z.unknown(), { signal });
  rememberPut(mark(draft));
}
