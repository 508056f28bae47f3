/**
 * Runs one graph: the execution's own, or the body of a forEach for one item. It asks the scheduler
 * what is ready, renders, runs, and tells it through which output a node went.
 */
import { isCancellation } from '@temporalio/workflow';
import type { RunNodeInput } from './activity-contract.ts';
import type { ExecutionError, KeptResult, NodeStatus } from './contract.ts';
import { runControlNode } from './control-node-runs.ts';
import type { NodeChange } from './execution-progress.ts';
import { ExpressionError, type ExpressionScope, renderValue } from './graph/expressions.ts';
import type { Json, JsonObject } from './graph/json.ts';
import type { OperationPlanNode, PlanGraph, PlanNode } from './graph/plan-types.ts';
import { createScheduler } from './graph/scheduler.ts';
import { dispatchNode, failureDetail } from './node-dispatch.ts';
import type { RunContext } from './run-context.ts';

/** What expressions see of a node that is through: `nodes.<id>`. */
export type SettledNode = {
  readonly status: 'succeeded' | 'failed';
  readonly output: Json;
  readonly error: JsonObject | null;
};

/** What a node ended with: the outputs it leaves through, or the failure that ends its graph. */
export type NodeEnd = { readonly ports: readonly string[] } | { readonly failure: ExecutionError };

/** A control node's own doing, before its onError is applied. */
export type ControlOutcome =
  | { readonly output: Json; readonly port: string }
  | { readonly error: ExecutionError };

export interface GraphRunOptions {
  readonly graph: PlanGraph;
  /** Empty for the outermost graph; `"3"` for the fourth item, `"3.0"` nested. */
  readonly iteration: string;
  /** `item` and `index` inside a forEach. */
  readonly extraScope?: ExpressionScope;
  /** Nodes around a forEach, which its body may refer to. */
  readonly outer?: Readonly<Record<string, SettledNode>>;
  readonly kept?: Readonly<Record<string, KeptResult>>;
}

export interface GraphRun {
  readonly iteration: string;
  /** Runs to the end. @returns the failure that stopped it, or null. @throws on cancellation */
  run(): Promise<ExecutionError | null>;
  /** Runs a node by itself, outside of the graph's order (compensation). */
  runAlone(node: PlanNode): Promise<void>;
  scope(): ExpressionScope;
  settled(): Readonly<Record<string, SettledNode>>;
  /** Nodes around this graph that expressions in it may refer to. */
  outer(): Readonly<Record<string, SettledNode>>;
  /** Outputs of the nodes that nothing follows, by node id. */
  result(): JsonObject;
}

