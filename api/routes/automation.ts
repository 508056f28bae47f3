import { z } from 'zod';
import {
  type ExecutionLogRepository,
  LOG_STATUSES,
  type LogEntry,
} from '../../db/repositories/execution-logs.ts';
import { workflowIdSchema } from '../../workflows/graph/definition.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import {
  executionErrorSchema,
  executionSchema,
  nodeLogField,
  toExecution,
} from '../execution-view.ts';
import {
  executionIdField,
  iso,
  leadIdField,
  listQuery,
  nodeIdField,
  timeField,
  timeQuery,
} from '../fields.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import type { ApiSettings } from '../settings.ts';
import { executionParams } from './executions.ts';

const logSchema = z
  .object({
    executionId: z.string(),
    workflowId: z.string(),
    leadId: z.string().nullable(),
    nodeId: z.string(),
    nodeName: z.string(),
    iteration: z.string(),
    connectorType: z.string(),
    operation: z.string(),
    status: z.enum(LOG_STATUSES),
    retryCount: z.int(),
    maxRetries: z.int(),
    startTime: timeField.nullable(),
    endTime: timeField.nullable(),
    durationMs: z.int().nullable(),
    errorDetails: executionErrorSchema.nullable(),
    outputData: z.unknown(),
    logs: nodeLogField,
    createdAt: timeField,
    updatedAt: timeField,
  })
  .meta({ id: 'ExecutionLog' });

export interface AutomationRouteDeps {
  readonly settings: ApiSettings;
  readonly reader: ExecutionReader;
  readonly logs: ExecutionLogRepository;
}

export function automationRoutes({ settings, reader, logs }: AutomationRouteDeps): Endpoint[] {
  const tag = 'Automation';
  return [
    endpoint({
      method: 'get',
      path: '/automation/execution/{executionId}/status',
      operationId: 'getExecutionStatus',
      tag,
      summary: 'An execution with its nodes',
      description: 'The same as GET /executions/{executionId}.',
      problems: [404],
      params: executionParams,
      responses: { 200: { description: 'The execution', schema: executionSchema } },
    }).handledBy(async ({ caller, params: { executionId } }) => {
      const shown = await reader.show(caller.projectId, executionId);
      return { status: 200, body: toExecution(shown, settings) };
    }),

    endpoint({
      method: 'get',
      path: '/automation/workflow/{workflowId}/logs',
      operationId: 'listWorkflowLogs',
      tag,
      summary: 'Log rows of a workflow’s nodes, oldest first',
      description: 'One row per node of an execution, whatever the number of attempts.',
      params: z.object({ workflowId: workflowIdSchema }),
      query: z.object({
        status: listQuery(LOG_STATUSES).optional(),
        leadId: leadIdField.optional(),
        nodeId: nodeIdField.optional(),
        executionId: executionIdField.optional(),
        from: timeQuery.optional().meta({ description: 'Begun at this time or later' }),
        to: timeQuery.optional().meta({ description: 'Begun before this time' }),
        ...pageQuery,
      }),
      responses: { 200: { description: 'A page', schema: pageOf(logSchema) } },
    }).handledBy(async ({ caller, params: { workflowId }, query }) => {
      const after = decodeCursor(query.cursor, z.tuple([cursorNumber]))?.[0];
      const rows = await logs.ofWorkflow(
        caller.projectId,
        workflowId,
        {
          statuses: query.status,
          leadId: query.leadId,
          nodeId: query.nodeId,
          executionId: query.executionId,
          from: query.from,
          to: query.to,
        },
        query.limit + 1,
        after,
      );
      return { status: 200, body: toPage(rows, query.limit, toLog, (row) => [row.seq]) };
    }),
  ];
}

function toLog(entry: LogEntry): z.input<typeof logSchema> {
  return {
    executionId: entry.executionId,
    workflowId: entry.workflowId,
    leadId: entry.leadId,
    nodeId: entry.nodeId,
    nodeName: entry.nodeName,
    iteration: entry.iteration,
    connectorType: entry.connectorType,
    operation: entry.operation,
    status: entry.status,
    retryCount: entry.retryCount,
    maxRetries: entry.maxRetries,
    startTime: iso(entry.startTime),
    endTime: iso(entry.endTime),
    durationMs: entry.durationMs,
    errorDetails: entry.error,
    outputData: entry.output,
    logs: [...entry.logs],
    createdAt: iso(entry.createdAt),
    updatedAt: iso(entry.updatedAt),
  };
}
