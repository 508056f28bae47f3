/**
 * Runs one graph: the execution's own, or the body of a forEach for one item. It asks the scheduler
 * what is ready, renders, runs, and tells it through which output a node went.
 */
import { isCancellation } from '@temporalio/workflow';
import type { NodeFailureDetail, RunNodeInput } from './activity-contract.ts';
import type { GraphState, OpenNode, SettledNode } from './continuation.ts';
import type { ExecutionError, KeptResult, NodeStatus } from './contract.ts';
import { runControlNode } from './control-node-runs.ts';
import type { NodeChange } from './execution-progress.ts';
import { ExpressionError, type ExpressionScope } from './graph/expressions.ts';
import type { Json, JsonObject } from './graph/json.ts';
import type {
  ControlPlanNode,
  OperationPlanNode,
  PlanGraph,
  PlanNode,
} from './graph/plan-types.ts';
import { createScheduler } from './graph/scheduler.ts';
import { expressionFailure, loggedInput, lostAttempt, renderConfig } from './node-config.ts';
import { dispatchNode, failureDetail } from './node-dispatch.ts';
import type { RunContext } from './run-context.ts';

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
  /** The forEach nodes around the graph, the outermost first. */
  readonly path?: readonly string[];
  /** Where an earlier run of the same execution stopped. */
  readonly state?: GraphState;
}

export interface GraphRun {
  readonly iteration: string;
  readonly path: readonly string[];
  /** `item` and `index` inside a forEach. */
  readonly item: ExpressionScope;
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
  /** Says how a node that waits is found again by a run that goes on with the execution. */
  leaveOpen(nodeId: string, state: () => OpenNode): void;
  /** Where the graph stands while none of its nodes is at work. */
  state(): GraphState;
}

