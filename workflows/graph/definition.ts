/**
 * A definition: the graph that people draw. These schemas are the single source of its validation,
 * its types and its part of the OpenAPI document. They check shape only; what the graph means
 * (references, cycles, connector configs) is checked by validate.ts, which answers every problem
 * at once, so a draft with such problems can still be saved.
 */
import { z } from 'zod';
import { durationSchema, durationToMs } from './duration.ts';
import { triggerSchema } from './trigger-schemas.ts';

export { type Trigger, triggerSchema } from './trigger-schemas.ts';

/** Identifiers that people write and that stand in expressions (`nodes.mail.output`). */
export const nodeIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
    'must start with a letter or digit and have only letters, digits, _ and - (64 at most)',
  )
  .meta({ description: 'Name of the node inside the definition', example: 'mail' });

export const workflowIdSchema = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/,
    'must start with a letter or digit and have only letters, digits, . _ - (128 at most)',
  )
  .meta({ description: 'Name of the definition, unique in its project', example: 'welcome-lead' });

/** A time limit: as any duration, but longer than nothing. */
const timeLimitSchema = durationSchema.refine(
  (text) => !durationSchema.safeParse(text).success || durationToMs(text) > 0,
  { error: 'must be longer than 0' },
);

const MAX_CONFIG_DEPTH = 64;

/** Level by level, because a deep value would exhaust the stack of a recursive walk. */
function isDeeperThan(limit: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((item) =>
      item !== null && typeof item === 'object' ? Object.values(item) : [],
    );
  }
  return false;
}

export const retrySchema = z
  .strictObject({
    maximumAttempts: z.number().int().min(1).max(100).optional(),
    initialInterval: durationSchema.optional(),
    backoffCoefficient: z.number().min(1).max(10).optional(),
    maximumInterval: durationSchema.optional(),
  })
  .meta({ id: 'Retry', description: 'How often and how soon a failed attempt is repeated' });

export const onErrorSchema = z.enum(['fail', 'continue', 'error']).meta({
  description:
    'After the last attempt failed: `fail` ends the execution, `continue` goes on as after a success, `error` goes on through the error output. Where it is left out, a node with a connection from its error output takes `error`, any other `fail`.',
});

export const onUnknownSchema = z.enum(['hold', 'resend', 'assume-sent']).meta({
  description:
    'When it can’t be known whether an interrupted send took place: wait for a person, send again, or take it as sent.',
});

export const nodeSchema = z
  .strictObject({
    id: nodeIdSchema,
    type: z.string().min(1).max(64).meta({
      description: 'A connector (email, whatsapp, …) or a control node (condition, set, …)',
      example: 'email',
    }),
    name: z.string().min(1).max(200).optional(),
    config: z
      .record(z.string(), z.unknown())
      .refine((config) => !isDeeperThan(MAX_CONFIG_DEPTH, config), {
        error: `must not be nested more than ${MAX_CONFIG_DEPTH} levels deep`,
      })
      .default({}),
    credential: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({ description: 'Id or name of a stored credential' }),
    retry: retrySchema.optional(),
    timeout: timeLimitSchema.optional().meta({ description: 'Time limit of one attempt' }),
    onError: onErrorSchema.optional(),
    onUnknown: onUnknownSchema.optional(),
    join: z.enum(['all', 'any']).optional().meta({
      description:
        'Run once all incoming connections are settled (default), or on the first one taken',
    }),
    dispatch: z.enum(['auto', 'queued']).optional(),
    disabled: z
      .boolean()
      .optional()
      .meta({ description: 'Passed over, as if it had succeeded without a result' }),
    undo: nodeIdSchema.optional().meta({
      description:
        'Node that takes this one’s effect back when the execution fails or is cancelled. It has no connections; such nodes run in reverse order.',
    }),
    position: z
      .looseObject({ x: z.number(), y: z.number() })
      .optional()
      .meta({ description: 'Where the builder draws the node; without meaning for the run' }),
    notes: z.string().max(5_000).optional(),
  })
  .meta({ id: 'Node' });

export const connectionSchema = z
  .strictObject({
    from: nodeIdSchema,
    output: z.string().min(1).max(64).optional().meta({
      description: 'Output of the source node; its first one where left out',
      example: 'true',
    }),
    to: nodeIdSchema,
  })
  .meta({ id: 'Connection' });

/** Nodes and connections of one level: the definition’s own, or the body of a forEach. */
export const graphSchema = z.strictObject({
  nodes: z.array(nodeSchema),
  connections: z.array(connectionSchema).default([]),
});
export type Graph = z.output<typeof graphSchema>;

export const settingsSchema = z
  .strictObject({
    timeout: timeLimitSchema.optional().meta({ description: 'Time limit of a whole execution' }),
    onFailure: workflowIdSchema
      .optional()
      .meta({ description: 'Definition to start when an execution fails' }),
    concurrency: z
      .strictObject({ key: z.string().min(1).max(1_000), limit: z.number().int().min(1) })
      .optional()
      .meta({ description: 'How many executions with the same key run at once' }),
  })
  .meta({ id: 'Settings' });

export const definitionSchema = z
  .strictObject({
    workflowId: workflowIdSchema,
    name: z.string().min(1).max(200),
    description: z.string().max(5_000).optional(),
    nodes: z.array(nodeSchema),
    connections: z.array(connectionSchema).default([]),
    triggers: z.array(triggerSchema).default([]),
    settings: settingsSchema.default({}),
  })
  .meta({
    id: 'Definition',
    description: 'A graph of nodes and connections, with its triggers and settings',
  });

export type Definition = z.output<typeof definitionSchema>;
export type DefinitionInput = z.input<typeof definitionSchema>;
export type DefinitionNode = z.output<typeof nodeSchema>;
export type Connection = z.output<typeof connectionSchema>;

/** One problem of a definition, in words that a non-programmer understands. */
export const issueSchema = z
  .object({
    code: z.string().meta({ example: 'unknown_reference' }),
    severity: z.enum(['error', 'warning']),
    nodeId: z.string().optional(),
    pointer: z
      .string()
      .meta({ description: 'JSON pointer into the definition', example: '/nodes/2/config/text' }),
    message: z.string(),
  })
  .meta({ id: 'Issue' });
export type Issue = z.output<typeof issueSchema>;
