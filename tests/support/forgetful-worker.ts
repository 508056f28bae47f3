/**
 * A worker whose ledger remembers nothing: every attempt is its first. It shows what the ledger is
 * for, and that the tests which count messages can fail.
 */
import { Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import { emailManifest } from '../../connectors/email/manifest.ts';
import { createOperations } from '../../connectors/operations.ts';
import { createOutbound } from '../../connectors/outbound.ts';
import { createLedger } from '../../db/ledger.ts';
import { createCredentialRepository } from '../../db/repositories/credentials.ts';
import { createEmulatorRegistry } from '../../db/repositories/emulator-registry.ts';
import { connectWorker } from '../../temporal/connection.ts';
import { createCredentialSource } from '../../workers/credential-source.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { TASK_QUEUES } from '../../workflows/contract.ts';
import { type Stack, temporalAddress } from './stack.ts';

/** Starts the worker in this process; it can do nothing but send mail. */
export async function startForgetfulWorker(
  stack: Pick<Stack, 'database' | 'namespace'>,
): Promise<{ stop(): Promise<void> }> {
  const { database, namespace } = stack;
  const outbound = createOutbound({ allowHosts: [] });
  const operations = createOperations({
    outbound,
    runCode: { run: () => Promise.reject(new Error('This worker runs no code.')) },
  });
  const activities = createActivities({
    ledger: {
      ...createLedger(database),
      begin: () => Promise.resolve({ state: 'fresh', attempt: 1 }),
    },
    manifests: [emailManifest],
    subworkflows: { prepare: () => Promise.reject(new Error('This worker calls nobody.')) },
    schedules: {
      'schedule.fire': () => Promise.reject(new Error('This worker has no schedules.')),
      'schedule.hasEnded': () => Promise.resolve(true),
      'schedule.cancel': () => Promise.resolve(),
    },
    operations: operations.byType,
    checks: operations.checks,
    credentials: createCredentialSource({
      manifests: [emailManifest],
      credentials: createCredentialRepository(database),
      emulators: createEmulatorRegistry(database),
      vault: undefined,
      env: {},
    }),
    log: () => undefined,
  });
  const connection = await connectWorker({ address: temporalAddress(), namespace });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: TASK_QUEUES.workflows,
    workflowBundle: await bundleWorkflows(),
    activities,
  });
  const ended = worker.run();
  return {
    stop: async () => {
      worker.shutdown();
      await ended;
      await connection.close();
      await operations.close();
      await outbound.close();
    },
  };
}
