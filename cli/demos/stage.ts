/** What a demo plays on: a running Masar, reached through its API alone. */

import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { definitionSchema } from '../../workflows/graph/definition.ts';
import type { ApiClient } from '../api-client.ts';
import {
  acceptedSchema,
  draftSchema,
  type Execution,
  executionSchema,
  type NodeView,
  type OutboxMessage,
  outboxMessageSchema,
  pageOf,
} from '../api-schemas.ts';
import { showEnd } from '../commands/execution.ts';
import { readDefinitionFile } from '../definition-file.ts';
import { followExecution } from '../execution-follower.ts';
import { createNodeProgress } from '../node-progress.ts';
import { outboxLine } from '../outbox-line.ts';
import type { Terminal } from '../terminal.ts';

/** One execution of a demo, with what its receivers got. */
export interface Scene {
  readonly execution: Execution;
  /** The oldest first. */
  readonly outbox: readonly OutboxMessage[];
}

export interface SceneOptions {
  readonly lead?: object;
  readonly input?: object;
  /** Plays the people in it: told of each change of a node. */
  readonly onNode?: (node: NodeView, executionId: string) => Promise<void>;
}

export interface Stage {
  readonly api: ApiClient;
  readonly terminal: Terminal;
  /**
   * Saves and publishes an example, unless that was done before. One that somebody has changed is
   * theirs, and is played as it is.
   * @param file its name in examples/
   * @returns its workflowId
   */
  put(file: string): Promise<string>;
  /**
   * Unpublishes what `put` published, so that no event, schedule or webhook starts an example that
   * nobody has asked for. @returns their workflowIds
   */
  clear(): Promise<readonly string[]>;
  /** Starts it in sandbox mode, and shows how it goes and what its receivers get. */
  play(workflowId: string, options: SceneOptions): Promise<Scene>;
  /** What would really send where a demo can't ask for sandbox mode; empty: nothing would. */
  readonly liveProviders: readonly string[];
  /** As `play`, for an execution that something else has started. */
  follow(executionId: string, options?: Pick<SceneOptions, 'onNode'>): Promise<Scene>;
}

export interface StageOptions {
  readonly api: ApiClient;
  readonly terminal: Terminal;
  /** True: examples that somebody has changed are put back. */
  readonly reset: boolean;
  readonly liveProviders: readonly string[];
}

const storedSchema = z.looseObject({
  nodes: z.array(z.unknown()),
  connections: z.array(z.unknown()),
  triggers: z.array(z.unknown()),
  publishedVersion: z.number().nullable(),
  isActive: z.boolean(),
});

export function createStage({ api, terminal, reset, liveProviders }: StageOptions): Stage {
  const published = new Set<string>();

  async function put(file: string): Promise<string> {
    const { value } = readDefinitionFile(exampleFile(file));
    const example = definitionSchema.parse(value);
    const path = `/api/workflows/${encodeURIComponent(example.workflowId)}`;
    const current = await api.find(path, storedSchema);
    const isActive = current?.isActive === true && current.publishedVersion !== null;
    const same =
      current !== undefined &&
      (['nodes', 'connections', 'triggers'] as const).every((part) =>
        isDeepStrictEqual(current[part], JSON.parse(JSON.stringify(example[part]))),
      );
    if (current !== undefined && !same && !reset) {
      terminal.line(
        `The automation ${example.workflowId} was changed here; it runs as it is. --reset puts the example back.`,
      );
    } else if (!same) {
      await api.call('PUT', path, draftSchema, { body: value });
    } else if (isActive) {
      return example.workflowId;
    }
    if (same || current === undefined || reset || !isActive) {
      await api.call('POST', `${path}/publish`, z.unknown());
    }
    if (!isActive) published.add(example.workflowId);
    return example.workflowId;
  }

  async function clear(): Promise<readonly string[]> {
    const all = [...published];
    for (const workflowId of all) {
      await api.call(
        'POST',
        `/api/workflows/${encodeURIComponent(workflowId)}/unpublish`,
        z.unknown(),
      );
    }
    published.clear();
    return all;
  }

  async function follow(
    executionId: string,
    { onNode }: Pick<SceneOptions, 'onNode'> = {},
  ): Promise<Scene> {
    const progress = createNodeProgress(terminal);
    const path = `/api/executions/${encodeURIComponent(executionId)}`;
    progress.expect((await api.call('GET', path, executionSchema)).nodes);
    const failed = new AbortController();
    const acts: Promise<void>[] = [];
    const execution = await followExecution(api, executionId, {
      onNode: (node) => {
        progress.show(node);
        if (onNode === undefined) return;
        acts.push(onNode(node, executionId).catch((error: unknown) => failed.abort(error)));
      },
      signal: failed.signal,
    });
    await Promise.all(acts);
    failed.signal.throwIfAborted();
    progress.end();
    showEnd(terminal, execution);
    const outbox = await outboxOf(api, executionId);
    for (const message of outbox)
      terminal.line(`    ${terminal.dim('outbox')}  ${outboxLine(message)}`);
    return { execution, outbox };
  }

  return {
    api,
    terminal,
    liveProviders,
    put,
    clear,
    follow,
    play: async (workflowId, { lead, input, onNode }) => {
      const path = `/api/workflows/${encodeURIComponent(workflowId)}/executions`;
      const { executionId } = await api.call('POST', path, acceptedSchema, {
        body: {
          mode: 'sandbox',
          ...(lead === undefined ? {} : { lead }),
          ...(input === undefined ? {} : { input }),
        },
      });
      return follow(executionId, onNode === undefined ? {} : { onNode });
    },
  };
}

export function exampleFile(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

async function outboxOf(api: ApiClient, executionId: string): Promise<OutboxMessage[]> {
  const page = await api.call('GET', '/api/sandbox/outbox', pageOf(outboxMessageSchema), {
    query: { executionId, limit: '100' },
  });
  return page.items.toReversed();
}
