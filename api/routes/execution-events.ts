/**
 * Server-sent events of an execution (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * An event tells a state, not a change, so a client that gets one twice is none the worse; that
 * makes resuming safe without a log of events.
 */
import type { Response } from 'express';
import { z } from 'zod';
import type { ExecutionLogRepository, LogEntry } from '../../db/repositories/execution-logs.ts';
import { type Endpoint, rawEndpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import { hasEnded, toExecution, toExecutionSummary, toNodes, touched } from '../execution-view.ts';
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
  readonly logs: ExecutionLogRepository;
  /** Aborted when the process shuts down: streams end, and clients resume elsewhere. */
  readonly shutdown: AbortSignal;
}

export function executionEventRoutes(deps: ExecutionEventDeps): Endpoint[] {
  const { settings, reader, logs, shutdown } = deps;
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
      const { projectId } = caller;
      const teller = createTeller(response);
      const rows = new Map<string, LogEntry>();
      let heartbeat: NodeJS.Timeout | undefined;
      try {
        do {
          const execution = await reader.find(projectId, executionId);
          const isFirst = heartbeat === undefined;
          const ended = hasEnded(execution);
          // In between only what changed: an execution may have many thousand rows.
          const from = ended ? new Date(0) : newestOf(rows);
          const changed = await logs.changedSince(projectId, executionId, from);
          for (const row of changed) rows.set(`${row.nodeId}/${row.iteration}`, row);
          if (isFirst) {
            openStream(response);
            heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
          }
          const nodes = isFirst || ended ? toNodes(execution, inOrder(rows)) : changed.map(touched);
          const tellExecution = async (): Promise<void> => {
            if (!teller.isNews('', toExecutionSummary(execution, settings))) return;
            const shown = toExecution(await reader.show(projectId, executionId), settings);
            teller.send('execution', executionTime(execution), shown);
          };
          // The final state comes last: after it nothing follows.
          if (!ended) await tellExecution();
          // By time, so that whoever resumes after one of them misses none.
          for (const { view, changedAt } of nodes.toSorted((a, b) => +a.changedAt - +b.changedAt)) {
            const news = teller.isNews(`${view.nodeId}/${view.iteration}`, view);
            if (news && !(isFirst && changedAt.getTime() < since)) {
              teller.send('node', changedAt, view);
            }
          }
          if (ended) {
            await tellExecution();
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

/** Writes events whose ids never go back, and knows what it has told. */
function createTeller(response: Response) {
  const told = new Map<string, string>();
  let lastId = 0;
  return {
    /** @returns false if this was told of `key` last */
    isNews(key: string, view: unknown): boolean {
      const text = JSON.stringify(view);
      if (told.get(key) === text) return false;
      told.set(key, text);
      return true;
    },
    send(event: string, at: Date, data: unknown): void {
      lastId = Math.max(lastId, at.getTime());
      response.write(`event: ${event}\nid: ${lastId}\ndata: ${JSON.stringify(data)}\n\n`);
    },
  };
}

/** What changed so shortly before may not have been seen yet; told twice, it is no news. */
function newestOf(rows: ReadonlyMap<string, LogEntry>): Date {
  let newest = RESUME_OVERLAP_MS;
  for (const { updatedAt } of rows.values()) newest = Math.max(newest, updatedAt.getTime());
  return new Date(newest - RESUME_OVERLAP_MS);
}

function inOrder(rows: ReadonlyMap<string, LogEntry>): readonly LogEntry[] {
  return [...rows.values()].sort((a, b) => Number(BigInt(a.seq) - BigInt(b.seq)));
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
