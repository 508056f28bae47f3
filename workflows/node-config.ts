/** A node's config as it runs and as its row shows it, and what is said where it can't be had. */
import type { ExecutionError } from './contract.ts';
import { type ExpressionError, type ExpressionScope, renderValue } from './graph/expressions.ts';
import type { JsonObject } from './graph/json.ts';
import type { PlanNode } from './graph/plan-types.ts';

/**
 * Renders a node's config, except fields that are program text or graphs.
 * @throws ExpressionError
 */
export function renderConfig(node: PlanNode, scope: ExpressionScope): JsonObject {
  const raw = node.rawFields ?? [];
  return Object.fromEntries(
    Object.entries(node.config).map(([field, value]) => [
      field,
      raw.includes(field) ? value : renderValue(value, scope, `/config/${field}`),
    ]),
  );
}

/** The body of a forEach stands in the plan already; repeating it in every row says nothing. */
export function loggedInput(node: PlanNode, config: JsonObject): JsonObject {
  const raw = node.rawFields ?? [];
  return Object.fromEntries(Object.entries(config).filter(([field]) => !raw.includes(field)));
}

export function expressionFailure(node: PlanNode, error: ExpressionError): ExecutionError {
  return {
    code: error.code,
    message: `"${node.name}" couldn’t be prepared: ${error.message}`,
    nodeId: node.id,
    details: { pointer: error.pointer },
  };
}

export function lostAttempt(node: PlanNode): ExecutionError {
  return {
    code: 'attempt_lost',
    message: `"${node.name}" was begun several times and its worker never reported back. Look at the workers’ logs for what ended them.`,
    nodeId: node.id,
  };
}
