/** An execution as the API shows it: its row, its plan and its log rows brought together. */
import { z } from 'zod';
import { nodeLogLineSchema } from '../db/node-log.ts';
import type { LogEntry } from '../db/repositories/execution-logs.ts';
import type { ExecutionWithPlan, StoredExecution } from '../db/repositories/executions.ts';
import { FINAL_EXECUTION_STATUSES, NODE_STATUSES, type NodeStatus } from '../workflows/contract.ts';
import { allNodes, type PlanNode } from '../workflows/graph/plan-types.ts';
import type { ExecutionShown } from './execution-reader.ts';
import { executionStatusField, iso, modeField, timeField } from './fields.ts';
import { encodeCursor } from './paging.ts';
import type { ApiSettings } from './settings.ts';

export const executionErrorSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    nodeId: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'ExecutionError' });

export const linksSchema = z
  .object({
    self: z.string().meta({ example: '/api/executions/welcome-lead_01932d5c9a7b' }),
    events: z.string().meta({ description: 'Server-sent events' }),
    temporal: z
      .string()
      .nullable()
      .meta({ description: 'The run in Temporal’s Web UI; null where its address is not known' }),
  })
  .meta({ id: 'ExecutionLinks' });

/** What people see of a node's own log. */
export const nodeLogField = z.array(nodeLogLineSchema).meta({
  description: 'What the last attempt wrote to the node’s log: the console of custom code',
});

export const executionNodeSchema = z
  .object({
    nodeId: z.string(),
    name: z.string(),
    connector: z.string().meta({ description: 'Connector or control node', example: 'email' }),
    operation: z.string().meta({ example: 'send' }),
    iteration: z.string().meta({
      description: 'Empty outside forEach; `"3"` in the fourth item, `"3.0"` nested',
    }),
    status: z.enum(NODE_STATUSES),
    attempts: z.int(),
    startedAt: timeField.nullable(),
    endedAt: timeField.nullable(),
    durationMs: z.int().nullable(),
    input: z.unknown(),
    output: z.unknown(),
    outputPort: z.string().nullable(),
    error: executionErrorSchema.nullable(),
    logs: nodeLogField,
  })
  .meta({ id: 'ExecutionNode' });
export type ExecutionNodeView = z.input<typeof executionNodeSchema>;

export const executionSummarySchema = z
  .object({
    executionId: z.string(),
    workflowId: z.string(),
    version: z.int().meta({ description: '0: a single node, which belongs to no version' }),
    leadId: z.string().nullable(),
    mode: modeField,
    trigger: z.looseObject({ type: z.string() }),
    status: executionStatusField,
    queuedAt: timeField,
    startedAt: timeField.nullable(),
    endedAt: timeField.nullable(),
    durationMs: z.int().nullable(),
    result: z.unknown(),
    error: executionErrorSchema.nullable(),
    links: linksSchema,
  })
  .meta({ id: 'ExecutionSummary' });
export type ExecutionSummaryView = z.input<typeof executionSummarySchema>;

export const executionSchema = executionSummarySchema
  .extend({
    nodes: z.array(executionNodeSchema).meta({
      description: 'Of forEach bodies the first 1,000; nextNodes leads to the others',
    }),
    nextNodes: z.string().nullable().default(null).meta({
      description: 'Address of the next nodes, where there are too many for one answer; else null',
      example: '/api/executions/welcome-lead_01932d5c9a7b/nodes?cursor=WyI0MiJd',
    }),
  })
  .meta({ id: 'Execution' });
export type ExecutionView = z.input<typeof executionSchema>;

export type LinkSettings = Pick<ApiSettings, 'temporalUiUrl' | 'temporalNamespace'>;

export function executionLinks(
  executionId: string,
  settings: LinkSettings,
): z.input<typeof linksSchema> {
  const self = `/api/executions/${encodeURIComponent(executionId)}`;
  const { temporalUiUrl, temporalNamespace } = settings;
  return {
    self,
    events: `${self}/events`,
    temporal:
      temporalUiUrl === undefined
        ? null
        : `${temporalUiUrl}/namespaces/${encodeURIComponent(temporalNamespace)}/workflows/${encodeURIComponent(executionId)}`,
  };
}

/** @returns true if nothing about the execution changes any more */
export function hasEnded(execution: Pick<StoredExecution, 'status' | 'endedAt'>): boolean {
  const final: readonly string[] = FINAL_EXECUTION_STATUSES;
  return execution.endedAt !== null || final.includes(execution.status);
}

