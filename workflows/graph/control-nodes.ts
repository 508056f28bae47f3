/** Control nodes: the schemas of their configs and their outputs. */
import { z } from 'zod';
import { CONDITION_OPERATORS } from './conditions.ts';
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

export const setSchema = z.strictObject({ values: z.record(z.string(), z.unknown()) });

export interface ControlManifest {
  readonly type: ControlType;
  readonly title: string;
  readonly description: string;
  readonly schema: z.ZodType;
  /** The default one first. Empty default: a connection must name its output. */
  readonly outputs: readonly [string, ...string[]];
  /** True if a connection must say which output it leaves from. */
  readonly namesOutput: boolean;
}

export const CONTROL_MANIFESTS: readonly ControlManifest[] = [
  {
    type: 'condition',
    title: 'Condition',
    description: 'Goes on through `true` or `false`.',
    schema: conditionSchema,
    outputs: ['true', 'false'],
    namesOutput: true,
  },
  {
    type: 'set',
    title: 'Set values',
    description: 'Names values for later nodes; they stand under `vars` and in the node’s output.',
    schema: setSchema,
    outputs: ['success'],
    namesOutput: false,
  },
];

export { ConditionError, evaluateCondition } from './conditions.ts';
