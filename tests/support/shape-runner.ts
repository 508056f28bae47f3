/** Runs shapes (shapes.ts) on the real workflows, with activities that do what the shapes' scripts say. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { toApplicationFailure } from '../../activities/to-application-failure.ts';
import { CONNECTOR_MANIFESTS } from '../../connectors/catalog.ts';
import { createExecutionStarter } from '../../temporal/start-execution.ts';
import type {
  ExecutionActivities,
  NodeRecord,
  RunNodeInput,
  RunNodeResult,
} from '../../workflows/activity-contract.ts';
import {
  type ExecutionState,
  type NodeStatus,
  RESOLVE_NODE_UPDATE,
  STATE_QUERY,
  TASK_QUEUES,
} from '../../workflows/contract.ts';
import type { JsonObject } from '../../workflows/graph/json.ts';
import { inputOf, type Shape, type Step } from './shapes.ts';

const PATIENCE_MS = 30_000;

export interface ScriptedWorker {
  /** @param executionId what the run is called; its activities follow the shape's script */
  run(shape: Shape, executionId: string): Promise<ShapeEnd>;
  stop(): Promise<void>;
}

export interface ShapeEnd {
  readonly status: string;
  /** Result of a completed run, or type of the failure of a failed one. */
  readonly with: JsonObject | string | undefined;
  readonly nodes: Readonly<Record<string, NodeStatus>>;
  /** Nodes of which the workflow itself wrote the row, in the order of writing. */
  readonly recorded: readonly string[];
}

export interface ScriptedWorkerOptions {
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly bundle: WorkflowBundleOption;
  /** Executions that the worker keeps in memory; with 0 every workflow task replays the history. */
  readonly maxCachedWorkflows: number;
}

export async function startScriptedWorker(options: ScriptedWorkerOptions): Promise<ScriptedWorker> {
  const { client } = options;
  const running = new Map<
    string,
    { readonly shape: Shape; readonly begun: Begun; readonly recorded: NodeRecord[] }
  >();

  async function act(input: RunNodeInput): Promise<RunNodeResult> {
    const run = running.get(input.executionId);
    if (run === undefined) throw new Error(`Nobody started ${input.executionId}.`);
    const attempt = attemptOf(run.begun, input.nodeId);
    const step: Step = run.shape.script?.[input.nodeId]?.[attempt - 1] ?? { output: {} };
    run.recorded.push(...input.records);
    if ('waits' in step) return untilCancelled();
    if ('reports' in step) throw ApplicationFailure.nonRetryable('The attempt was lost.');
    if ('output' in step) {
      await sleep(step.afterMs ?? 0);
      return { output: step.output, attempt };
    }
    throw toApplicationFailure({
      verdict: step.verdict,
      error: {
        code: 'scripted',
        message: 'The script lets this attempt fail.',
        nodeId: input.nodeId,
      },
      attempt,
      retryAfterMs: step.retryAfterMs ?? 0,
    });
  }

  const book: ExecutionActivities = {
    'execution.end': async ({ executionId, records }) => {
      running.get(executionId)?.recorded.push(...records);
    },
    'execution.status': async () => undefined,
    'execution.resolve': async () => undefined,
  };
  const types = CONNECTOR_MANIFESTS.flatMap(({ type, operations }) =>
    operations.map(({ name }) => `${type}.${name}`),
  );
  const common = {
    connection: options.connection,
    namespace: client.options.namespace,
    activities: { ...book, ...Object.fromEntries(types.map((type) => [type, act])) },
  };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: TASK_QUEUES.workflows,
      workflowBundle: options.bundle,
      maxCachedWorkflows: options.maxCachedWorkflows,
    }),
    Worker.create({
      ...common,
      taskQueue: TASK_QUEUES.connectors,
      // So that a cancellation, which travels with heartbeats, arrives soon.
      maxHeartbeatThrottleInterval: '100ms',
    }),
  ]);
  const ended = Promise.all(workers.map((worker) => worker.run()));
  const start = createExecutionStarter({ client });

  return {
    async run(shape, executionId) {
      const begun: Begun = new Map();
      const recorded: NodeRecord[] = [];
      running.set(executionId, { shape, begun, recorded });
      await start(inputOf(shape, executionId));
      const handle = client.workflow.getHandle(executionId);
      await shape.during?.({
        begun: (nodeId) => untilBegun(begun, nodeId),
        until: (nodeId, status) => untilNode(handle, nodeId, status),
        resolve: async (resolution) => {
          await handle.executeUpdate(RESOLVE_NODE_UPDATE, {
            args: [{ iteration: '', ...resolution }],
            updateId: `resolve ${resolution.nodeId}`,
          });
        },
        cancel: async () => {
          await handle.cancel();
        },
      });
      const outcome = await outcomeOf(handle);
      const state = await handle.query<ExecutionState>(STATE_QUERY);
      return {
        ...outcome,
        nodes: Object.fromEntries(state.nodes.map(({ nodeId, status }) => [nodeId, status])),
        recorded: [...new Set(recorded.map(({ nodeId, status }) => `${nodeId} ${status}`))],
      };
    },

    async stop() {
      for (const worker of workers) worker.shutdown();
      await ended;
    },
  };
}

async function outcomeOf(handle: WorkflowHandle): Promise<Pick<ShapeEnd, 'status' | 'with'>> {
  try {
    const { result } = await handle.result();
    return { status: 'COMPLETED', with: result };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { status } = await handle.describe();
    const { cause } = error;
    return {
      status: status.name,
      with: cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined,
    };
  }
}

/** By node, the attempts that were begun, by what Temporal calls them. */
type Begun = Map<string, string[]>;

/** @returns 1 for the first; the same again for one that a worker begins anew after losing it */
function attemptOf(begun: Begun, nodeId: string): number {
  const { activityId, attempt } = Context.current().info;
  const known = begun.get(nodeId) ?? [];
  const id = `${activityId}/${attempt}`;
  if (!known.includes(id)) known.push(id);
  begun.set(nodeId, known);
  return known.indexOf(id) + 1;
}

async function untilBegun(begun: Begun, nodeId: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!begun.has(nodeId)) {
    if (Date.now() > deadline) throw new Error(`No attempt at "${nodeId}" was begun.`);
    await sleep(20);
  }
}

async function untilNode(
  handle: WorkflowHandle,
  nodeId: string,
  wanted: NodeStatus,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { nodes } = await handle.query<ExecutionState>(STATE_QUERY);
    if (nodes.find((node) => node.nodeId === nodeId)?.status === wanted) {
      // What follows must not meet the workflow task that led here, or histories would vary.
      const { raw } = await handle.describe();
      if (!raw.pendingWorkflowTask) return;
    }
    if (Date.now() > deadline) throw new Error(`"${nodeId}" did not come to be ${wanted}.`);
    await sleep(50);
  }
}

/** A cancellation reaches a queued activity with the answer to a heartbeat. */
async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => {
    if (!context.info.isLocal) context.heartbeat();
  }, 100);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}
