/**
 * Interprets an ExecutionPlan: starts what the scheduler says is ready, renders each node's config,
 * runs it, and tells the scheduler through which output it went. All decisions are in the pure
 * modules under graph/; all effects are in activities.
 *
 * The workflow ends as the execution does: completed, failed (with the error's code as failure
 * type), or cancelled, so that Temporal's own lists and alerts tell the truth.
 */

import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineUpdate,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { ExecutionActivities, ExecutionEnd, RunNodeInput } from './activity-contract.ts';
import {
  type ExecutionError,
  type ExecutionState,
  RESOLVE_NODE_UPDATE,
  type ResolveNodeInput,
  type RunAutomationInput,
  type RunAutomationResult,
  STATE_QUERY,
} from './contract.ts';
import { createProgress } from './execution-progress.ts';
import { ConditionError, evaluateCondition } from './graph/conditions.ts';
import { ExpressionError, renderValue } from './graph/expressions.ts';
import type { Json, JsonObject } from './graph/json.ts';
import type { ControlPlanNode, OperationPlanNode, PlanNode } from './graph/plan-types.ts';
import { createScheduler } from './graph/scheduler.ts';
import { dispatchNode, failureDetail } from './node-dispatch.ts';

const stateQuery = defineQuery<ExecutionState>(STATE_QUERY);
const resolveNodeUpdate = defineUpdate<void, [ResolveNodeInput]>(RESOLVE_NODE_UPDATE);
const statusAttribute = defineSearchAttributeKey('MasarStatus', SearchAttributeType.KEYWORD);

/** Bookkeeping that must happen: tried again until it did, whatever the database goes through. */
const book = proxyLocalActivities<ExecutionActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** What a node ended with: the outputs it leaves through, or the failure that ends the execution. */
type NodeEnd = { readonly ports: readonly string[] } | { readonly failure: ExecutionError };

type SettledNode = {
  readonly status: 'succeeded' | 'failed';
  readonly output: Json;
  readonly error: JsonObject | null;
};

