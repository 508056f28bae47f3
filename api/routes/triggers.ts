import { z } from 'zod';
import type { TriggerRepository } from '../../db/repositories/triggers.ts';
import type { WebhookRepository } from '../../db/repositories/webhooks.ts';
import { triggerSchema, workflowIdSchema } from '../../workflows/graph/definition.ts';
import { withKeys } from '../../workflows/graph/trigger-schemas.ts';
import { type Caller, type Endpoint, endpoint } from '../endpoint.ts';
import { iso, timeField } from '../fields.ts';
import { pageOf } from '../paging.ts';
import { ApiError } from '../problem.ts';
import { unknownWorkflow } from '../refusals.ts';
import { upcomingTimes } from '../upcoming-times.ts';

const SHOWN_TIMES = 5;

const triggerStateSchema = z
  .object({
    key: z.string().meta({ description: 'The trigger’s id, or its type and number' }),
    isActive: z.boolean().meta({ description: 'True: it is published and starts executions' }),
    trigger: triggerSchema,
    webhook: z
      .object({
        path: z.string().nullable().meta({
          description: 'Where to call it. A secret: only shown to keys that may write',
          example: '/api/hooks/3vQ…',
        }),
      })
      .nullable(),
    schedule: z
      .object({
        isSet: z.boolean().meta({ description: 'True: Temporal has the schedule' }),
        error: z.string().nullable().meta({ description: 'Why Temporal doesn’t have it yet' }),
        nextTimes: z.array(timeField),
        lastFiredAt: timeField.nullable(),
        lastExecutionId: z.string().nullable(),
        lastProblem: z
          .string()
          .nullable()
          .meta({ description: 'Why the last time that came started nothing' }),
      })
      .nullable(),
  })
  .meta({ id: 'TriggerState' });

const params = z.object({ workflowId: workflowIdSchema });
const keyParams = z.object({
  workflowId: workflowIdSchema,
  triggerKey: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'is not the key of a trigger'),
});

export interface TriggerRouteDeps {
  readonly triggers: TriggerRepository;
  readonly webhooks: WebhookRepository;
}

export function triggerRoutes({ triggers, webhooks }: TriggerRouteDeps): Endpoint[] {
  const tag = 'Triggers';
  return [
    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}/triggers',
      operationId: 'listTriggers',
      tag,
      summary:
        'The triggers of a workflow, with the addresses of webhooks and the times of schedules',
      description:
        'Those of the published version; of a workflow that isn’t published those of the draft, so that their addresses can be told to others beforehand.',
      problems: [404],
      params,
      responses: { 200: { description: 'All of them', schema: pageOf(triggerStateSchema) } },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const { projectId } = caller;
      const found = await triggers.find(projectId, workflowId);
      if (found === undefined) throw unknownWorkflow(workflowId);
      const states = await triggers.schedules(projectId, workflowId);
      const items: z.input<typeof triggerStateSchema>[] = [];
      for (const { key, trigger } of withKeys(found.triggers)) {
        const state = states.find((candidate) => candidate.key === key);
        items.push({
          key,
          isActive: found.isActive,
          trigger,
          webhook:
            trigger.type === 'webhook'
              ? {
                  path: mayWrite(caller)
                    ? pathOf(await webhooks.tokenOf({ projectId, workflowId, key }))
                    : null,
                }
              : null,
          schedule:
            trigger.type === 'schedule'
              ? {
                  isSet: state?.isSet ?? false,
                  error: state?.error ?? null,
                  nextTimes: upcomingTimes(trigger, SHOWN_TIMES).map((time) => iso(time)),
                  lastFiredAt: iso(state?.lastFiredAt ?? null),
                  lastExecutionId: state?.lastExecutionId ?? null,
                  lastProblem: state?.lastProblem ?? null,
                }
              : null,
        });
      }
      return { status: 200, body: { items, nextCursor: null } };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/triggers/{triggerKey}/rotate',
      operationId: 'rotateWebhook',
      tag,
      summary: 'Give a webhook a new address',
      description: 'The old one answers 404 from then on.',
      problems: [404],
      params: keyParams,
      responses: {
        200: {
          description: 'The new address',
          schema: z.object({ key: z.string(), path: z.string() }).meta({ id: 'WebhookAddress' }),
        },
      },
    }).handledBy(async ({ caller: { projectId }, params: { workflowId, triggerKey: key } }) => {
      const found = await triggers.find(projectId, workflowId);
      if (found === undefined) throw unknownWorkflow(workflowId);
      const own = withKeys(found.triggers).find((candidate) => candidate.key === key);
      if (own?.trigger.type !== 'webhook') {
        throw new ApiError(
          'trigger_not_found',
          `Workflow "${workflowId}" has no webhook "${key}". GET …/triggers lists what it has.`,
        );
      }
      const token = await webhooks.rotate({ projectId, workflowId, key });
      return { status: 200, body: { key, path: pathOf(token) } };
    }),
  ];
}

function pathOf(token: string): string {
  return `/api/hooks/${token}`;
}

/** The address starts executions, so a key that may only read must not get it. */
function mayWrite({ scopes }: Caller): boolean {
  return scopes.some((scope) => scope === '*' || scope === 'write');
}
