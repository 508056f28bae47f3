/** What every kind of start has in common: its key, its id, and the moment of being accepted. */
import type { Admission } from '../db/admission.ts';
import type { ExecutionRules } from '../db/execution-rules.ts';
import type {
  ExecutionRepository,
  NewExecution,
  RequestKey,
  StartFacts,
} from '../db/repositories/executions.ts';
import type { StartableExecution } from '../temporal/start-execution.ts';
import type { ExecutionStatus } from '../workflows/contract.ts';
import type { ExecutionPlan } from '../workflows/graph/plan-types.ts';
import type { Fingerprint } from './idempotency.ts';
import { canonicalJson, keyedExecutionId, newExecutionId } from './identifiers.ts';
import { ApiError } from './problem.ts';
import { reusedKey } from './refusals.ts';
import type { StartDispatcher } from './start-dispatcher.ts';

export interface Accepted {
  readonly executionId: string;
  readonly workflowId: string;
  readonly version: number;
  /** Where it is, if it was accepted before. */
  readonly status?: ExecutionStatus;
}

export interface AcceptanceDeps {
  readonly executions: ExecutionRepository;
  readonly admission: Admission;
  readonly dispatcher: StartDispatcher;
  readonly fingerprint: Fingerprint;
}

export function createAcceptance(deps: AcceptanceDeps) {
  const { executions, admission, dispatcher, fingerprint } = deps;

  /** Keys that are being looked at: starts that come meanwhile have it looked at once more. */
  const turns = new Map<string, { again: boolean }>();

  /**
   * Hands an accepted execution over, unless it has to wait for others; it may be others' turn then.
   * The answer never waits for it nor depends on it: what isn't handed over here, workers find.
   */
  function handOver(start: StartableExecution, rules: ExecutionRules): void {
    const { concurrency } = rules;
    const { projectId, executionId } = start;
    if (concurrency === undefined) {
      dispatcher.submit(start);
      return;
    }
    const slot = `${projectId} ${concurrency.key}`;
    const turn = turns.get(slot);
    if (turn !== undefined) {
      turn.again = true;
      return;
    }
    const own = { again: false };
    turns.set(slot, own);
    dispatcher.whileAdmitting(executionId, async () => {
      try {
        do {
          own.again = false;
          for (const id of await admission.admit({ projectId, key: concurrency.key })) {
            const admitted = id === executionId ? start : await executions.findStartable(id);
            if (admitted !== undefined) dispatcher.submit(admitted);
          }
        } while (own.again);
      } finally {
        // At once after the last look, so that nobody relies on a turn that is over.
        turns.delete(slot);
      }
    });
  }

  return {
    handOver,

    /** @param subject what is started or repeated: the same key may be used once for each */
    keyFor(
      kind: string,
      subject: string,
      key: string | undefined,
      request: unknown,
    ): RequestKey | undefined {
      if (key === undefined) return undefined;
      return {
        key,
        route: `${kind} ${subject}`,
        requestHash: fingerprint(canonicalJson(request)),
      };
    },

    /** Writes the execution and hands it over. @returns false if the key or the id was taken */
    async accept(
      execution: NewExecution,
      plan: ExecutionPlan,
      description: string | undefined,
    ): Promise<boolean> {
      refuseTooLarge(execution, plan);
      const written = await executions.insert(execution);
      if (written === undefined) return false;
      const start = {
        executionId: execution.executionId,
        projectId: execution.projectId,
        mode: execution.mode,
        plan,
        leadId: execution.leadId,
        lead: written.lead,
        input: execution.input,
        trigger: execution.trigger,
        ...(execution.kept === undefined ? {} : { kept: execution.kept }),
        ...(description === undefined ? {} : { description }),
      } satisfies StartableExecution;
      handOver(start, execution.rules ?? {});
      return true;
    },
  };
}

/**
 * Temporal takes arguments of 2 MiB (limit.blobSize.error); what is above would be accepted and
 * never start. Some room is left for what is added on the way.
 * https://docs.temporal.io/self-hosted-guide/defaults
 */
const MAX_START_BYTES = 1_900_000;

function refuseTooLarge(execution: NewExecution, plan: ExecutionPlan): void {
  const { lead, input, trigger, kept } = execution;
  const bytes = Buffer.byteLength(JSON.stringify({ plan, lead, input, trigger, kept }));
  if (bytes <= MAX_START_BYTES) return;
  throw new ApiError(
    'execution_too_large',
    `Definition, lead, input and trigger together have ${bytes} bytes; ${MAX_START_BYTES} is the limit of one execution. Send less, or references to where the data is.`,
  );
}

export function idFor(projectId: string, workflowId: string, key: string | undefined): string {
  return key === undefined
    ? newExecutionId(workflowId)
    : keyedExecutionId(projectId, workflowId, key);
}

export function requireSameRequest(facts: StartFacts, requestKey: RequestKey | undefined): void {
  if (requestKey === undefined || facts.knownRequestHash === undefined) return;
  if (!facts.knownRequestHash.equals(requestKey.requestHash)) throw reusedKey();
}
