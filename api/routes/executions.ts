import { z } from 'zod';
import type { ExecutionLogRepository } from '../../db/repositories/execution-logs.ts';
import type { ExecutionRepository } from '../../db/repositories/executions.ts';
import { EXECUTION_STATUSES, NODE_STATUSES } from '../../workflows/contract.ts';
import { workflowIdSchema } from '../../workflows/graph/definition.ts';
import { durationSchema, durationToMs } from '../../workflows/graph/duration.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import {
  executionLinks,
  executionNodeSchema,
  executionSchema,
  executionSummarySchema,
  linksSchema,
  type NodeListKey,
  toExecution,
  toExecutionSummary,
  touched,
} from '../execution-view.ts';
import {
  executionIdField,
  executionStatusField,
  jsonObjectField,
  leadField,
  leadIdField,
  listQuery,
  modeField,
  nodeIdField,
  timeQuery,
} from '../fields.ts';
import {
  cursorNumber,
  cursorText,
  cursorTime,
  decodeCursor,
  pageOf,
  pageQuery,
  toPage,
} from '../paging.ts';
import type { ApiSettings } from '../settings.ts';
import type { StartService } from '../start-service.ts';

const MAX_WAIT_MS = 30_000;

export const executionParams = z.object({ executionId: executionIdField });
const listCursor = z.tuple([cursorTime, cursorText]);
const nodesCursor = z.tuple([cursorNumber, z.enum(['all', 'inner'])]);

const startSchema = z
  .strictObject({
    leadId: leadIdField.optional(),
    lead: leadField.optional(),
    input: jsonObjectField.optional(),
    mode: modeField.optional(),
    trigger: z.enum(['api', 'manual']).optional().meta({
      description: '`manual`: a person started it by hand; shown with the execution',
    }),
  })
  .optional()
  .meta({
    id: 'Start',
    description:
      'A known lead by its id, or its data, which is merged into what is known; or neither',
  });

export const acceptedSchema = z
  .object({
    executionId: executionIdField,
    workflowId: z.string(),
    version: z.int(),
    status: executionStatusField,
    links: linksSchema,
  })
  .meta({ id: 'Accepted' });

const waitQuery = durationSchema
  .pipe(z.string().refine((text) => durationToMs(text) <= MAX_WAIT_MS, 'must be 30s at most'))
  .transform(durationToMs)
  .optional()
  .meta({
    description:
      'Wait so long, 30s at most, for what a respond node answers, or else for the end, and answer the whole execution',
    example: '10s',
  });

export interface ExecutionRouteDeps {
  readonly settings: ApiSettings;
  readonly starts: StartService;
  readonly executions: ExecutionRepository;
  readonly reader: ExecutionReader;
  readonly logs: ExecutionLogRepository;
}

