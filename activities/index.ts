import type { ConnectorManifest, CredentialCheck, Operation } from '../connectors/contract.ts';
import type {
  CredentialActivities,
  ExecutionActivities,
  RunNodeInput,
  RunNodeResult,
  ScheduleActivities,
} from '../workflows/activity-contract.ts';
import { createCheckCredential } from './check-credential.activity.ts';
import { createRunNode, type RunNodeDeps } from './run-node.activity.ts';
import type { SubworkflowSource } from './subworkflow-source.ts';

export interface ActivityDeps extends RunNodeDeps {
  readonly manifests: readonly ConnectorManifest[];
  readonly subworkflows: SubworkflowSource;
  /** What runs of schedules ask for. */
  readonly schedules: ScheduleActivities;
  /** Told whenever an execution has ended. */
  readonly ended?: () => void;
  /** How operations act, by `<connector>.<operation>`. */
  readonly operations: ReadonlyMap<string, Operation>;
  /** How credentials are tried, by their type. */
  readonly checks: ReadonlyMap<string, CredentialCheck>;
}

export type Activities = ExecutionActivities &
  CredentialActivities &
  ScheduleActivities & {
    readonly [type: `${string}.${string}`]: (input: RunNodeInput) => Promise<RunNodeResult>;
  };

/**
 * Every activity, by its type: one per operation of the catalog, and the bookkeeping of executions.
 * @throws Error if a manifest's operation has no implementation
 */
export function createActivities(
  deps: ActivityDeps,
): Record<string, (input: never) => Promise<unknown>> {
  const { ledger } = deps;
  const bookkeeping: ExecutionActivities = {
    'execution.end': async ({ executionId, end, records }) => {
      await ledger.record(executionId, records);
      await ledger.end(executionId, end);
      deps.ended?.();
    },
    'execution.status': async ({ executionId, status, records }) => {
      await ledger.record(executionId, records ?? []);
      await ledger.setStatus(executionId, status);
    },
    'execution.respond': ({ executionId, response }) => ledger.respond(executionId, response),
    'execution.prepareSubworkflow': async ({ records, ...request }) => {
      await ledger.record(request.parentExecutionId, records ?? []);
      return deps.subworkflows.prepare(request);
    },
    'execution.resolve': async ({ outcome, output, ...entry }) => {
      switch (outcome) {
        case 'sent':
          return ledger.finish(entry, { status: 'succeeded', output, port: 'success' });
        case 'not_sent':
          return ledger.finish(entry, {
            status: 'failed',
            error: {
              code: 'not_sent',
              message: 'A person stated that the send did not take place.',
            },
            inDoubt: false,
          });
        case 'resend':
          return ledger.clearDoubt(entry);
      }
    },
  };
  const perOperation = deps.manifests.flatMap((connector) =>
    connector.operations.map((manifest) => {
      const type = `${connector.type}.${manifest.name}`;
      const operation = deps.operations.get(type);
      if (operation === undefined) throw new Error(`The operation ${type} has no implementation.`);
      return [type, createRunNode({ connector, manifest, operation }, deps)] as const;
    }),
  );
  const credentials: CredentialActivities = { 'credential.check': createCheckCredential(deps) };
  return { ...bookkeeping, ...credentials, ...deps.schedules, ...Object.fromEntries(perOperation) };
}