export async function runAutomation(input: RunAutomationInput): Promise<RunAutomationResult> {
  const { plan } = input;
  const nodesById = new Map(plan.nodes.map((node) => [node.id, node]));
  const scheduler = createScheduler(plan);
  const progress = createProgress(plan, { now: () => Date.now(), changed: setCurrentDetails });
  const settled: Record<string, SettledNode> = {};
  const vars: Record<string, Json> = {};
  const held = new Map<string, ResolveNodeInput | null>();
  let failure: ExecutionError | null = null;
  let timedOut = false;
  let started = false;

  setHandler(stateQuery, () => progress.state());
  setHandler(
    resolveNodeUpdate,
    (resolution) => {
      held.set(resolution.nodeId, resolution);
    },
    {
      validator: ({ nodeId }) => {
        if (!held.has(nodeId)) {
          throw ApplicationFailure.nonRetryable(
            `Node "${nodeId}" isn’t waiting for a resolution.`,
            'not_unknown',
          );
        }
        if (held.get(nodeId) !== null) {
          throw ApplicationFailure.nonRetryable(
            `Node "${nodeId}" has been resolved already.`,
            'already_resolved',
          );
        }
      },
    },
  );

  function scope(): { readonly [root: string]: Json } {
    return {
      lead: input.lead,
      input: input.input,
      trigger: input.trigger,
      nodes: settled,
      execution: { id: input.executionId },
      workflow: { id: plan.workflowId, name: plan.name },
      vars,
    };
  }

  /** Starts what is ready, and after each of those nodes what it made ready. */
  async function advance(): Promise<void> {
    const branches = scheduler.ready().map(async (nodeId) => {
      scheduler.start(nodeId);
      const node = nodeOf(nodeId);
      const end = await runNode(node);
      if ('failure' in end) {
        failure ??= end.failure;
        skip(scheduler.settle(nodeId, []));
        skip(scheduler.halt());
      } else {
        skip(scheduler.settle(nodeId, end.ports));
      }
      await advance();
    });
    // Every branch comes to its end before an error goes up: none is left running unattended.
    for (const branch of await Promise.allSettled(branches)) {
      if (branch.status === 'rejected') throw branch.reason;
    }
  }

  function nodeOf(nodeId: string): PlanNode {
    const node = nodesById.get(nodeId);
    if (node === undefined) throw new Error(`The plan has no node "${nodeId}".`);
    return node;
  }

  function skip(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) progress.set(nodeOf(nodeId), 'skipped', { record: true });
  }

  async function runNode(node: PlanNode): Promise<NodeEnd> {
    progress.set(node, 'running');
    let config: JsonObject;
    try {
      config = renderConfig(node, scope());
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return fail(node, expressionFailure(node, error), { record: true });
    }
    return node.kind === 'control' ? runControl(node, config) : runOperation(node, config);
  }

  function runControl(node: ControlPlanNode, config: JsonObject): NodeEnd {
    switch (node.type) {
      case 'condition': {
        try {
          const holds = evaluateCondition(config);
          return succeed(node, { result: holds }, holds ? 'true' : 'false', config);
        } catch (error) {
          if (!(error instanceof ConditionError)) throw error;
          const reason = { code: 'invalid_condition', message: error.message, nodeId: node.id };
          return fail(node, reason, { record: true, input: config });
        }
      }
      case 'set': {
        const values = (config.values ?? {}) as JsonObject;
        Object.assign(vars, values);
        return succeed(node, values, 'success', config);
      }
    }
  }

  function succeed(node: ControlPlanNode, output: Json, port: string, config: JsonObject): NodeEnd {
    settled[node.id] = { status: 'succeeded', output, error: null };
    progress.set(node, 'succeeded', { record: true, input: config, output, port });
    return { ports: [port] };
  }

  async function runOperation(node: OperationPlanNode, config: JsonObject): Promise<NodeEnd> {
    for (;;) {
      try {
        const result = await dispatchNode(node, nodeInput(node, config), {
          retrying: (detail) => {
            progress.set(node, 'retrying', { attempts: detail.attempt, error: detail.error });
          },
        });
        settled[node.id] = { status: 'succeeded', output: result.output, error: null };
        progress.set(node, 'succeeded', { attempts: result.attempt });
        return { ports: ['success'] };
      } catch (error) {
        if (isCancellation(error)) {
          progress.set(node, 'cancelled');
          throw error;
        }
        const detail = failureDetail(error);
        // Nobody has told the ledger of it, so the workflow does.
        if (detail === undefined) return fail(node, lostAttempt(node), { record: true });
        const attempts = { attempts: detail.attempt };
        if (detail.verdict !== 'unknown') return fail(node, detail.error, attempts);
        progress.set(node, 'unknown', { ...attempts, error: detail.error });
        const resolution = await askPerson(node);
        if (resolution.outcome === 'sent') {
          settled[node.id] = {
            status: 'succeeded',
            output: resolution.output ?? null,
            error: null,
          };
          progress.set(node, 'succeeded', { error: null });
          return { ports: ['success'] };
        }
        if (resolution.outcome === 'not_sent') return fail(node, detail.error, attempts);
        progress.set(node, 'running');
      }
    }
  }

  /** Holds the execution until somebody says what became of a send. */
  async function askPerson(node: OperationPlanNode): Promise<ResolveNodeInput> {
    held.set(node.id, null);
    await showStatus('unknown');
    await condition(() => held.get(node.id) !== null);
    const resolution = held.get(node.id);
    if (resolution === null || resolution === undefined) throw new Error('A resolution was lost.');
    await book['execution.resolve']({
      executionId: input.executionId,
      nodeId: node.id,
      iteration: '',
      outcome: resolution.outcome,
      output: resolution.output ?? null,
    });
    held.delete(node.id);
    if (held.size === 0) await showStatus('running');
    return resolution;
  }

  async function showStatus(status: 'running' | 'unknown'): Promise<void> {
    progress.setStatus(status);
    upsertSearchAttributes([{ key: statusAttribute, value: status }]);
    await book['execution.status']({ executionId: input.executionId, status });
  }

  function nodeInput(node: OperationPlanNode, config: JsonObject): RunNodeInput {
    const marksRunning = !started;
    started = true;
    return {
      executionId: input.executionId,
      projectId: input.projectId,
      workflowId: plan.workflowId,
      leadId: input.leadId,
      mode: input.mode,
      nodeId: node.id,
      name: node.name,
      iteration: '',
      connector: node.type,
      operation: node.operation,
      input: config,
      ...(node.receivesScope ? { scope: scope() } : {}),
      ...(node.credential === undefined ? {} : { credential: node.credential }),
      timeoutMs: node.timeoutMs,
      maximumAttempts: node.retry.maximumAttempts,
      onUnknown: node.onUnknown,
      retry: node.retry,
      marksRunning,
      records: progress.takeRecords(),
    };
  }

  /** A failed node ends the execution, or goes on through an output, as its onError says. */
  function fail(
    node: PlanNode,
    error: ExecutionError,
    change: { readonly record?: boolean; readonly attempts?: number; readonly input?: Json },
  ): NodeEnd {
    settled[node.id] = {
      status: 'failed',
      output: null,
      error: { code: error.code, message: error.message },
    };
    progress.set(node, 'failed', { ...change, error });
    switch (node.onError) {
      case 'fail':
        return { failure: error };
      case 'continue':
        return { ports: [node.outputs[0] ?? 'success'] };
      case 'error':
        return { ports: ['error'] };
    }
  }

  async function end(how: ExecutionEnd): Promise<void> {
    await CancellationScope.nonCancellable(async () => {
      await book['execution.end']({
        executionId: input.executionId,
        end: how,
        records: progress.takeRecords(),
      });
      progress.setStatus(how.status);
      upsertSearchAttributes([{ key: statusAttribute, value: how.status }]);
    });
  }

  function result(): JsonObject {
    const followed = new Set(plan.connections.map((connection) => connection.from));
    return Object.fromEntries(
      Object.entries(settled)
        .filter(([nodeId, node]) => !followed.has(nodeId) && node.status === 'succeeded')
        .map(([nodeId, node]) => [nodeId, node.output]),
    );
  }

  const whole = new CancellationScope();
  try {
    await whole.run(async () => {
      if (plan.timeoutMs === undefined) return advance();
      // The timer is left behind on purpose: the workflow's end removes it. Cancelled with the
      // execution it has nothing to say, and nobody waits for it to say so.
      sleep(plan.timeoutMs, { summary: 'Time limit of the execution' }).then(
        () => {
          timedOut = true;
          whole.cancel();
        },
        () => undefined,
      );
      await CancellationScope.cancellable(advance);
    });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    for (const state of progress.state().nodes) {
      if (state.status === 'pending')
        progress.set(nodeOf(state.nodeId), 'skipped', { record: true });
    }
    if (timedOut) {
      const reason = {
        code: 'execution_timed_out',
        message: `The execution took longer than the ${plan.timeoutMs} ms that its settings allow.`,
      };
      await end({ status: 'timed_out', result: null, error: reason });
      throw ApplicationFailure.nonRetryable(reason.message, reason.code);
    }
    await end({ status: 'cancelled', result: null, error: null });
    throw new CancelledFailure('The execution was cancelled.');
  }

  if (failure !== null) {
    const reason: ExecutionError = failure;
    await end({ status: 'failed', result: null, error: reason });
    throw ApplicationFailure.nonRetryable(reason.message, reason.code, reason);
  }
  const outcome: RunAutomationResult = { status: 'succeeded', result: result() };
  await end({ status: 'succeeded', result: outcome.result, error: null });
  return outcome;
}

/** Renders a node's config, except fields that are program text. */
function renderConfig(node: PlanNode, scope: { readonly [root: string]: Json }): JsonObject {
  const raw = node.kind === 'operation' ? node.rawFields : [];
  return Object.fromEntries(
    Object.entries(node.config).map(([field, value]) => [
      field,
      raw.includes(field) ? value : renderValue(value, scope, `/config/${field}`),
    ]),
  );
}

function expressionFailure(node: PlanNode, error: ExpressionError): ExecutionError {
  return {
    code: error.code,
    message: `"${node.name}" couldn’t be prepared: ${error.message}`,
    nodeId: node.id,
    details: { pointer: error.pointer },
  };
}

function lostAttempt(node: PlanNode): ExecutionError {
  return {
    code: 'attempt_lost',
    message: `"${node.name}" was begun several times and its worker never reported back. Look at the workers’ logs for what ended them.`,
    nodeId: node.id,
  };
}
