import { type ExecutionRules, executionRules, type RuleFacts } from '../db/execution-rules.ts';
import type { Definition } from '../workflows/graph/definition.ts';
import { ExpressionError } from '../workflows/graph/expressions.ts';
import { ApiError } from './problem.ts';

/** As `executionRules`. @throws ApiError `invalid_request` if the key of `concurrency` has no value */
export function rulesOf(settings: Definition['settings'], facts: RuleFacts): ExecutionRules {
  try {
    return executionRules(settings, facts);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ApiError(
      'invalid_request',
      `The workflow limits how many of its executions run at once, but the key that it groups them by has no value for this start: ${error.message}`,
      { cause: error },
    );
  }
}
