/** What holds an execution at its start and follows from its end, by its definition's settings. */
import { createHash } from 'node:crypto';
import type { ExecutionTrigger } from '../workflows/contract.ts';
import type { Definition } from '../workflows/graph/definition.ts';
import { renderValue } from '../workflows/graph/expressions.ts';
import type { JsonObject } from '../workflows/graph/json.ts';
import type { ExecutionPlan } from '../workflows/graph/plan-types.ts';

export interface ExecutionRules {
  /** At most `limit` executions with the same key run at once. */
  readonly concurrency?: { readonly key: string; readonly limit: number };
  /** Definition to start if the execution fails. */
  readonly onFailure?: string;
  /** Temporal workflow that is told of the end. */
  readonly awaitedBy?: string;
}

export interface RuleFacts {
  readonly plan: Pick<ExecutionPlan, 'workflowId' | 'name'>;
  readonly lead: JsonObject | null;
  readonly input: JsonObject;
  readonly trigger: ExecutionTrigger;
}

/**
 * @param settings those of the published version
 * @throws ExpressionError if the key of `concurrency` names what has no value
 */
export function executionRules(
  settings: Definition['settings'],
  { plan, lead, input, trigger }: RuleFacts,
): ExecutionRules {
  const { concurrency, onFailure } = settings;
  const handlesFailure = trigger.type === 'failure';
  // A subworkflow runs as a part of its caller: were it held, two that call each other's
  // definitions could wait for one another for ever.
  const isHeld = concurrency !== undefined && trigger.type !== 'subworkflow';
  return {
    ...(isHeld
      ? {
          concurrency: {
            key: hashed(
              plan.workflowId,
              renderValue(
                concurrency.key,
                { lead, input, trigger, workflow: { id: plan.workflowId, name: plan.name } },
                '/settings/concurrency/key',
              ),
            ),
            limit: concurrency.limit,
          },
        }
      : {}),
    // What handles a failure has no handler of its own, so that failures never go round in circles.
    ...(onFailure === undefined || handlesFailure ? {} : { onFailure }),
  };
}

/** Of one length whatever the key, and readable for nobody: it may hold a phone number. */
function hashed(workflowId: string, value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([workflowId, value]))
    .digest('hex');
}

/** The rules as columns of `executions`. */
export function toRuleColumns(rules: ExecutionRules | undefined) {
  const { concurrency, onFailure = null, awaitedBy = null } = rules ?? {};
  return {
    concurrency_key: concurrency?.key ?? null,
    concurrency_limit: concurrency?.limit ?? null,
    on_failure: onFailure,
    awaited_by: awaitedBy,
    follow_up: concurrency !== undefined || onFailure !== null || awaitedBy !== null,
  };
}