export function toExecutionSummary(
  execution: StoredExecution,
  settings: LinkSettings,
): ExecutionSummaryView {
  const { startedAt, endedAt } = execution;
  return {
    executionId: execution.executionId,
    workflowId: execution.workflowId,
    version: execution.version,
    leadId: execution.leadId,
    mode: execution.mode,
    trigger: execution.trigger,
    status: execution.status,
    queuedAt: iso(execution.queuedAt),
    startedAt: iso(startedAt),
    endedAt: iso(endedAt),
    durationMs: startedAt === null || endedAt === null ? null : +endedAt - +startedAt,
    result: execution.result,
    error: execution.error,
    links: executionLinks(execution.executionId, settings),
  };
}

/** Key of a row in the list of an execution's nodes. */
export type NodeListKey = readonly [seq: string, which: 'all' | 'inner'];

export function toExecution(
  { execution, logs, moreAfter }: ExecutionShown,
  settings: LinkSettings,
): ExecutionView {
  const { self } = executionLinks(execution.executionId, settings);
  const key: NodeListKey | undefined = moreAfter === undefined ? undefined : [moreAfter, 'inner'];
  return {
    ...toExecutionSummary(execution, settings),
    nodes: toNodes(execution, logs).map((node) => node.view),
    nextNodes: key === undefined ? null : `${self}/nodes?cursor=${encodeCursor(key)}`,
  };
}

export interface ExecutionNodeChange {
  readonly view: ExecutionNodeView;
  /** When the node last changed. */
  readonly changedAt: Date;
}

/**
 * Nodes in the order of the plan; one without a row is `pending`, or `skipped` after the end. What
 * ran in the body of a forEach follows it, in the order in which it was begun: how many items there
 * are shows only when they run. Where the definition was deleted, only nodes with a row are known.
 */
export function toNodes(
  execution: ExecutionWithPlan,
  logs: readonly LogEntry[],
): readonly ExecutionNodeChange[] {
  const rows = Map.groupBy(logs, (entry) => entry.nodeId);
  const planned = execution.plan?.nodes ?? [];
  const known = new Set(allNodes({ nodes: planned, connections: [] }).map((node) => node.id));
  const status: NodeStatus = hasEnded(execution) ? 'skipped' : 'pending';
  return [
    ...planned.flatMap((node) => {
      const own = rows.get(node.id)?.map(touched) ?? [
        { view: untouched(node, status), changedAt: execution.endedAt ?? execution.queuedAt },
      ];
      if (node.kind !== 'control' || node.body === undefined) return own;
      const inner = new Set(allNodes(node.body).map(({ id }) => id));
      return [...own, ...logs.filter((entry) => inner.has(entry.nodeId)).map(touched)];
    }),
    ...logs.filter((entry) => !known.has(entry.nodeId)).map(touched),
  ];
}

function untouched(node: PlanNode, status: NodeStatus): ExecutionNodeView {
  return {
    nodeId: node.id,
    name: node.name,
    connector: node.type,
    operation: node.kind === 'operation' ? node.operation : node.type,
    iteration: '',
    status,
    attempts: 0,
    startedAt: null,
    endedAt: null,
    durationMs: null,
    input: null,
    output: null,
    outputPort: null,
    error: null,
    logs: [],
  };
}

/** A node that has a row. */
export function touched(entry: LogEntry): ExecutionNodeChange {
  return {
    changedAt: entry.updatedAt,
    view: {
      nodeId: entry.nodeId,
      name: entry.nodeName,
      connector: entry.connectorType,
      operation: entry.operation,
      iteration: entry.iteration,
      status: entry.status === 'queued' ? 'pending' : entry.status,
      attempts: entry.attempts,
      startedAt: iso(entry.startTime),
      // A repeated attempt keeps the end of the one before until it ends itself.
      endedAt: isOpen(entry) ? null : iso(entry.endTime),
      durationMs: isOpen(entry) ? null : entry.durationMs,
      input: entry.input,
      output: entry.output,
      outputPort: entry.outputPort,
      error: entry.error,
      logs: [...entry.logs],
    },
  };
}

function isOpen(entry: LogEntry): boolean {
  return ['queued', 'running', 'waiting', 'retrying'].includes(entry.status);
}
