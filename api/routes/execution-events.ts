/**
 * Server-sent events of an execution (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * An event tells a state, not a change, so a client that gets one twice is none the worse; that
 * makes resuming safe without a log of events.
 */
import type { Response } from 'express';
import { z } from 'zod';
import { type Endpoint, rawEndpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import { hasEnded, toExecution, toNodes } from '../execution-view.ts';
import type { ApiSettings } from '../settings.ts';
import { executionParams } from './executions.ts';

const HEARTBEAT_MS = 15_000;
/** Several changes close together are told at once. */
const COALESCE_MS = 50;
const RECONNECT_MS = 2_000;
/**
 * Who resumes is told again what changed so shortly before the last event: a row's time stamp is
 * taken before the row can be seen.
 */
const RESUME_OVERLAP_MS = 5_000;

export interface ExecutionEventDeps {
  readonly settings: ApiSettings;
  readonly reader: ExecutionReader;
  /** Aborted when the process shuts down: streams end, and clients resume elsewhere. */
  readonly shutdown: AbortSignal;
}

export function executionEventRoutes(deps: ExecutionEventDeps): Endpoint[] {
  const { settings, reader, shutdown } = deps;
  return [
    rawEndpoint({
      method: 'get',
      path: '/executions/{executionId}/events',
      operationId: 'watchExecution',
      tag: 'Executions',
      summary: 'Watch an execution as server-sent events',
      description:
        'Events `execution` and `node` carry the same data as GET /executions/{executionId}; each tells a whole state. The stream ends after the final state. Last-Event-ID resumes.',
      problems: [404],
      params: executionParams,
      mediaType: 'text/event-stream',
      responses: { 200: { description: 'The stream', schema: z.string() } },
    }).handledBy(async ({ caller, params: { executionId }, signal }, { request, response }) => {
      const over = AbortSignal.any([signal, shutdown]);
      const changes = reader.watch(executionId, over);
      const since = resumeFrom(request.get('last-event-id'));
      const told = new Map<string, string>();
      let heartbeat: NodeJS.Timeout | undefined;
      try {
        do {
          const { execution, logs } = await reader.read(caller.projectId, executionId);
          if (!response.headersSent) {
            openStream(response);
            heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
          }
          const ended = hasEnded(execution);
          const nodes = toNodes(execution, logs);
          const first = told.size === 0;
          const tellExecution = (): void => {
            const { nodes: views, ...view } = toExecution(execution, logs, settings);
            if (isNews(told, '', view)) {
              send(response, 'execution', executionTime(execution), { ...view, nodes: views });
            }
          };
          // The final state comes last: after it nothing follows.
          if (!ended) tellExecution();
          for (const { view, changedAt } of nodes) {
            const news = isNews(told, `${view.nodeId}/${view.iteration}`, view);
            if (news && !(first && changedAt.getTime() < since)) {
              send(response, 'node', changedAt, view);
            }
          }
          if (ended) {
            tellExecution();
            break;
          }
          await pause(COALESCE_MS, over);
        } while (await changes.next());
      } finally {
        clearInterval(heartbeat);
        changes.stop();
      }
      response.end();
    }),
  ];
}

function openStream(response: Response): void {
  response.status(200).set({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // Keeps nginx from collecting the stream before passing it on.
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  response.write(`retry: ${RECONNECT_MS}\n\n`);
}

function send(response: Response, event: string, at: Date, data: unknown): void {
  response.write(`event: ${event}\nid: ${at.getTime()}\ndata: ${JSON.stringify(data)}\n\n`);
}

function isNews(told: Map<string, string>, key: string, view: unknown): boolean {
  const text = JSON.stringify(view);
  if (told.get(key) === text) return false;
  told.set(key, text);
  return true;
}

function executionTime(execution: {
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}): Date {
  return execution.endedAt ?? execution.startedAt ?? execution.queuedAt;
}

/** An event's id is the time of what it tells, in milliseconds. */
function resumeFrom(lastEventId: string | undefined): number {
  return lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId)
    ? Number(lastEventId) - RESUME_OVERLAP_MS
    : Number.NEGATIVE_INFINITY;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
