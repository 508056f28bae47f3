import { z } from 'zod';
import { durationToMs } from '../../workflows/graph/duration.ts';
import { type Endpoint, hookEndpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import { executionIdField, executionStatusField } from '../fields.ts';
import { ApiError } from '../problem.ts';
import type { WebhookService } from '../webhook-service.ts';

const DEFAULT_WAIT_MS = 10_000;

export const hookTokenField = z
  .string()
  .regex(/^[A-Za-z0-9_-]{20,100}$/, 'is not the form of an address')
  .meta({ description: 'The secret part of the address' });

const answerSchema = z
  .object({
    executionId: executionIdField,
    status: executionStatusField,
    result: z.unknown().optional(),
  })
  .meta({ id: 'WebhookAnswer' });

const ignoredSchema = z
  .object({ status: z.literal('ignored') })
  .meta({ id: 'WebhookIgnored', description: 'The trigger’s filter let it pass by' });

export function hookRoutes(deps: {
  readonly webhooks: WebhookService;
  readonly reader: ExecutionReader;
}): Endpoint[] {
  const { webhooks, reader } = deps;
  return [
    hookEndpoint({
      method: 'post',
      path: '/hooks/{token}',
      operationId: 'callWebhook',
      tag: 'Triggers',
      summary: 'Start an automation by its webhook',
      description:
        'The address is in GET /api/workflows/{workflowId}/triggers. The body may be JSON, a form or text; it is checked as the trigger says. A delivery that was seen already gets the answer of the first.',
      problems: [401, 404, 409, 413, 415, 422, 429, 503],
      params: z.object({ token: hookTokenField }),
      responses: {
        200: {
          description: 'How it ended, where the trigger waits; or that it was passed by',
          schema: z.union([answerSchema, ignoredSchema]),
        },
        202: { description: 'Accepted', schema: answerSchema },
      },
      relayed:
        'What a respond node answered, where the trigger waits: its status, its body, and of its headers content-type and x-…',
    }).handledBy(async ({ params: { token }, signal, ...request }) => {
      const outcome = await webhooks.receive(token, request);
      if (outcome.state === 'ignored') return { status: 200, body: { status: 'ignored' } };
      const { accepted, hook } = outcome;
      const { executionId } = accepted;
      const { respond, timeout } = hook.trigger;
      if (respond === 'wait') {
        const wait = timeout === undefined ? DEFAULT_WAIT_MS : durationToMs(timeout);
        const reached = await reader.waitForAnswer(hook.projectId, executionId, wait, signal);
        if (reached?.response != null) {
          const { status, body, headers } = reached.response;
          return { status, body, headers: { ...headers, 'x-execution-id': executionId } };
        }
        if (reached?.status === 'succeeded') {
          return {
            status: 200,
            body: { executionId, status: 'succeeded', result: reached.result },
          };
        }
        if (reached !== undefined) {
          throw new ApiError('execution_failed', 'The automation did not come to its end.', {
            extra: { executionId, executionStatus: reached.status },
          });
        }
      }
      return { status: 202, body: { executionId, status: accepted.status ?? 'queued' } };
    }),
  ];
}
