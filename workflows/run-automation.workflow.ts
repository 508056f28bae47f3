/**
 * Interprets an ExecutionPlan: runs its graph, answers what comes from outside, takes effects back
 * where the plan says so, and writes how the execution ended. All decisions are in the pure modules
 * under graph/; all effects are in activities.
 *
 * The workflow ends as the execution does: completed, failed (with the error's code as failure
 * type), or cancelled, so that Temporal's own lists and alerts tell the truth.
 */
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { ExecutionEnd } from './activity-contract.ts';
import { continuedFrom, restoreUndoable } from './continued-state.ts';
import {
  DECIDE_APPROVAL_UPDATE,
  type DecideApprovalInput,
  EVENT_SIGNAL,
  type EventSignalInput,
  type ExecutionError,
  type ExecutionState,
  PAUSE_UPDATE,
  RESOLVE_NODE_UPDATE,
  RESUME_UPDATE,
  type ResolveNodeInput,
  type RunAutomationInput,
  type RunAutomationResult,
  STATE_QUERY,
} from './contract.ts';
import { createProgress } from './execution-progress.ts';
import type { ExecutionPlan } from './graph/plan-types.ts';
import { createGraphRun, type GraphRun } from './graph-run.ts';
import { createInteractions } from './interactions.ts';
import { book, createRunContext, type RunContext } from './run-context.ts';

const stateQuery = defineQuery<ExecutionState>(STATE_QUERY);
const resolveNodeUpdate = defineUpdate<void, [ResolveNodeInput]>(RESOLVE_NODE_UPDATE);
const decideApprovalUpdate = defineUpdate<void, [DecideApprovalInput]>(DECIDE_APPROVAL_UPDATE);
const pauseUpdate = defineUpdate<void>(PAUSE_UPDATE);
const resumeUpdate = defineUpdate<void>(RESUME_UPDATE);
const eventSignal = defineSignal<[EventSignalInput]>(EVENT_SIGNAL);

export async function runAutomation(input: RunAutomationInput): Promise<RunAutomationResult> {
  const { plan, continued } = input;
  const options = { now: () => Date.now(), changed: setCurrentDetails };
  const progress = createProgress(plan, options, continued?.progress);
  const context = createRunContext(input, progress, createInteractions(continued?.interactions));
  answerFromOutside(context);
  const run = createGraphRun(context, {
    graph: plan,
    iteration: '',
    ...(input.kept === undefined ? {} : { kept: input.kept }),
    ...(continued === undefined ? {} : { state: continued.graph }),
  });
  if (continued !== undefined) restoreUndoable(context, run, continued.undoable);

  const whole = new CancellationScope();
  const deadline = continued?.deadline ?? deadlineOf(plan);
  let isLate = false;
  let outcome: ExecutionError | null | 'at rest';
  try {
    outcome = await whole.run(async () => {
      if (deadline === null) return runUntilRest(context, run);
      // The timer is left behind on purpose: the workflow's end removes it. Cancelled with the
      // execution it has nothing to say, and nobody waits for it to say so.
      sleep(Math.max(1, deadline - Date.now()), { summary: 'Time limit of the execution' }).then(
        () => {
          isLate = true;
          whole.cancel();
        },
        () => undefined,
      );
      return CancellationScope.cancellable(() => runUntilRest(context, run));
    });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    context.drain.dismiss();
    await takeBack(context);
    skipPending(context);
    if (isLate) {
      const reason = {
        code: 'execution_timed_out',
        message: `The execution took longer than the ${plan.timeoutMs} ms that its settings allow.`,
      };
      await end(context, { status: 'timed_out', result: null, error: reason });
      throw ApplicationFailure.nonRetryable(reason.message, reason.code);
    }
    await end(context, { status: 'cancelled', result: null, error: null });
    throw new CancelledFailure('The execution was cancelled.');
  }

  if (outcome === 'at rest') {
    const next = continuedFrom(context, run, deadline);
    return continueAsNew<typeof runAutomation>({ ...input, continued: next });
  }
  context.drain.dismiss();
  if (outcome !== null) {
    await takeBack(context);
    skipPending(context);
    await end(context, { status: 'failed', result: null, error: outcome });
    throw ApplicationFailure.nonRetryable(outcome.message, outcome.code, outcome);
  }
  const result = run.result();
  await end(context, { status: 'succeeded', result, error: null });
  return { status: 'succeeded', result };
}

/** Runs the graph until it ends, or until the run is at rest to go on as a new one. */
function runUntilRest(
  { drain }: RunContext,
  run: GraphRun,
): Promise<ExecutionError | null | 'at rest'> {
  return Promise.race([
    run.run(),
    // Not cancelled with the rest: a cancelled graph comes to its end first.
    CancellationScope.nonCancellable(() => drain.untilAtRest()).then(() => 'at rest' as const),
  ]);
}

/** @returns when the execution's time is up, as its first run sees it; null without a limit */
function deadlineOf({ timeoutMs }: ExecutionPlan): number | null {
  return timeoutMs === undefined ? null : Date.now() + timeoutMs;
}

function answerFromOutside(context: RunContext): void {
  const { interactions, progress } = context;
  const { resolutions, approvals } = interactions;
  setHandler(stateQuery, () => progress.state());
  setHandler(resolveNodeUpdate, resolutions.answer, { validator: resolutions.validate });
  setHandler(decideApprovalUpdate, approvals.answer, { validator: approvals.validate });
  setHandler(eventSignal, (event) => {
    context.drain.look();
    interactions.receive(event);
  });
  setHandler(pauseUpdate, async () => {
    context.drain.look();
    interactions.setPaused(true);
    await context.showStatus();
  });
  setHandler(resumeUpdate, async () => {
    context.drain.look();
    interactions.setPaused(false);
    await context.showStatus();
  });
}

/** Runs the undo nodes of what took place, the latest first. One that fails stops none of the others. */
async function takeBack(context: RunContext): Promise<void> {
  if (context.undoable.length === 0) return;
  await CancellationScope.nonCancellable(async () => {
    context.interactions.setPaused(false);
    for (const { run, node } of [...context.undoable].reverse()) await run.runAlone(node);
  });
}

function skipPending({ progress, input }: RunContext): void {
  for (const { nodeId, iteration, status } of progress.state().nodes) {
    const node = input.plan.nodes.find((candidate) => candidate.id === nodeId);
    if (status !== 'pending' || iteration !== '' || node === undefined) continue;
    progress.set(node, 'skipped', { record: true });
  }
}

async function end(context: RunContext, how: ExecutionEnd): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    await book['execution.end']({
      executionId: context.input.executionId,
      end: how,
      records: context.progress.takeRecords(),
    });
    context.markStatus(how.status);
  });
}
