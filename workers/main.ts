/** The worker role: workflows, the activities of every connector, and the reconciler. */
import { DefaultLogger, type LogLevel, Runtime, Worker } from '@temporalio/worker';
import { type ActivityDeps, createActivities } from '../activities/index.ts';
import { createSandboxPool } from '../activities/sandbox/pool.ts';
import type { RoleEnvironment } from '../cli/environment.ts';
import { environmentCredentials, executionMode } from '../cli/execution-mode.ts';
import { createLogger, describeError, type Logger } from '../cli/logger.ts';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { createOperations } from '../connectors/operations.ts';
import { createOutbound } from '../connectors/outbound.ts';
import { createAdmission } from '../db/admission.ts';
import { connectDatabase } from '../db/connection.ts';
import { createLedger } from '../db/ledger.ts';
import { createPayloadStore } from '../db/payload-store.ts';
import { createCredentialRepository } from '../db/repositories/credentials.ts';
import { createEmulatorRegistry } from '../db/repositories/emulator-registry.ts';
import { createExecutionRepository } from '../db/repositories/executions.ts';
import { createVault } from '../db/vault.ts';
import { connectClient, connectWorker } from '../temporal/connection.ts';
import { ensureSearchAttributes } from '../temporal/ensure-search-attributes.ts';
import { createDataConverter } from '../temporal/large-payloads.ts';
import { createSchedules } from '../temporal/schedules.ts';
import { createExecutionStarter } from '../temporal/start-execution.ts';
import { TASK_QUEUES } from '../workflows/contract.ts';
import { createCredentialSource } from './credential-source.ts';
import { startFollowUps } from './follow-ups.ts';
import { createPublishedStarts } from './published-starts.ts';
import { startReconciler } from './reconciler.ts';
import { createScheduleSource } from './schedule-source.ts';
import { startScheduleSync } from './schedule-sync.ts';
import { createSubworkflowSource } from './subworkflow-source.ts';
import { WORKER_TUNING } from './tuning.ts';
import { workflowBundle } from './workflow-bundle.ts';

export interface Role {
  /** Lets what is under way finish, then closes all connections. */
  stop(): Promise<void>;
  /** Settles if the role ends by itself: a fault that its process should not survive. */
  readonly ended: Promise<void>;
}

/**
 * Starts a worker process's work and returns once it polls.
 * @throws Error if PostgreSQL's settings or Temporal can't be used
 */
export async function runWorker(environment: RoleEnvironment): Promise<Role> {
  const logger = createLogger({ level: environment.logLevel, component: 'worker' });
  useTemporalLogger(logger);
  const database = connectDatabase(environment.databaseUrl, {
    poolSize: WORKER_TUNING.databaseConnections,
    applicationName: 'masar-worker',
  });
  const ledger = createLedger(database);
  const emulators = createEmulatorRegistry(database);
  const sandbox = createSandboxPool({
    size: WORKER_TUNING.sandboxProcesses,
    maxQueue: WORKER_TUNING.sandboxQueue,
  });
  const outbound = createOutbound({ allowHosts: environment.allowHosts });
  const operations = createOperations({
    outbound,
    runCode: sandbox,
    httpEmulatorUrl: async () => (await emulators.find('http'))?.url,
  });
  const executions = createExecutionRepository(database);
  const dataConverter = createDataConverter(createPayloadStore(database));
  const [client, connection, bundle] = await Promise.all([
    connectClient(environment.temporal, dataConverter),
    connectWorker(environment.temporal),
    workflowBundle({
      file: environment.workflowBundle,
      stackTraces: environment.logLevel === 'debug',
    }),
  ]);
  const log: ActivityDeps['log'] = (message, fields) => logger.info(message, fields);
  const admission = createAdmission(database);
  const start = createExecutionStarter({ client });
  const starts = createPublishedStarts({ executions, admission, start });
  const followUps = startFollowUps({ database, client, admission, starts, log });
  const activities = createActivities({
    ledger,
    subworkflows: createSubworkflowSource({ starts }),
    schedules: createScheduleSource({
      database,
      client,
      ledger,
      executions,
      starts,
      modeOf: ({ hasCredentials }) =>
        executionMode({
          configured: environment.mode,
          hasCredentials:
            hasCredentials ||
            environmentCredentials(CONNECTOR_MANIFESTS, environment.providers).size > 0,
        }),
      log,
    }),
    ended: followUps.poke,
    manifests: CONNECTOR_MANIFESTS,
    operations: operations.byType,
    checks: operations.checks,
    credentials: createCredentialSource({
      manifests: CONNECTOR_MANIFESTS,
      credentials: createCredentialRepository(database),
      emulators,
      vault: createVault(environment.encryptionKey),
      env: environment.providers,
    }),
    log,
  });

  const { namespace } = environment.temporal;
  await ensureSearchAttributes(client.connection, namespace).catch((error: unknown) =>
    logger.warn('Search attributes were not checked.', describeError(error)),
  );
  const workers = await Promise.all([
    Worker.create({
      connection,
      namespace,
      dataConverter,
      taskQueue: TASK_QUEUES.workflows,
      workflowBundle: bundle,
      activities,
      ...WORKER_TUNING.workflows,
    }),
    Worker.create({
      connection,
      namespace,
      dataConverter,
      taskQueue: TASK_QUEUES.connectors,
      activities,
      ...WORKER_TUNING.connectors,
    }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  const reconciler = startReconciler({
    database,
    ledger,
    client,
    executions,
    start,
    log,
  });
  const scheduleSync = startScheduleSync({ database, schedules: createSchedules({ client }), log });
  logger.info('The worker is ready.', { namespace });

  return {
    ended: running.then(() => undefined),
    stop: async () => {
      await reconciler.stop();
      await Promise.all([followUps.stop(), scheduleSync.stop()]);
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await operations.close();
      await outbound.close();
      await sandbox.close();
      await client.connection.close();
      await connection.close();
      await database.destroy();
    },
  };
}

/** Warnings about what is so on purpose. */
const EXPECTED = [
  // The connectors' worker has none.
  'No workflows registered',
  // An attempt that takes seconds keeps its workflow task open: docs/adr/0003.
  'Workflow task duration exceeded',
  // Nodes and executions that fail are the automations' business; a line of ours says which and why.
  'Activity failed',
  'Workflow failed',
];

/** The first message in the native part's printed form of a failure, cut to a line's length. */
const FAILURE_MESSAGE = /message: "((?:[^"\\]|\\.){1,300})/;

/** The SDK's own messages go the same way as ours. */
function useTemporalLogger(logger: Logger): void {
  const write: Record<LogLevel, Logger['info']> = {
    TRACE: logger.debug,
    DEBUG: logger.debug,
    INFO: logger.debug,
    WARN: logger.warn,
    ERROR: logger.error,
  };
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (EXPECTED.some((words) => message.includes(words))) return;
      const { taskQueue, workflowId, activityType, runId } = meta ?? {};
      const fields = Object.entries({
        taskQueue,
        executionId: workflowId,
        activityType,
        runId,
        // A workflow task that fails is a fault of ours: without its reason nobody can find it.
        failure: FAILURE_MESSAGE.exec(String(meta?.failure ?? ''))?.[1],
      });
      write[level](
        `temporal: ${message}`,
        Object.fromEntries(
          fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
        ),
      );
    }),
    // What the SDK's native part has to say comes through the logger as well, not onto stderr.
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    // The supervisor decides when a process ends.
    shutdownSignals: [],
  });
}