export function executionRoutes(deps: ExecutionRouteDeps): Endpoint[] {
  const { settings, starts, executions, reader, logs } = deps;
  const tag = 'Executions';

  return [
    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/executions',
      operationId: 'startExecution',
      tag,
      summary: 'Start the published version for a lead',
      description:
        'Answers as soon as the execution is safely accepted. The same Idempotency-Key again answers the same execution.',
      idempotency: 'own',
      problems: [404, 409, 422],
      params: z.object({ workflowId: workflowIdSchema }),
      query: z.object({ wait: waitQuery }),
      body: startSchema,
      responses: {
        200: { description: 'It ended while `wait` lasted', schema: executionSchema },
        202: { description: 'Accepted', schema: acceptedSchema },
      },
      relayed:
        'What a respond node answered while `wait` lasted: its status, its body, and of its headers content-type and x-…; x-execution-id says which execution it was',
    }).handledBy(async ({ caller, params, query, body, idempotencyKey, signal }) => {
      const accepted = await starts.startPublished(
        caller.projectId,
        params.workflowId,
        {
          leadId: body?.leadId,
          lead: body?.lead,
          input: body?.input ?? {},
          mode: body?.mode,
          ...(body?.trigger === undefined ? {} : { trigger: { type: body.trigger } }),
        },
        idempotencyKey,
      );
      const { executionId, workflowId, version } = accepted;
      if (query.wait !== undefined) {
        const { projectId } = caller;
        const reached = await reader.waitForAnswer(projectId, executionId, query.wait, signal);
        if (reached?.response != null) {
          const { status, body: content, headers } = reached.response;
          return { status, body: content, headers: { ...headers, 'x-execution-id': executionId } };
        }
        if (reached !== undefined) {
          const shown = await reader.show(projectId, executionId);
          return { status: 200, body: toExecution(shown, settings) };
        }
      }
      const status = accepted.status ?? 'queued';
      const links = executionLinks(executionId, settings);
      return { status: 202, body: { executionId, workflowId, version, status, links } };
    }),

    endpoint({
      method: 'get',
      path: '/executions',
      operationId: 'listExecutions',
      tag,
      summary: 'List executions, newest first',
      query: z.object({
        workflowId: workflowIdSchema.optional(),
        status: listQuery(EXECUTION_STATUSES).optional(),
        leadId: leadIdField.optional(),
        from: timeQuery.optional().meta({ description: 'Accepted at this time or later' }),
        to: timeQuery.optional().meta({ description: 'Accepted before this time' }),
        ...pageQuery,
      }),
      responses: { 200: { description: 'A page', schema: pageOf(executionSummarySchema) } },
    }).handledBy(async ({ caller, query }) => {
      const before = decodeCursor(query.cursor, listCursor);
      const rows = await executions.list(
        caller.projectId,
        {
          workflowId: query.workflowId,
          leadId: query.leadId,
          statuses: query.status,
          from: query.from,
          to: query.to,
        },
        query.limit + 1,
        before,
      );
      return {
        status: 200,
        body: toPage(
          rows,
          query.limit,
          (row) => toExecutionSummary(row, settings),
          (row) => row.key,
        ),
      };
    }),

    endpoint({
      method: 'get',
      path: '/executions/{executionId}',
      operationId: 'getExecution',
      tag,
      summary: 'An execution with its nodes',
      problems: [404],
      params: executionParams,
      responses: { 200: { description: 'The execution', schema: executionSchema } },
    }).handledBy(async ({ caller, params: { executionId } }) => {
      const shown = await reader.show(caller.projectId, executionId);
      return { status: 200, body: toExecution(shown, settings) };
    }),

    endpoint({
      method: 'get',
      path: '/executions/{executionId}/nodes',
      operationId: 'listExecutionNodes',
      tag,
      summary: 'List the nodes of an execution that were begun, in that order',
      description:
        'For executions with very many items; GET /executions/{executionId} has the first.',
      problems: [404],
      params: executionParams,
      query: z.object({
        status: listQuery(NODE_STATUSES).optional(),
        nodeId: nodeIdField.optional(),
        iteration: z.string().max(200).optional().meta({ description: 'Of a forEach: its item' }),
        ...pageQuery,
      }),
      responses: { 200: { description: 'A page', schema: pageOf(executionNodeSchema) } },
    }).handledBy(async ({ caller, params: { executionId }, query }) => {
      const [after, which] = decodeCursor(query.cursor, nodesCursor) ?? [undefined, 'all'];
      await reader.find(caller.projectId, executionId);
      const { nodeId, iteration, status } = query;
      const rows = await logs.pageOfExecution(
        caller.projectId,
        executionId,
        {
          nodeId,
          iteration,
          statuses: status?.map((each) => (each === 'pending' ? 'queued' : each)),
          isInner: which === 'inner',
        },
        query.limit + 1,
        after,
      );
      return {
        status: 200,
        body: toPage(
          rows,
          query.limit,
          (row) => touched(row).view,
          (row): NodeListKey => [row.seq, which],
        ),
      };
    }),
  ];
}
