/** Whether a trigger's filter lets something through. Pure: the API and the tests decide by it. */
import { evaluateCondition } from './conditions.ts';
import { type ExpressionScope, renderValue } from './expressions.ts';
import type { Json, JsonObject } from './json.ts';

/** A filter that yields neither true nor false. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

/**
 * @param filter a condition or an expression; undefined lets everything through
 * @throws ExpressionError, ConditionError or FilterError if it can't be decided
 */
export function passesFilter(filter: unknown, scope: ExpressionScope): boolean {
  if (filter === undefined) return true;
  // Its form was checked when it was saved, and it was read from JSON.
  const rendered = renderValue(filter as Json, scope, '/filter');
  if (typeof filter !== 'string') return evaluateCondition(rendered as JsonObject);
  const value = typeof rendered === 'string' ? rendered.trim() : rendered;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new FilterError(
    'The filter must yield true or false, such as {% if lead.score > 50 %}true{% else %}false{% endif %}, or be written as a condition.',
  );
}
