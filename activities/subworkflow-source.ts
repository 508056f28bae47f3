import type { SubworkflowAnswer, SubworkflowRequest } from '../workflows/activity-contract.ts';

/** Accepts executions of other definitions, for subworkflow nodes. */
export interface SubworkflowSource {
  /**
   * Writes the execution's row, or finds the one that an earlier attempt wrote.
   * @returns what to start it with; an error where there is no such published definition, or the
   *   definitions lead to each other in a circle or too deep
   */
  prepare(request: SubworkflowRequest): Promise<SubworkflowAnswer>;
}
