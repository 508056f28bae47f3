/**
 * Plans: a validated definition and the connectors' manifests become a frozen ExecutionPlan, in
 * which every default is filled in. Pure.
 */
import type { CatalogView, OperationView } from './catalog-view.ts';
import { type Definition, type DefinitionNode, type Graph, graphSchema } from './definition.ts';
import { durationSchema, durationToMs } from './duration.ts';
import type { JsonObject } from './json.ts';
import type {
  ExecutionPlan,
  OperationPlanNode,
  PlanConnection,
  PlanGraph,
  PlanNode,
} from './plan-types.ts';
import { OPERATION_OUTPUTS, resolveType } from './resolve-type.ts';
import { validateDefinition } from './validate.ts';

/**
 * An attempt that may take longer isn't run as a local activity: those keep a workflow task open,
 * which the server must be told every few seconds.
 */
const LONGEST_LOCAL_MS = 30_000;

/**
 * Default back-off: 2, 4, 8, … 128 s, about four minutes in all, so that a provider's limit per
 * minute passes before the attempts are used up.
 */
const DEFAULT_RETRY = {
  maximumAttempts: 8,
  initialIntervalMs: 2_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 300_000,
};

/**
 * @param definition a definition without errors
 * @param options.version the published version that the plan belongs to
 * @throws Error if the definition has errors: publishing validates first
 */
export function planDefinition(
  definition: Definition,
  catalog: CatalogView,
  options: { readonly version: number },
): ExecutionPlan {
  const errors = validateDefinition(definition, catalog).filter(
    (issue) => issue.severity === 'error',
  );
  if (errors.length > 0) {
    throw new Error(
      `Definition "${definition.workflowId}" can’t be planned: ${errors[0]?.message ?? ''}`,
    );
  }
  const { timeout } = definition.settings;
  return {
    planVersion: 1,
    workflowId: definition.workflowId,
    name: definition.name,
    version: options.version,
    ...planGraph(definition, catalog),
    ...(timeout === undefined ? {} : { timeoutMs: durationToMs(timeout) }),
  };
}

function planGraph(graph: Graph, catalog: CatalogView): PlanGraph {
  const nodes = graph.nodes.map((node) => planNode(node, graph, catalog));
  const outputs = new Map(nodes.map((node) => [node.id, node.outputs]));
  const connections: PlanConnection[] = graph.connections.map((connection) => ({
    from: connection.from,
    output: connection.output ?? outputs.get(connection.from)?.[0] ?? 'success',
    to: connection.to,
  }));
  return { nodes, connections };
}

export interface SingleNodeCall {
  readonly workflowId: string;
  readonly nodeId: string;
  readonly connector: string;
  readonly config: JsonObject;
  readonly credential?: string;
}

/** Plans the run of one node by itself. @throws Error if the connector or its operation is unknown */
export function planSingleNode(call: SingleNodeCall, catalog: CatalogView): ExecutionPlan {
  const node: DefinitionNode = {
    id: call.nodeId,
    type: call.connector,
    config: call.config,
    ...(call.credential === undefined ? {} : { credential: call.credential }),
  };
  return {
    planVersion: 1,
    workflowId: call.workflowId,
    name: `${call.workflowId}: ${call.nodeId}`,
    version: 0,
    nodes: [planNode(node, { nodes: [node], connections: [] }, catalog)],
    connections: [],
  };
}

/** @throws Error if the node's type or operation is unknown */
export function planNode(node: DefinitionNode, graph: Graph, catalog: CatalogView): PlanNode {
  const resolved = resolveType(node, catalog);
  if (resolved.kind === 'unknown') {
    throw new Error(`Node "${node.id}" has an unknown ${resolved.what}.`);
  }
  const base = {
    id: node.id,
    name: node.name ?? node.id,
    join: node.join ?? 'all',
    onError: node.onError ?? defaultOnError(node, graph),
    ...(node.disabled === true ? { disabled: true } : {}),
    ...(node.undo === undefined ? {} : { undo: node.undo }),
  } as const;
  if (resolved.kind === 'control') {
    return {
      ...base,
      kind: 'control',
      type: resolved.manifest.type,
      config: node.config as JsonObject,
      rawFields: resolved.manifest.rawFields,
      outputs: resolved.manifest.outputs(node.config),
      ...(node.type === 'forEach'
        ? { body: planGraph(graphSchema.parse(node.config.body), catalog) }
        : {}),
    };
  }
  return { ...base, ...planOperation(node, resolved.operation) };
}

function defaultOnError(node: DefinitionNode, graph: Graph): 'fail' | 'error' {
  return graph.connections.some(
    (connection) => connection.from === node.id && connection.output === 'error',
  )
    ? 'error'
    : 'fail';
}

function planOperation(
  node: DefinitionNode,
  operation: OperationView,
): Omit<OperationPlanNode, 'id' | 'name' | 'join' | 'onError'> {
  const { operation: _operation, ...config } = node.config;
  const timeoutMs = attemptLimit(node, operation);
  const queued =
    node.dispatch === 'queued' || operation.duration === 'long' || timeoutMs > LONGEST_LOCAL_MS;
  return {
    kind: 'operation',
    type: node.type,
    operation: operation.name,
    config: config as JsonObject,
    rawFields: operation.rawFields ?? [],
    receivesScope: operation.receivesScope ?? false,
    outputs: OPERATION_OUTPUTS,
    ...(node.credential === undefined ? {} : { credential: node.credential }),
    dispatch: queued ? 'queued' : 'local',
    timeoutMs,
    onUnknown: node.onUnknown ?? 'hold',
    retry: planRetry(node.retry),
  };
}

function planRetry(retry: DefinitionNode['retry']): OperationPlanNode['retry'] {
  const initialIntervalMs =
    retry?.initialInterval === undefined
      ? DEFAULT_RETRY.initialIntervalMs
      : durationToMs(retry.initialInterval);
  return {
    maximumAttempts: retry?.maximumAttempts ?? DEFAULT_RETRY.maximumAttempts,
    initialIntervalMs,
    backoffCoefficient: retry?.backoffCoefficient ?? DEFAULT_RETRY.backoffCoefficient,
    // Whoever asks for a long first interval doesn't mean that the later ones are shorter.
    maximumIntervalMs:
      retry?.maximumInterval === undefined
        ? Math.max(DEFAULT_RETRY.maximumIntervalMs, initialIntervalMs)
        : durationToMs(retry.maximumInterval),
  };
}

/** The node's own limit, else the operation's, with what the config asks for on top. */
function attemptLimit(node: DefinitionNode, operation: OperationView): number {
  if (node.timeout !== undefined) return durationToMs(node.timeout);
  const asked =
    operation.timeoutField === undefined ? undefined : node.config[operation.timeoutField];
  // An expression isn't known yet: the run is cut at the operation's default.
  const duration = durationSchema.safeParse(asked);
  return operation.timeoutMs + (duration.success ? durationToMs(duration.data) : 0);
}
