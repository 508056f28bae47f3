import { z } from 'zod';
import type { ExecutionRepository } from '../../db/repositories/executions.ts';
import { EXECUTION_STATUSES } from '../../workflows/contract.ts';
import { workflowIdSchema } from '../../workflows/graph/definition.ts';
import { durationSchema, durationToMs } from '../../workflows/graph/duration.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import type { ExecutionControl } from '../execution-control.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import {
  executionLinks,
  executionSchema,
  executionSummarySchema,
  hasEnded,
  linksSchema,
  toExecution,
  toExecutionSummary,
} from '../execution-view.ts';
import {
  executionIdField,
  executionStatusField,
  jsonField,
  jsonObjectField,
  leadField,
  leadIdField,
  listQuery,
  modeField,
  nodeIdField,
  timeQuery,
} from '../fields.ts';
import { cursorText, cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import { ApiError } from '../problem.ts';
import type { ApiSettings } from '../settings.ts';
import type { StartService } from '../start-service.ts';

const MAX_WAIT_MS = 30_000;

export const executionParams = z.object({ executionId: executionIdField });
const listCursor = z.tuple([cursorTime, cursorText]);

const startSchema = z
  .strictObject({
    leadId: leadIdField.optional(),
    lead: leadField.optional(),
    input: jsonObjectField.optional(),
    mode: modeField.optional(),
  })
  .optional()
  .meta({
    id: 'Start',
    description:
      'A known lead by its id, or its data, which is merged into what is known; or neither',
  });

const acceptedSchema = z
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
    description: 'Wait so long for the end, 30s at most, and answer the whole execution',
    example: '10s',
  });

const statusSchema = z
  .object({ executionId: executionIdField, status: executionStatusField, links: linksSchema })
  .meta({ id: 'ExecutionStatus' });

export interface ExecutionRouteDeps {
  readonly settings: ApiSettings;
  readonly starts: StartService;
  readonly executions: ExecutionRepository;
  readonly reader: ExecutionReader;
  readonly control: ExecutionControl;
}

export function executionRoutes(deps: ExecutionRouteDeps): Endpoint[] {
  const { settings, starts, executions, reader, control } = deps;
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
    }).handledBy(async ({ caller, params, query, body, idempotencyKey, signal }) => {
      const accepted = await starts.startPublished(
        caller.projectId,
        params.workflowId,
        { leadId: body?.leadId, lead: body?.lead, input: body?.input ?? {}, mode: body?.mode },
        idempotencyKey,
      );
      const { executionId, workflowId, version } = accepted;
      if (query.wait !== undefined) {
        const { projectId } = caller;
        if (await reader.waitForEnd(projectId, executionId, query.wait, signal)) {
          const { execution, logs } = await reader.read(projectId, executionId);
          return { status: 200, body: toExecution(execution, logs, settings) };
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
      const { execution, logs } = await reader.read(caller.projectId, executionId);
      return { status: 200, body: toExecution(execution, logs, settings) };
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/cancel',
      operationId: 'cancelExecution',
      tag,
      summary: 'End an execution before its time',
      description: 'What was sent stays sent; what has not begun is not begun.',
      idempotency: 'stored',
      problems: [404, 409],
      params: executionParams,
      body: z
        .strictObject({ reason: z.string().max(1_000).optional() })
        .optional()
        .meta({ id: 'Cancellation' }),
      responses: {
        202: { description: 'The execution is being cancelled', schema: statusSchema },
      },
    }).handledBy(async ({ caller, params: { executionId }, body }) => {
      const execution = await reader.find(caller.projectId, executionId);
      if (hasEnded(execution)) throw ended(execution.status);
      await control.cancel(execution, body?.reason);
      const { status } = await reader.find(caller.projectId, executionId);
      return {
        status: 202,
        body: { executionId, status, links: executionLinks(executionId, settings) },
      };
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/nodes/{nodeId}/resolve',
      operationId: 'resolveNode',
      tag,
      summary: 'Say what became of a send whose outcome is unknown',
      description:
        '`sent`: it took place, go on with `output`; `not_sent`: it did not, the node has failed; `resend`: send it again.',
      idempotency: 'own',
      problems: [404, 409],
      params: z.object({ executionId: executionIdField, nodeId: nodeIdField }),
      body: z
        .strictObject({
          outcome: z.enum(['sent', 'not_sent', 'resend']),
          output: jsonField.optional().meta({ description: 'The node’s output, if it was sent' }),
          iteration: z
            .string()
            .regex(/^(?:\d+(?:\.\d+)*)?$/, 'must be like "3" or "3.0", or empty')
            .default(''),
        })
        .meta({ id: 'Resolution' }),
      responses: { 202: { description: 'The execution goes on', schema: statusSchema } },
    }).handledBy(async ({ caller, params: { executionId, nodeId }, body, idempotencyKey }) => {
      const { execution, logs } = await reader.read(caller.projectId, executionId);
      const { outcome, output, iteration } = body;
      const row = logs.find((entry) => entry.nodeId === nodeId && entry.iteration === iteration);
      if (row === undefined) {
        throw new ApiError(
          'node_not_found',
          `The execution has not reached a node "${nodeId}"${iteration === '' ? '' : ` in iteration ${iteration}`}.`,
        );
      }
      if (hasEnded(execution)) throw ended(execution.status);
      if (row.status !== 'unknown') {
        throw new ApiError(
          'node_not_unknown',
          `Node "${nodeId}" is ${row.status}; only one whose status is unknown can be resolved.`,
        );
      }
      await control.resolveNode(
        executionId,
        { nodeId, iteration, outcome, ...(output === undefined ? {} : { output }) },
        idempotencyKey,
      );
      const { status } = await reader.find(caller.projectId, executionId);
      return {
        status: 202,
        body: { executionId, status, links: executionLinks(executionId, settings) },
      };
    }),
  ];
}

function ended(status: string): ApiError {
  return new ApiError('execution_ended', `The execution has ended already: it is ${status}.`);
}
