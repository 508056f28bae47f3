import { z } from 'zod';
import type { StoredExecution } from '../../db/repositories/executions.ts';
import { nodeIdSchema } from '../../workflows/graph/definition.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import type { ExecutionControl } from '../execution-control.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import { executionLinks, hasEnded, linksSchema } from '../execution-view.ts';
import {
  eventNameField,
  executionIdField,
  executionStatusField,
  jsonField,
  nodeIdField,
} from '../fields.ts';
import { ApiError } from '../problem.ts';
import type { RetryService } from '../retry-service.ts';
import type { ApiSettings } from '../settings.ts';
import { acceptedSchema, executionParams } from './executions.ts';

const statusSchema = z
  .object({ executionId: executionIdField, status: executionStatusField, links: linksSchema })
  .meta({ id: 'ExecutionStatus' });

const iterationField = z
  .string()
  .regex(/^(?:\d+(?:\.\d+)*)?$/, 'must be like "3" or "3.0", or empty')
  .default('')
  .meta({ description: 'Which item, for a node inside forEach', example: '3' });

const commentField = z.string().max(1_000).optional();

export interface ExecutionActRouteDeps {
  readonly settings: ApiSettings;
  readonly retries: RetryService;
  readonly reader: ExecutionReader;
  readonly control: ExecutionControl;
}

/** What people and other systems do to an execution. */
export function executionActRoutes(deps: ExecutionActRouteDeps): Endpoint[] {
  const { settings, retries, reader, control } = deps;
  const tag = 'Executions';

  /** @throws ApiError `execution_not_found`, `execution_ended` */
  async function findOpen(projectId: string, executionId: string): Promise<StoredExecution> {
    const execution = await reader.find(projectId, executionId);
    if (hasEnded(execution)) throw ended(execution.status);
    return execution;
  }

  /** What every act answers: where the execution is now. */
  async function statusOf(projectId: string, executionId: string) {
    const { status } = await reader.find(projectId, executionId);
    const links = executionLinks(executionId, settings);
    return { status: 202 as const, body: { executionId, status, links } };
  }

  return [
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
        .strictObject({ reason: commentField })
        .optional()
        .meta({ id: 'Cancellation', example: { reason: 'The lead asked to be left alone.' } }),
      responses: {
        202: { description: 'The execution is being cancelled', schema: statusSchema },
      },
    }).handledBy(async ({ caller, params: { executionId }, body }) => {
      const execution = await findOpen(caller.projectId, executionId);
      await control.cancel(execution, body?.reason);
      return statusOf(caller.projectId, executionId);
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/pause',
      operationId: 'pauseExecution',
      tag,
      summary: 'Let no further node start',
      description:
        'What runs comes to its end, and waiting nodes go on waiting. Pausing a paused execution changes nothing.',
      idempotency: 'stored',
      problems: [404, 409],
      params: executionParams,
      responses: { 202: { description: 'The execution is paused', schema: statusSchema } },
    }).handledBy(async ({ caller, params: { executionId } }) => {
      await control.pause(await findOpen(caller.projectId, executionId));
      return statusOf(caller.projectId, executionId);
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/resume',
      operationId: 'resumeExecution',
      tag,
      summary: 'Go on with a paused execution',
      description: 'Resuming an execution that is not paused changes nothing.',
      idempotency: 'stored',
      problems: [404, 409],
      params: executionParams,
      responses: { 202: { description: 'The execution goes on', schema: statusSchema } },
    }).handledBy(async ({ caller, params: { executionId } }) => {
      await control.resume(await findOpen(caller.projectId, executionId));
      return statusOf(caller.projectId, executionId);
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/retry',
      operationId: 'retryExecution',
      tag,
      summary: 'Repeat an execution that has ended, keeping what succeeded',
      description:
        'Starts a new execution of the same version for the same lead, with the same input. Nodes that succeeded are not run again, except `fromNode` and all that follows it, and nodes whose effect was taken back. A forEach that failed is repeated as a whole. If a node that would run again may have acted, the retry is refused until `fromNode` names it or a node before it.',
      idempotency: 'own',
      problems: [404, 409, 422],
      params: executionParams,
      body: z
        .strictObject({
          fromNode: nodeIdField
            .optional()
            .meta({ description: 'Outermost node to begin at, although it may have succeeded' }),
        })
        .optional()
        .meta({ id: 'RetryRequest', example: { fromNode: 'mail' } }),
      responses: { 202: { description: 'The new execution', schema: acceptedSchema } },
    }).handledBy(
      async ({ caller, params: { executionId: ofExecutionId }, body, idempotencyKey }) => {
        const reading = await reader.read(caller.projectId, ofExecutionId);
        const accepted = await retries.retry(reading, body?.fromNode, idempotencyKey);
        const { executionId, workflowId, version, status = 'queued' as const } = accepted;
        const links = executionLinks(executionId, settings);
        return { status: 202, body: { executionId, workflowId, version, status, links } };
      },
    ),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/signals/{event}',
      operationId: 'signalExecution',
      tag,
      summary: 'Tell an execution of an event that a wait node waits for',
      description:
        'An event that comes before a node waits for it is kept for that node. Each event lets one waiting node go on.',
      idempotency: 'stored',
      problems: [404, 409],
      params: z.object({ executionId: executionIdField, event: eventNameField }),
      body: z
        .strictObject({
          data: jsonField
            .optional()
            .meta({ description: 'The wait node’s output has it as `data`' }),
        })
        .optional()
        .meta({ id: 'Signal', example: { data: { invoice: 'INV-7', paid: true } } }),
      responses: { 202: { description: 'The execution has the event', schema: statusSchema } },
    }).handledBy(async ({ caller, params: { executionId, event }, body }) => {
      const execution = await findOpen(caller.projectId, executionId);
      await control.signal(execution, { event, data: body?.data ?? null });
      return statusOf(caller.projectId, executionId);
    }),

    endpoint({
      method: 'post',
      path: '/executions/{executionId}/approvals/{nodeId}',
      operationId: 'decideApproval',
      tag,
      summary: 'Approve or reject what an approval node asks',
      description: 'The node’s output names the API key as the one who decided.',
      idempotency: 'own',
      problems: [404, 409],
      params: z.object({ executionId: executionIdField, nodeId: nodeIdSchema }),
      body: z
        .strictObject({
          decision: z.enum(['approve', 'reject']),
          comment: commentField,
          iteration: iterationField,
        })
        .meta({ id: 'Decision', example: { decision: 'approve', comment: 'موافق' } }),
      responses: { 202: { description: 'The execution goes on', schema: statusSchema } },
    }).handledBy(async ({ caller, params: { executionId, nodeId }, body, idempotencyKey }) => {
      const execution = await findOpen(caller.projectId, executionId);
      const { decision, comment, iteration } = body;
      await control.decideApproval(
        execution,
        {
          nodeId,
          iteration,
          decision,
          by: caller.keyName === '' ? caller.keyId : caller.keyName,
          ...(comment === undefined ? {} : { comment }),
        },
        idempotencyKey,
      );
      return statusOf(caller.projectId, executionId);
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
          iteration: iterationField,
        })
        .meta({ id: 'Resolution', example: { outcome: 'sent', output: { messageId: 'm-1' } } }),
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
        execution,
        { nodeId, iteration, outcome, ...(output === undefined ? {} : { output }) },
        idempotencyKey,
      );
      return statusOf(caller.projectId, executionId);
    }),
  ];
}

function ended(status: string): ApiError {
  return new ApiError('execution_ended', `The execution has ended already: it is ${status}.`);
}
