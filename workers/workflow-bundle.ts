import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const GRAPH = new URL('../workflows/graph/', import.meta.url);

/**
 * Bundles the workflows for their isolate. Fails if they import anything that does IO.
 * @returns the code that a Worker takes as `workflowBundle`
 */
export async function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    // By far the largest modules: evaluated once per process, not once per execution. What they keep
    // (parsed texts, clocks of time zones) changes no result, see the expression engine.
    preloadModules: ['liquidjs', fileURLToPath(new URL('expression-engine.ts', GRAPH))],
    logger: QUIET,
  });
}

const ignore = (): void => undefined;
/** webpack reports its work at length; its errors are thrown. */
const QUIET = {
  log: ignore,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
};
