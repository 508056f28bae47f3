import type { DefinitionRepository, PublishedPlan } from '../db/repositories/definitions.ts';

const MAX_PLANS = 500;

export interface PlanCache {
  /** @returns the plan of a published version, or undefined if there is no such version */
  find(definitionId: string, version: number): Promise<PublishedPlan | undefined>;
}

/** Plans of published versions in memory. They never change, so they are only ever crowded out. */
export function createPlanCache(definitions: DefinitionRepository): PlanCache {
  const plans = new Map<string, PublishedPlan>();

  return {
    async find(definitionId, version) {
      const key = `${definitionId}/${version}`;
      const known = plans.get(key);
      if (known !== undefined) return known;
      const plan = await definitions.findPlan(definitionId, version);
      if (plan === undefined) return undefined;
      plans.set(key, plan);
      // A Map keeps the order of insertion, so the first key is the one loaded longest ago.
      for (const oldest of plans.keys()) {
        if (plans.size <= MAX_PLANS) break;
        plans.delete(oldest);
      }
      return plan;
    },
  };
}
