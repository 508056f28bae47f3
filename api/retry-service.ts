/** Repeats an execution that has ended, keeping what succeeded in it. */
import type { ConnectorManifest } from '../connectors/contract.ts';
import type { ExecutionRepository } from '../db/repositories/executions.ts';
import type { ExecutionTrigger } from '../workflows/contract.ts';
import { type Accepted, createAcceptance, idFor, requireSameRequest } from './acceptance.ts';
import type { ExecutionReading } from './execution-reader.ts';
import { rulesOf } from './execution-rules.ts';
import { hasEnded } from './execution-view.ts';
import { downstreamOf, findDoubt, keptResults } from './kept-results.ts';
import { ApiError } from './problem.ts';
import { inProgress, unknownWorkflow } from './refusals.ts';
import { type CredentialCheckDeps, requireCredentials } from './required-credentials.ts';
import type { StartServiceDeps } from './start-service.ts';

export type RetryServiceDeps = Pick<StartServiceDeps, 'admission' | 'dispatcher' | 'fingerprint'> &
  CredentialCheckDeps & {
    readonly catalog: readonly ConnectorManifest[];
    readonly executions: ExecutionRepository;
  };

export type RetryService = ReturnType<typeof createRetryService>;

export function createRetryService(deps: RetryServiceDeps) {
  const { catalog, executions } = deps;
  const { accept, keyFor } = createAcceptance(deps);

  return {
    /**
     * Starts a new execution of the same version for the same lead, with the same input and mode.
     * @param reading the execution to repeat
     * @param fromNode outermost node to begin at: it and all that follows it run again
     * @param key the Idempotency-Key, if there is one
     * @throws ApiError
     */
    async retry(
      { execution, logs }: ExecutionReading,
      fromNode: string | undefined,
      key: string | undefined,
    ): Promise<Accepted> {
      const { projectId, workflowId, version, executionId: ofExecutionId, mode } = execution;
      const requestKey = keyFor('retry', ofExecutionId, key, { fromNode: fromNode ?? null });
      const executionId = idFor(
        projectId,
        workflowId,
        key === undefined ? undefined : `retry ${ofExecutionId} ${key}`,
      );
      const facts = await executions.startFacts(projectId, workflowId, null, requestKey);
      requireSameRequest(facts, requestKey);
      if (requestKey !== undefined && facts.knownRequestHash !== undefined) {
        const known = await executions.find(projectId, executionId);
        if (known !== undefined) return known;
      }
      if (!hasEnded(execution)) {
        throw new ApiError(
          'execution_not_ended',
          `The execution is ${execution.status}. Only one that has ended can be repeated; cancel it first, or wait.`,
        );
      }
      const original = await executions.findStartable(ofExecutionId);
      if (original === undefined) throw unknownWorkflow(workflowId);
      const { plan } = original;
      if (version !== 0 && facts.definitionId === undefined) throw unknownWorkflow(workflowId);
      if (version !== 0 && !facts.isActive) {
        throw new ApiError(
          'workflow_not_published',
          `Workflow "${workflowId}" is not published, so nothing can start it. Publish it first.`,
        );
      }
      if (fromNode !== undefined && !plan.nodes.some(({ id }) => id === fromNode)) {
        throw unknownNode(fromNode);
      }
      const again: ReadonlySet<string> =
        fromNode === undefined ? new Set() : downstreamOf(plan, fromNode);
      const kept = keptResults(plan, logs, again);
      const doubtful = findDoubt(
        plan,
        logs,
        kept,
        again,
        (entry) =>
          catalog
            .find(({ type }) => type === entry.connectorType)
            ?.operations.find(({ name }) => name === entry.operation)?.idempotency,
      );
      if (doubtful !== undefined) {
        throw new ApiError(
          'outcome_unknown',
          `"${doubtful.name}" may have acted, so repeating it may act twice. See at the provider what became of it; to run it again all the same, name it as fromNode, or a node before it.`,
          { extra: { nodeId: doubtful.id } },
        );
      }
      if (mode === 'live') {
        const nodes = plan.nodes.map((node) =>
          kept[node.id] === undefined ? node : { ...node, disabled: true },
        );
        await requireCredentials(deps, projectId, { ...plan, nodes });
      }
      const accepted: Accepted = { executionId, workflowId, version };
      const trigger = retryTrigger(original.trigger, ofExecutionId, fromNode);
      const written = await accept(
        {
          ...accepted,
          projectId,
          definitionId: version === 0 ? null : (facts.definitionId ?? null),
          plan: version === 0 ? plan : null,
          leadId: original.leadId,
          lead: original.lead,
          saveLead: false,
          input: original.input,
          trigger,
          mode,
          kept,
          requestKey,
          anyVersion: true,
          rules: rulesOf(facts.settings, {
            plan,
            lead: original.lead,
            input: original.input,
            trigger,
          }),
        },
        plan,
        original.description,
      );
      if (written) return accepted;
      // The same key came twice at once, or the definition was unpublished in between.
      const other = await executions.find(projectId, executionId);
      if (other === undefined) throw inProgress();
      const now = await executions.startFacts(projectId, workflowId, null, requestKey);
      requireSameRequest(now, requestKey);
      return other;
    },
  };
}

/** Keeps what the first trigger told (an event's data), because expressions may refer to it. */
function retryTrigger(
  original: ExecutionTrigger,
  ofExecutionId: string,
  fromNode: string | undefined,
): ExecutionTrigger {
  const told = Object.fromEntries(Object.entries(original).filter(([name]) => name !== 'fromNode'));
  return {
    ...told,
    type: 'retry',
    ofExecutionId,
    ...(fromNode === undefined ? {} : { fromNode }),
  };
}

function unknownNode(fromNode: string): ApiError {
  const message = `The execution has no outermost node "${fromNode}". Name one of its nodes that is in no forEach.`;
  return new ApiError('invalid_request', message, {
    issues: [{ code: 'unknown_node', severity: 'error', pointer: '/fromNode', message }],
  });
}
