/**
 * What starts an execution. As in definition.ts these schemas check shape only; whether a cron
 * expression, a zone or a filter means something is checked by validate-triggers.ts.
 */
import { z } from 'zod';
import { conditionSchema } from './control-nodes.ts';
import { durationSchema } from './duration.ts';

const triggerIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
    'must start with a letter or digit and have only letters, digits, _ and - (64 at most)',
  )
  .optional()
  .meta({
    description:
      'Keeps a trigger the same one over versions (its webhook address, its schedule). Where it is left out, the type is taken, and `type-2`, `type-3`, … for the ones after the first.',
  });

export const filterSchema = z
  .union([conditionSchema, z.string().min(1).max(5_000)], {
    error: 'must be a condition (left, operator, right; or all, any) or an expression',
  })
  .meta({
    description:
      'Decides whether the trigger starts anything: a condition as in the condition node, or an expression that yields true or false',
    example: { left: '{{ lead.score }}', operator: 'gte', right: 50 },
  });
export type TriggerFilter = z.output<typeof filterSchema>;

/** As Temporal names them: https://docs.temporal.io/schedule#overlap-policy */
export const OVERLAP_POLICIES = [
  'skip',
  'bufferOne',
  'bufferAll',
  'allowAll',
  'cancelOther',
] as const;

const scheduleTriggerSchema = z.strictObject({
  type: z.literal('schedule'),
  id: triggerIdSchema,
  cron: z.string().min(1).max(200).optional().meta({
    description: 'Minute, hour, day of the month, month, day of the week; or @hourly, @daily, …',
    example: '0 9 * * 1-5',
  }),
  every: durationSchema.optional().meta({
    description: 'Instead of `cron`: an interval, counted from midnight UTC of 1 January 1970',
    example: '15m',
  }),
  timezone: z.string().min(1).max(64).default('UTC').meta({ example: 'Asia/Dubai' }),
  overlap: z.enum(OVERLAP_POLICIES).optional().meta({
    description:
      'What happens at a time when the execution of the one before still runs: skip it (default), start one afterwards, start all of them one after another, start at once, or cancel the one that runs',
  }),
  catchupWindow: durationSchema.optional().meta({
    description:
      'Times missed while Temporal was away are made up for if they are no older; 1d where left out',
  }),
  jitter: durationSchema.optional().meta({
    description: 'Each start is put off by a random time up to this',
  }),
  input: z.record(z.string(), z.unknown()).optional().meta({
    description: '`input` of the executions; may hold expressions over `trigger`',
  }),
});

const webhookTriggerSchema = z.strictObject({
  type: z.literal('webhook'),
  id: triggerIdSchema,
  auth: z.enum(['token', 'hmac']).meta({
    description:
      '`token`: who knows the address may call it, and must send the secret of `credential` in `header` where these are given; `hmac`: the body must be signed with the secret of `credential`',
  }),
  credential: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: 'Id or name of a stored credential of type webhook-secret' }),
  header: headerName().optional().meta({
    description: 'Where the signature or the secret stands',
    example: 'x-hub-signature-256',
  }),
  prefix: z
    .string()
    .max(32)
    .optional()
    .meta({ description: 'What stands before the signature', example: 'sha256=' }),
  algorithm: z.enum(['sha256', 'sha512', 'sha1']).optional(),
  encoding: z.enum(['hex', 'base64']).optional(),
  timestampHeader: headerName().optional().meta({
    description: 'Header with the time of sending, in seconds, milliseconds or ISO 8601',
  }),
  tolerance: durationSchema.optional().meta({
    description: 'How far that time may be from now; 5m where left out',
  }),
  signed: z.string().min(1).max(100).optional().meta({
    description:
      'What is signed: `{body}`, or with a timestampHeader `{timestamp}.{body}` where left out',
    example: 'v0:{timestamp}:{body}',
  }),
  deliveryHeader: headerName().optional().meta({
    description: 'Header that names the delivery: the same one again starts nothing',
    example: 'x-github-delivery',
  }),
  filter: filterSchema.optional(),
  lead: z
    .record(z.string().min(1).max(128), z.unknown())
    .optional()
    .meta({
      description: 'The lead, out of the request; without an `id` it is a new one each time',
      example: { id: '{{ trigger.body.customer_id }}', email: '{{ trigger.body.email }}' },
    }),
  respond: z.enum(['accepted', 'wait']).optional().meta({
    description:
      '`accepted` (default): answer 202 as soon as the execution is safely accepted; `wait`: answer what its respond node says, or how it ended',
  }),
  timeout: durationSchema.optional().meta({
    description: 'How long `wait` waits before it answers 202; 10s where left out, 30s at most',
  }),
});

function headerName() {
  return z
    .string()
    .regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header, such as x-signature')
    .overwrite((name) => name.toLowerCase());
}

export const triggerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('event'),
      id: triggerIdSchema,
      event: z.string().min(1).max(128).meta({ example: 'lead.created' }),
      filter: filterSchema.optional(),
    }),
    scheduleTriggerSchema,
    webhookTriggerSchema,
    z.strictObject({
      type: z.literal('inbound'),
      id: triggerIdSchema,
      connector: z.string().min(1).max(64).meta({ example: 'whatsapp' }),
      filter: filterSchema.optional(),
    }),
    z.strictObject({ type: z.literal('manual'), id: triggerIdSchema }),
    z.strictObject({ type: z.literal('api'), id: triggerIdSchema }),
  ])
  .meta({ id: 'Trigger', description: 'What starts an execution besides the API' });

export type Trigger = z.output<typeof triggerSchema>;
export type ScheduleTrigger = Extract<Trigger, { readonly type: 'schedule' }>;
export type WebhookTrigger = Extract<Trigger, { readonly type: 'webhook' }>;

/** Connectors whose messages can start automations. */
export const INBOUND_CONNECTORS = ['whatsapp'] as const;
export type InboundConnector = (typeof INBOUND_CONNECTORS)[number];

/**
 * The keys by which triggers are known over versions: their ids, else their types, numbered from
 * the second one on.
 */
export function withKeys<T extends Pick<Trigger, 'type' | 'id'>>(
  triggers: readonly T[],
): readonly { readonly key: string; readonly trigger: T }[] {
  const counts = new Map<string, number>();
  return triggers.map((trigger) => {
    if (trigger.id !== undefined) return { key: trigger.id, trigger };
    const count = (counts.get(trigger.type) ?? 0) + 1;
    counts.set(trigger.type, count);
    return { key: count === 1 ? trigger.type : `${trigger.type}-${count}`, trigger };
  });
}