export function createGraphRun(context: RunContext, options: GraphRunOptions): GraphRun {
  const { graph, iteration } = options;
  const compensations = new Set(graph.nodes.map((node) => node.undo));
  const flow = {
    nodes: graph.nodes.filter((node) => !compensations.has(node.id)),
    connections: graph.connections,
  };
  const nodesById = new Map(graph.nodes.map((node) => [node.id, node]));
  const scheduler = createScheduler(flow, options.state?.scheduler);
  const settled: Record<string, SettledNode> = { ...options.state?.settled };
  const open = new Map<string, () => OpenNode>();
  let failure: ExecutionError | null = options.state?.failure ?? null;

  const self: GraphRun = {
    iteration,
    path: options.path ?? [],
    item: options.extraScope ?? {},
    run: runToEnd,
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
    leaveOpen: (nodeId, state) => {
      open.set(nodeId, state);
    },
    state: () => ({
      scheduler: scheduler.snapshot(),
      settled,
      failure,
      nodes: Object.fromEntries([...open].map(([nodeId, state]) => [nodeId, state()])),
    }),
  };
  return self;

  function scope(): ExpressionScope {
    const nodes = options.outer === undefined ? settled : { ...options.outer, ...settled };
    return { ...context.baseScope(), nodes, ...options.extraScope };
  }

  /**
   * Starts what is ready, and after each end what that made ready, until nothing is at work. One
   * promise for the whole graph instead of several for each node: the SDK traces every promise of a
   * workflow, which is a good part of what an execution costs.
   */
  function runToEnd(): Promise<ExecutionError | null> {
    return new Promise((resolve, reject) => {
      let atWork = 0;
      let fault: { readonly error: unknown } | undefined;

      /** @returns whether anything was started */
      function startReady(): boolean {
        let hasStarted = false;
        // A control node may end at once and make others ready.
        for (let ready = scheduler.ready(); ready.length > 0; ready = scheduler.ready()) {
          hasStarted = true;
          for (const nodeId of ready) scheduler.start(nodeId);
          begin(ready);
        }
        return hasStarted;
      }

      /** All begin before one settles: one that fails at once halts what comes after, not these. */
      function begin(nodeIds: readonly string[]): void {
        const ends = nodeIds.map((nodeId) => ({ nodeId, end: runNode(nodeOf(nodeId)) }));
        for (const { nodeId, end } of ends) {
          if (end instanceof Promise) waitFor(end, (reached) => settle(nodeId, reached));
          else settle(nodeId, end);
        }
      }

      function waitFor<T>(work: Promise<T>, done: (result: T) => void): void {
        atWork += 1;
        context.drain.began();
        work.then(
          (result) => {
            atWork -= 1;
            context.drain.ended();
            done(result);
            if (!startReady()) branchEnded();
            finish();
          },
          (error: unknown) => {
            // The other branches come to their end first: none is left running unattended.
            atWork -= 1;
            context.drain.ended();
            fault ??= { error };
            finish();
          },
        );
      }

      function branchEnded(): void {
        if (iteration !== '') return;
        const shown = context.branchEnded();
        if (shown !== undefined) waitFor(shown, () => undefined);
      }

      function finish(): void {
        if (atWork > 0) return;
        if (fault === undefined) resolve(failure);
        else reject(fault.error);
      }

      begin(scheduler.running());
      startReady();
      finish();
    });
  }

  function settle(nodeId: string, end: NodeEnd): void {
    open.delete(nodeId);
    if ('failure' in end) {
      failure ??= end.failure;
      skip(scheduler.settle(nodeId, []));
      skip(scheduler.halt());
    } else {
      skip(scheduler.settle(nodeId, end.ports));
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

  /** Answers at once where nothing has to be waited for. */
  function runNode(node: PlanNode): NodeEnd | Promise<NodeEnd> {
    if (node.disabled === true) {
      set(node, 'skipped', { record: true });
      settled[node.id] = { status: 'succeeded', output: null, error: null };
      return { ports: [node.outputs[0] ?? 'success'] };
    }
    const kept = options.kept?.[node.id];
    if (kept !== undefined) return keep(node, kept);
    // What waits already waits on, even while the execution is paused.
    const left = options.state?.nodes[node.id];
    if (left !== undefined) return goOn(node, left);
    const gate = context.passGate();
    return gate === undefined ? enter(node) : gate.then(() => enter(node));
  }

  function enter(node: PlanNode): NodeEnd | Promise<NodeEnd> {
    set(node, 'running');
    let config: JsonObject;
    try {
      config = renderConfig(node, scope());
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return fail(node, expressionFailure(node, error), { record: true });
    }
    return node.kind === 'operation' ? runOperation(node, config) : runControl(node, config);
  }

  function goOn(node: PlanNode, left: OpenNode): Promise<NodeEnd> | NodeEnd {
    if (node.kind === 'control') return runControl(node, left.config, left);
    if (left.kind !== 'held') throw new Error(`"${node.id}" can't go on as ${left.kind}.`);
    return hold(node, left.config, left);
  }

  function runControl(
    node: ControlPlanNode,
    config: JsonObject,
    left?: OpenNode,
  ): NodeEnd | Promise<NodeEnd> {
    const outcome = runControlNode(context, self, {
      node,
      config,
      ...(left === undefined ? {} : { left }),
    });
    if (!(outcome instanceof Promise)) return controlEnd(node, config, outcome);
    return outcome.then(
      (reached) => controlEnd(node, config, reached),
      (error: unknown) => {
        if (isCancellation(error)) set(node, 'cancelled', { record: true });
        throw error;
      },
    );
  }

  function controlEnd(node: ControlPlanNode, config: JsonObject, outcome: ControlOutcome): NodeEnd {
    if ('error' in outcome) return fail(node, outcome.error, { record: true, input: config });
    const { output, port } = outcome;
    settled[node.id] = { status: 'succeeded', output, error: null };
    remember(node);
    set(node, 'succeeded', { record: true, input: loggedInput(node, config), output, port });
    return { ports: [port] };
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

  function runOperation(node: OperationPlanNode, config: JsonObject): Promise<NodeEnd> {
    return context
      .atWork(() =>
        dispatchNode(node, nodeInput(node, config), {
          attempts: context.attempts,
          retrying: (detail) =>
            set(node, 'retrying', { attempts: detail.attempt, error: detail.error }),
        }),
      )
      .then(
        ({ output, attempt }) => succeeded(node, output, { attempts: attempt }),
        (error: unknown) => operationFailed(node, config, error),
      );
  }

  function operationFailed(
    node: OperationPlanNode,
    config: JsonObject,
    error: unknown,
  ): NodeEnd | Promise<NodeEnd> {
    if (isCancellation(error)) {
      set(node, 'cancelled');
      throw error;
    }
    const detail = failureDetail(error);
    // Nobody has told the ledger of it, so the workflow does.
    if (detail === undefined) return fail(node, lostAttempt(node), { record: true });
    if (detail.verdict === 'unknown') return hold(node, config, detail);
    return fail(node, detail.error, { attempts: detail.attempt });
  }

  /** Nobody knows what became of a send, until a person says so. */
  async function hold(
    node: OperationPlanNode,
    config: JsonObject,
    { error, attempt }: Pick<NodeFailureDetail, 'error' | 'attempt'>,
  ): Promise<NodeEnd> {
    open.set(node.id, () => ({ kind: 'held', config, error, attempt }));
    set(node, 'unknown', { attempts: attempt, error });
    const resolution = await context.askResolution({ nodeId: node.id, iteration });
    switch (resolution.outcome) {
      case 'sent':
        return succeeded(node, resolution.output ?? null, { error: null });
      case 'not_sent':
        return fail(node, error, { attempts: attempt });
      case 'resend':
        open.delete(node.id);
        set(node, 'running');
        return runOperation(node, config);
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
