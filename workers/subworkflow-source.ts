import { createHash } from 'node:crypto';
import type { SubworkflowSource } from '../activities/subworkflow-source.ts';
import type { ExecutionRepository } from '../db/repositories/executions.ts';
import type { SubworkflowAnswer, SubworkflowRequest } from '../workflows/activity-contract.ts';

/** Definitions that may lead to one another; deeper is a cycle in disguise more often than a need. */
const MAX_DEPTH = 10;

export interface SubworkflowDeps {
  readonly executions: Pick<ExecutionRepository, 'startFacts' | 'insert' | 'findStartable'>;
}

/** Subworkflows from the published definitions of the same project. */
export function createSubworkflowSource(deps: SubworkflowDeps): SubworkflowSource {
  return {
    async prepare(request) {
      const { projectId, workflowId, ancestors } = request;
      const refused = refusal(request);
      if (refused !== undefined) return refused;
      const facts = await deps.executions.startFacts(projectId, workflowId, null, undefined);
      const { definitionId, publishedVersion: version } = facts;
      if (definitionId === undefined) {
        return failed(
          'workflow_not_found',
          `There is no automation "${workflowId}" in this project.`,
        );
      }
      if (version === null || !facts.isActive) return notPublished(workflowId);
      const executionId = childId(request);
      const trigger = {
        type: 'subworkflow' as const,
        parentExecutionId: request.parentExecutionId,
        ancestors,
      };
      await deps.executions.insert({
        executionId,
        projectId,
        workflowId,
        version,
        definitionId,
        plan: null,
        leadId: request.leadId,
        lead: request.lead,
        input: request.input,
        trigger,
        mode: request.mode,
        saveLead: false,
        requestKey: undefined,
      });
      const start = await deps.executions.findStartable(executionId);
      if (start === undefined) return notPublished(workflowId);
      const { description: _description, ...input } = start;
      return { start: input, summary: `${input.plan.name} · called by ${ancestors.at(-1) ?? ''}` };
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

function notPublished(workflowId: string): SubworkflowAnswer {
  return failed(
    'workflow_not_published',
    `The automation "${workflowId}" isn’t published. Publish it first.`,
  );
}

function failed(code: string, message: string): SubworkflowAnswer {
  return { error: { code, message } };
}

/** The same on every attempt, so that a repetition finds the execution that the first one accepted. */
function childId({ parentExecutionId, nodeId, iteration, workflowId }: SubworkflowRequest): string {
  const hash = createHash('sha256').update(JSON.stringify([parentExecutionId, nodeId, iteration]));
  return `${workflowId}_${hash.digest('hex').slice(0, 32)}`;
}