export function createGraphRun(context: RunContext, options: GraphRunOptions): GraphRun {
  const { graph, iteration } = options;
  const compensations = new Set(graph.nodes.map((node) => node.undo));
  const flow = {
    nodes: graph.nodes.filter((node) => !compensations.has(node.id)),
    connections: graph.connections,
  };
  const nodesById = new Map(graph.nodes.map((node) => [node.id, node]));
  const scheduler = createScheduler(flow);
  const settled: Record<string, SettledNode> = {};
  let failure: ExecutionError | null = null;

  const self: GraphRun = {
    iteration,
    run: async () => {
      await advance();
      return failure;
    },
    runAlone: async (node) => {
      await runNode(node);
    },
    scope,
    settled: () => settled,
    outer: () => options.outer ?? {},
    result: () => {
      const followed = new Set(graph.connections.map((connection) => connection.from));
      return Object.fromEntries(
        Object.entries(settled)
          .filter(([nodeId, node]) => !followed.has(nodeId) && node.status === 'succeeded')
          .map(([nodeId, node]) => [nodeId, node.output]),
      );
    },
  };
  return self;

  function scope(): ExpressionScope {
    const nodes = options.outer === undefined ? settled : { ...options.outer, ...settled };
    return { ...context.baseScope(), nodes, ...options.extraScope };
  }

  /** Starts what is ready, and after each of those nodes what it made ready. */
  async function advance(): Promise<void> {
    const branches = scheduler.ready().map(async (nodeId) => {
      scheduler.start(nodeId);
      const end = await runNode(nodeOf(nodeId));
      if ('failure' in end) {
        failure ??= end.failure;
        skip(scheduler.settle(nodeId, []));
        skip(scheduler.halt());
      } else {
        skip(scheduler.settle(nodeId, end.ports));
      }
      await advance();
      if (iteration === '') await context.branchEnded();
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

  function set(node: PlanNode, status: NodeStatus, change?: NodeChange): void {
    context.progress.set(node, status, change, iteration);
  }

  function skip(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) set(nodeOf(nodeId), 'skipped', { record: true });
  }

  async function runNode(node: PlanNode): Promise<NodeEnd> {
    if (node.disabled === true) {
      set(node, 'skipped', { record: true });
      settled[node.id] = { status: 'succeeded', output: null, error: null };
      return { ports: [node.outputs[0] ?? 'success'] };
    }
    const kept = options.kept?.[node.id];
    if (kept !== undefined) return keep(node, kept);
    await context.interactions.passGate();
    set(node, 'running');
    let config: JsonObject;
    try {
      config = renderConfig(node, scope());
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return fail(node, expressionFailure(node, error), { record: true });
    }
    if (node.kind === 'operation') return runOperation(node, config);
    try {
      const outcome = await runControlNode(context, self, node, config);
      if ('error' in outcome) return fail(node, outcome.error, { record: true, input: config });
      settled[node.id] = { status: 'succeeded', output: outcome.output, error: null };
      remember(node);
      const { output, port } = outcome;
      set(node, 'succeeded', { record: true, input: loggedInput(node, config), output, port });
      return { ports: [port] };
    } catch (error) {
      if (isCancellation(error)) set(node, 'cancelled', { record: true });
      throw error;
    }
  }

  function keep(node: PlanNode, { output, port }: KeptResult): NodeEnd {
    settled[node.id] = { status: 'succeeded', output, error: null };
    remember(node);
    set(node, 'succeeded', { record: true, output, port });
    return { ports: [port] };
  }

  /** Notes that the node's effect may have to be taken back. */
  function remember(node: PlanNode): void {
    if (node.undo !== undefined) context.undoable.push({ run: self, node: nodeOf(node.undo) });
  }

  async function runOperation(node: OperationPlanNode, config: JsonObject): Promise<NodeEnd> {
    const place = { nodeId: node.id, iteration };
    for (;;) {
      try {
        const result = await context.atWork(() =>
          dispatchNode(node, nodeInput(node, config), {
            retrying: (detail) =>
              set(node, 'retrying', { attempts: detail.attempt, error: detail.error }),
          }),
        );
        return succeeded(node, result.output, { attempts: result.attempt });
      } catch (error) {
        if (isCancellation(error)) {
          set(node, 'cancelled');
          throw error;
        }
        const detail = failureDetail(error);
        // Nobody has told the ledger of it, so the workflow does.
        if (detail === undefined) return fail(node, lostAttempt(node), { record: true });
        const attempts = { attempts: detail.attempt };
        if (detail.verdict !== 'unknown') return fail(node, detail.error, attempts);
        set(node, 'unknown', { ...attempts, error: detail.error });
        const resolution = await context.askResolution(place);
        if (resolution.outcome === 'sent') {
          return succeeded(node, resolution.output ?? null, { error: null });
        }
        if (resolution.outcome === 'not_sent') return fail(node, detail.error, attempts);
        set(node, 'running');
      }
    }
  }

  function succeeded(node: PlanNode, output: Json, change: NodeChange): NodeEnd {
    settled[node.id] = { status: 'succeeded', output, error: null };
    remember(node);
    set(node, 'succeeded', change);
    return { ports: ['success'] };
  }

  function nodeInput(node: OperationPlanNode, config: JsonObject): RunNodeInput {
    const { input } = context;
    return {
      executionId: input.executionId,
      projectId: input.projectId,
      workflowId: input.plan.workflowId,
      leadId: input.leadId,
      mode: input.mode,
      nodeId: node.id,
      name: node.name,
      iteration,
      connector: node.type,
      operation: node.operation,
      input: config,
      ...(node.receivesScope ? { scope: scope() } : {}),
      ...(node.credential === undefined ? {} : { credential: node.credential }),
      timeoutMs: node.timeoutMs,
      maximumAttempts: node.retry.maximumAttempts,
      onUnknown: node.onUnknown,
      retry: node.retry,
      marksRunning: context.takeFirst(),
      records: context.progress.takeRecords(),
    };
  }

  /** A failed node ends the graph, or goes on through an output, as its onError says. */
  function fail(node: PlanNode, error: ExecutionError, change: NodeChange): NodeEnd {
    const { code, message } = error;
    settled[node.id] = { status: 'failed', output: null, error: { code, message } };
    set(node, 'failed', { ...change, error });
    switch (node.onError) {
      case 'fail':
        return { failure: error };
      case 'continue':
        return { ports: [node.outputs[0] ?? 'success'] };
      case 'error':
        return { ports: ['error'] };
    }
  }
}

/** Renders a node's config, except fields that are program text or graphs. */
function renderConfig(node: PlanNode, scope: ExpressionScope): JsonObject {
  const raw = node.rawFields ?? [];
  return Object.fromEntries(
    Object.entries(node.config).map(([field, value]) => [
      field,
      raw.includes(field) ? value : renderValue(value, scope, `/config/${field}`),
    ]),
  );
}

/** The body of a forEach stands in the plan already; repeating it in every row says nothing. */
function loggedInput(node: PlanNode, config: JsonObject): JsonObject {
  const raw = node.rawFields ?? [];
  return Object.fromEntries(Object.entries(config).filter(([field]) => !raw.includes(field)));
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
