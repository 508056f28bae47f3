import { availableParallelism } from 'node:os';
import type { WorkerOptions } from '@temporalio/worker';

/**
 * Sizes of a worker process, from measurements on two cores (docs/benchmarks.md). A node waits for
 * its provider most of the time, so there are far more slots than cores; what is scarce is the
 * database's connections and the sandbox's processes.
 */
export const WORKER_TUNING = {
  databaseConnections: 20,
  sandboxProcesses: Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
  /** Code runs that may wait for a sandbox process. */
  sandboxQueue: 1_000,
  workflows: {
    maxConcurrentWorkflowTaskExecutions: 100,
    maxConcurrentLocalActivityExecutions: 200,
    maxCachedWorkflows: 1_000,
    // Nodes under way get this long to finish before their worker goes.
    shutdownGraceTime: '20s',
    shutdownForceTime: '40s',
  },
  connectors: {
    maxConcurrentActivityTaskExecutions: 200,
    shutdownGraceTime: '20s',
    shutdownForceTime: '40s',
  },
} as const satisfies {
  readonly databaseConnections: number;
  readonly sandboxProcesses: number;
  readonly sandboxQueue: number;
  readonly workflows: Partial<WorkerOptions>;
  readonly connectors: Partial<WorkerOptions>;
};
