/** Accepts executions of published definitions, for what starts them inside the worker. */
import type { Admission } from '../db/admission.ts';
import { type ExecutionRules, executionRules } from '../db/execution-rules.ts';
import type { ExecutionRepository, StartFacts } from '../db/repositories/executions.ts';
import type { ExecutionStarter, StartableExecution } from '../temporal/start-execution.ts';
import type { ExecutionTrigger } from '../workflows/contract.ts';
import { ExpressionError } from '../workflows/graph/expressions.ts';
import type { JsonObject } from '../workflows/graph/json.ts';

export interface PublishedStart {
  readonly executionId: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly leadId: string | null;
  readonly lead: JsonObject | null;
  readonly input: JsonObject;
  readonly trigger: ExecutionTrigger;
  readonly mode: 'live' | 'sandbox' | ((facts: StartFacts) => 'live' | 'sandbox');
  /** Temporal workflow that is told of its end. */
  readonly awaitedBy?: string;
}

/** Why nothing was started, for good. */
export interface StartRefusal {
  readonly code: string;
  readonly message: string;
}

export type StartResult =
  | { readonly accepted: StartableExecution; readonly rules: ExecutionRules }
  | { readonly refused: StartRefusal };

export interface PublishedStartDeps {
  readonly executions: Pick<ExecutionRepository, 'startFacts' | 'insert' | 'findStartable'>;
  readonly admission: Admission;
  readonly start: ExecutionStarter;
}

/** Publishing may come in between two statements; the next attempt finds the new version. */
const ATTEMPTS = 5;

export type PublishedStarts = ReturnType<typeof createPublishedStarts>;

export function createPublishedStarts({ executions, admission, start }: PublishedStartDeps) {
  return {
    /**
     * Writes the execution. An id that is taken already answers the execution that has it.
     * @param guard what must hold for the version that is published; asked once per attempt
     */
    async accept(
      request: PublishedStart,
      guard: () => Promise<StartRefusal | undefined> = async () => undefined,
    ): Promise<StartResult> {
      const { projectId, workflowId, executionId } = request;
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const facts = await executions.startFacts(projectId, workflowId, null, undefined);
        const refused = refusalOf(workflowId, facts) ?? (await guard());
        if (refused !== undefined) return { refused };
        const rules = rulesFor(request, facts);
        if ('refused' in rules) return rules;
        await executions.insert({
          executionId,
          projectId,
          workflowId,
          version: facts.publishedVersion ?? 0,
          definitionId: facts.definitionId ?? null,
          plan: null,
          leadId: request.leadId,
          lead: request.lead,
          saveLead: false,
          input: request.input,
          trigger: request.trigger,
          mode: typeof request.mode === 'function' ? request.mode(facts) : request.mode,
          requestKey: undefined,
          rules,
        });
        const accepted = await executions.findStartable(executionId);
        if (accepted !== undefined) return { accepted, rules };
      }
      return { refused: notPublished(workflowId) };
    },

    /**
     * Starts what was accepted, if it is its turn. What fails here is done later by the follow-ups
     * and the reconciler.
     */
    async handOver(accepted: StartableExecution, rules: ExecutionRules): Promise<void> {
      const { concurrency } = rules;
      if (concurrency === undefined) await start(accepted);
      else await this.admit({ projectId: accepted.projectId, key: concurrency.key });
    },

    /** Starts those that wait for a slot of the key and have their turn. @returns how many */
    async admit(key: { readonly projectId: string; readonly key: string }): Promise<number> {
      const admitted = await admission.admit(key);
      for (const executionId of admitted) {
        const startable = await executions.findStartable(executionId);
        if (startable !== undefined) await start(startable);
      }
      return admitted.length;
    },
  };
}

function refusalOf(workflowId: string, facts: StartFacts): StartRefusal | undefined {
  if (facts.definitionId === undefined) {
    return {
      code: 'workflow_not_found',
      message: `There is no automation "${workflowId}" in this project.`,
    };
  }
  return facts.publishedVersion === null || !facts.isActive ? notPublished(workflowId) : undefined;
}

function notPublished(workflowId: string): StartRefusal {
  return {
    code: 'workflow_not_published',
    message: `The automation "${workflowId}" isn’t published. Publish it first.`,
  };
}

function rulesFor(
  request: PublishedStart,
  facts: StartFacts,
): ExecutionRules | { readonly refused: StartRefusal } {
  const { workflowId, awaitedBy } = request;
  try {
    const rules = executionRules(facts.settings, {
      ...request,
      plan: { workflowId, name: facts.name ?? workflowId },
    });
    return awaitedBy === undefined ? rules : { ...rules, awaitedBy };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return {
      refused: {
        code: 'concurrency_key_failed',
        message: `The key of its concurrency: ${error.message}`,
      },
    };
  }
}
