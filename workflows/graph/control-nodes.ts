/** Control nodes: the schemas of their configs and their outputs. */
import { z } from 'zod';
import { CONDITION_OPERATORS } from './conditions.ts';
import { durationSchema } from './duration.ts';
import type { ControlType } from './plan-types.ts';

const comparisonSchema = z.strictObject({
  left: z.unknown(),
  operator: z.enum(CONDITION_OPERATORS),
  right: z.unknown().optional(),
});

export const conditionSchema: z.ZodType = z
  .lazy(() =>
    z.union(
      [
        comparisonSchema,
        z.strictObject({ all: z.array(conditionSchema).min(1) }),
        z.strictObject({ any: z.array(conditionSchema).min(1) }),
      ],
      { error: 'must have left, operator and right, or a list under all or any' },
    ),
  )
  .meta({ id: 'Condition' });

const outputName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$/,
    'must be a short name of letters, digits, spaces, _ and -',
  );

const switchSchema = z.strictObject({
  value: z.unknown(),
  cases: z
    .array(z.strictObject({ equals: z.unknown(), output: outputName }))
    .min(1)
    .max(100),
});

export const setSchema = z.strictObject({ values: z.record(z.string(), z.unknown()) });

/** Most items of one forEach; more belong into a bulk run. */
export const MAX_ITEMS = 100_000;
export const DEFAULT_MAX_ITEMS = 10_000;
/** Parallel items beyond this only queue up on the worker. */
const MAX_CONCURRENCY = 200;

const forEachSchema = z.strictObject({
  items: z.unknown().meta({ description: 'A list, usually an expression' }),
  concurrency: z.number().int().min(1).max(MAX_CONCURRENCY).optional(),
  maxItems: z.number().int().min(1).max(MAX_ITEMS).optional(),
  // Checked as a graph of its own by validate.ts.
  body: z.strictObject({
    nodes: z.array(z.unknown()),
    connections: z.array(z.unknown()).optional(),
  }),
  onItemError: z.enum(['fail', 'continue']).optional(),
});

const waitSchema = z.union(
  [
    z.strictObject({ for: durationSchema }),
    z.strictObject({ until: z.string().min(1), timezone: z.string().min(1).optional() }),
    z.strictObject({ event: z.string().min(1).max(128), timeout: durationSchema.optional() }),
  ],
  { error: 'must have for (a duration), until (a time) or event (a name, with a timeout)' },
);

const approvalSchema = z.strictObject({
  message: z.string().min(1).max(5_000),
  assignees: z.array(z.string().min(1)).max(100).optional(),
  timeout: durationSchema.optional(),
});

const subworkflowSchema = z.strictObject({
  workflowId: z.string().min(1),
  input: z.record(z.string(), z.unknown()).optional(),
  wait: z.boolean().optional(),
});

const respondSchema = z.strictObject({
  status: z.union([z.number().int().min(200).max(599), z.string()]).optional(),
  body: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const failSchema = z.strictObject({
  message: z.string().min(1).max(2_000),
  code: z
    .string()
    .regex(
      /^[a-z][a-z0-9_]{0,63}$/,
      'must be lower-case letters, digits and _, such as "out_of_stock"',
    )
    .optional(),
});

export interface ControlManifest {
  readonly type: ControlType;
  readonly title: string;
  readonly description: string;
  readonly schema: z.ZodType;
  /** The default one first; depends on the config where the config names outputs. */
  outputs(config: Readonly<Record<string, unknown>>): readonly string[];
  /** True if a connection must say which output it leaves from. */
  readonly namesOutput: boolean;
  /** Config fields that aren't rendered with the node. */
  readonly rawFields: readonly string[];
}

const only =
  (...outputs: string[]) =>
  (): readonly string[] =>
    outputs;

export const CONTROL_MANIFESTS: readonly ControlManifest[] = [
  {
    type: 'condition',
    title: 'Condition',
    description: 'Goes on through `true` or `false`.',
    schema: conditionSchema,
    outputs: only('true', 'false'),
    namesOutput: true,
    rawFields: [],
  },
  {
    type: 'switch',
    title: 'Switch',
    description:
      'Goes on through the output of the first case that equals the value, else `default`.',
    schema: switchSchema,
    outputs: (config) => {
      const parsed = switchSchema.safeParse(config);
      const named = parsed.success ? parsed.data.cases.map((entry) => entry.output) : [];
      return [...new Set([...named, 'default'])];
    },
    namesOutput: true,
    rawFields: [],
  },
  {
    type: 'set',
    title: 'Set values',
    description: 'Names values for later nodes; they stand under `vars` and in the node’s output.',
    schema: setSchema,
    outputs: only('success'),
    namesOutput: false,
    rawFields: [],
  },
  {
    type: 'forEach',
    title: 'For each',
    description: 'Runs a graph for each item of a list; inside, `item` and `index`.',
    schema: forEachSchema,
    outputs: only('success', 'error'),
    namesOutput: false,
    rawFields: ['body'],
  },
  {
    type: 'wait',
    title: 'Wait',
    description: 'Waits for a time, until a time, or for an event.',
    schema: waitSchema,
    outputs: only('success', 'timeout'),
    namesOutput: false,
    rawFields: [],
  },
  {
    type: 'approval',
    title: 'Approval',
    description: 'Waits until a person approves or rejects.',
    schema: approvalSchema,
    outputs: only('approved', 'rejected', 'expired'),
    namesOutput: true,
    rawFields: [],
  },
  {
    type: 'subworkflow',
    title: 'Run another automation',
    description: 'Runs a published automation, and waits for its result unless told otherwise.',
    schema: subworkflowSchema,
    outputs: only('success', 'error'),
    namesOutput: false,
    rawFields: [],
  },
  {
    type: 'respond',
    title: 'Respond',
    description: 'Answers whoever waits for the execution, once; the execution goes on.',
    schema: respondSchema,
    outputs: only('success'),
    namesOutput: false,
    rawFields: [],
  },
  {
    type: 'fail',
    title: 'Fail',
    description: 'Ends the execution as failed, with a message.',
    schema: failSchema,
    outputs: only(),
    namesOutput: false,
    rawFields: [],
  },
];

export { ConditionError, evaluateCondition } from './conditions.ts';
