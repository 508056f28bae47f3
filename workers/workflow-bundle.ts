import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  type WorkflowBundleOption,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

const WORKFLOWS = file('index.ts');

/**
 * Bundles the workflows for their isolate. Fails if they import anything that does IO.
 * @param options.stackTraces true lets the Web UI show where a workflow stands in its code, and its
 *   own faults say where they arose, which takes a quarter more processor time
 * @returns the code that a Worker takes as `workflowBundle`
 */
export async function bundleWorkflows(
  options: { readonly stackTraces?: boolean } = {},
): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    // Evaluated once per process, not once per execution. Executions share what is preloaded, so
    // none of these modules keeps anything that changes a result:
    // workflows/no-shared-state.test.ts holds ours to that.
    preloadModules: [
      ...(options.stackTraces === true ? [] : [file('without-stack-traces.ts')]),
      'liquidjs',
      WORKFLOWS,
    ],
    logger: QUIET,
  });
}

/**
 * @param options.file the code, as scripts/bundle-workflows.ts has written it; spares a worker two
 *   seconds at its start. Not used with `stackTraces`, which it was made without.
 */
export async function workflowBundle(options: {
  readonly file: string | undefined;
  readonly stackTraces: boolean;
}): Promise<WorkflowBundleOption> {
  if (options.file === undefined || options.stackTraces) return bundleWorkflows(options);
  return { codePath: options.file };
}

function file(name: string): string {
  return fileURLToPath(new URL(`../workflows/${name}`, import.meta.url));
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
