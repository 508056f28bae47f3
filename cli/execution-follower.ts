/** Follows an execution by its events until it has ended, through dropped connections too. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import {
  type Execution,
  executionSchema,
  hasEnded,
  type NodeView,
  nodeSchema,
} from './api-schemas.ts';
import { OperatorError } from './local-process.ts';
import { readServerSentEvents } from './server-sent-events.ts';

/** How often in a row a connection may fail before we give up; the execution goes on without us. */
const MAX_FAILURES = 15;
const RECONNECT_MS = 2_000;

export interface FollowOptions {
  readonly onNode: (node: NodeView) => void;
  /** Told when the execution's own state changed: queued, running, waiting, … */
  readonly onExecution?: (execution: Execution) => void;
  /** True: nothing more is to be waited for, although the execution has not ended. */
  readonly until?: (execution: Execution) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * @returns the execution as it ended
 * @throws OperatorError `unreachable` if the API stays away, ApiRefusal if there is no such execution
 */
export async function followExecution(
  api: ApiClient,
  executionId: string,
  { onNode, onExecution, until, signal }: FollowOptions,
): Promise<Execution> {
  const path = `/api/executions/${encodeURIComponent(executionId)}/events`;
  let lastEventId: string | undefined;
  let connected = false;
  for (let failures = 0; ; ) {
    try {
      const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      const { body } = await api.open(path, { accept: 'text/event-stream', ...headers }, signal);
      connected = true;
      for await (const { event, id, data } of readServerSentEvents(body ?? noBody())) {
        failures = 0;
        lastEventId = id ?? lastEventId;
        const value: unknown = JSON.parse(data);
        if (event === 'node') onNode(nodeSchema.parse(value));
        if (event !== 'execution') continue;
        const execution = executionSchema.parse(value);
        onExecution?.(execution);
        for (const node of execution.nodes) onNode(node);
        if (hasEnded(execution) || until?.(execution) === true) return execution;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // What the API refuses, or this version does not understand, no repetition mends.
      const passing =
        error instanceof OperatorError ? error.code === 'unreachable' : !isFault(error);
      if (!passing || !connected) throw error;
      failures += 1;
      if (failures >= MAX_FAILURES) throw lost(api.url, executionId, error);
    }
    await sleep(RECONNECT_MS, undefined, signal === undefined ? {} : { signal });
  }
}

async function* noBody(): AsyncGenerator<Uint8Array> {
  // An answer without a body has no events.
}

function isFault(error: unknown): boolean {
  return error instanceof z.ZodError || error instanceof SyntaxError;
}

function lost(url: string, executionId: string, cause: unknown): OperatorError {
  return new OperatorError(
    'unreachable',
    `${url} does not answer any more. The execution goes on; follow it later with "masar execution watch ${executionId}".`,
    cause,
  );
}
