import { createHash } from 'node:crypto';
import type { SubworkflowSource } from '../activities/subworkflow-source.ts';
import type { SubworkflowAnswer, SubworkflowRequest } from '../workflows/activity-contract.ts';
import type { PublishedStarts } from './published-starts.ts';

/** Definitions that may lead to one another; deeper is a cycle in disguise more often than a need. */
const MAX_DEPTH = 10;

export interface SubworkflowDeps {
  readonly starts: Pick<PublishedStarts, 'accept'>;
}

/** Subworkflows from the published definitions of the same project. */
export function createSubworkflowSource({ starts }: SubworkflowDeps): SubworkflowSource {
  return {
    async prepare(request) {
      const refused = refusal(request);
      if (refused !== undefined) return refused;
      const { projectId, workflowId, leadId, lead, input, mode, ancestors } = request;
      const result = await starts.accept({
        executionId: childId(request),
        projectId,
        workflowId,
        leadId,
        lead,
        input,
        trigger: {
          type: 'subworkflow',
          parentExecutionId: request.parentExecutionId,
          ancestors,
        },
        mode,
      });
      if ('refused' in result) return { error: result.refused };
      const { description: _description, ...start } = result.accepted;
      return { start, summary: `${start.plan.name} · called by ${ancestors.at(-1) ?? ''}` };
    },
  };
}

function refusal({ workflowId, ancestors }: SubworkflowRequest): SubworkflowAnswer | undefined {
  if (ancestors.includes(workflowId)) {
    const circle = [...ancestors.slice(ancestors.indexOf(workflowId)), workflowId].join(' → ');
    return failed(
      'subworkflow_cycle',
      `These automations call each other in a circle: ${circle}. Remove one of the calls.`,
    );
  }
  if (ancestors.length >= MAX_DEPTH) {
    return failed(
      'subworkflow_too_deep',
      `Automations call each other more than ${MAX_DEPTH} levels deep: ${[...ancestors, workflowId].join(' → ')}.`,
    );
  }
  return undefined;
}

function failed(code: string, message: string): SubworkflowAnswer {
  return { error: { code, message } };
}

/** The same on every attempt, so that a repetition finds the execution that the first one accepted. */
function childId({ parentExecutionId, nodeId, iteration, workflowId }: SubworkflowRequest): string {
  const hash = createHash('sha256').update(JSON.stringify([parentExecutionId, nodeId, iteration]));
  return `${workflowId}_${hash.digest('hex').slice(0, 32)}`;
}
