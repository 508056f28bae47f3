/** The process of the hand-written workflows, tuned as Masar's own workers are. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createSandboxPool } from '../../activities/sandbox/pool.ts';
import { connectWorker } from '../../temporal/connection.ts';
import { WORKER_TUNING } from '../../workers/tuning.ts';
import { serveParent } from '../child.ts';
import { HANDWRITTEN_TASK_QUEUE, handwrittenSettingsSchema } from '../protocol.ts';
import { createSteps } from './steps.ts';

serveParent(async (settings) => {
  const { temporalAddress } = handwrittenSettingsSchema.parse(settings);
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const sandbox = createSandboxPool({
    size: WORKER_TUNING.sandboxProcesses,
    maxQueue: WORKER_TUNING.sandboxQueue,
  });
  const { steps, close } = createSteps(sandbox);
  const connection = await connectWorker({ address: temporalAddress, namespace: 'default' });
  const worker = await Worker.create({
    connection,
    taskQueue: HANDWRITTEN_TASK_QUEUE,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    }),
    activities: { ...steps },
    ...WORKER_TUNING.workflows,
    maxConcurrentActivityTaskExecutions:
      WORKER_TUNING.connectors.maxConcurrentActivityTaskExecutions,
  });
  const running = worker.run();
  return {
    stop: async () => {
      worker.shutdown();
      await running;
      await close();
      await sandbox.close();
      await connection.close();
    },
  };
});
