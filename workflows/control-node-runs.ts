/** What each control node does, once its config is rendered. */
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  sleep,
  startChild,
  TimeoutFailure,
} from '@temporalio/workflow';
import { objectAt, textAt } from './config-fields.ts';
import type { OpenNode } from './continuation.ts';
import {
  type DecideApprovalInput,
  type ExecutionError,
  RUN_AUTOMATION,
  type RunAutomationResult,
} from './contract.ts';
import { runForEach } from './for-each-run.ts';
import { ConditionError, equal, evaluateCondition } from './graph/conditions.ts';
import { durationToMs } from './graph/duration-parse.ts';
import type { Json, JsonObject } from './graph/json.ts';
import { parseTime } from './graph/local-time.ts';
import type { ControlPlanNode } from './graph/plan-types.ts';
import type { ControlOutcome, GraphRun } from './graph-run.ts';
import { book, type RunContext } from './run-context.ts';

/** A control node that runs. */
export interface BegunNode {
  readonly node: ControlPlanNode;
  readonly config: JsonObject;
  /** Where an earlier run of the same execution left it. */
  readonly left?: OpenNode;
}

/**
 * Answers at once where nothing has to be waited for.
 * @throws on cancellation only; what goes wrong otherwise is an outcome
 */
export function runControlNode(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
): ControlOutcome | Promise<ControlOutcome> {
  const { node } = begun;
  try {
    const outcome = carryOut(context, run, begun);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.catch((error: unknown) => refused(node, error));
  } catch (error) {
    return refused(node, error);
  }
}

function carryOut(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
): ControlOutcome | Promise<ControlOutcome> {
  const { node, config } = begun;
  switch (node.type) {
    case 'condition': {
      const holds = evaluateCondition(config);
      return { output: { result: holds }, port: holds ? 'true' : 'false' };
    }
    case 'switch':
      return runSwitch(config);
    case 'set': {
      const values = objectAt(config, 'values');
      Object.assign(context.vars, values);
      return { output: values, port: 'success' };
    }
    case 'forEach':
      return runForEach(context, run, begun);
    case 'wait':
      return runWait(context, run, begun);
    case 'approval':
      return runApproval(context, run, begun);
    case 'subworkflow':
      return runSubworkflow(context, run, node, config);
    case 'respond':
      return runRespond(context, node, config);
    case 'fail':
      return {
        error: {
          code: textAt(config, 'code') ?? 'failed_by_node',
          message: textAt(config, 'message') ?? 'The automation failed.',
          nodeId: node.id,
        },
      };
  }
}

/** @throws what isn't the config's fault */
function refused(node: ControlPlanNode, error: unknown): ControlOutcome {
  if (error instanceof ConditionError) return refuse(node, 'invalid_condition', error.message);
  if (error instanceof RangeError) return refuse(node, 'invalid_config', error.message);
  throw error;
}

export function refuse(node: ControlPlanNode, code: string, message: string): ControlOutcome {
  return { error: { code, message: `"${node.name}": ${message}`, nodeId: node.id } };
}

function runSwitch(config: JsonObject): ControlOutcome {
  const value = config.value ?? null;
  const cases = Array.isArray(config.cases) ? config.cases : [];
  const matching = cases.find((entry: JsonObject) => equal(value, entry.equals ?? null));
  const port = matching === undefined ? 'default' : String(matching.output);
  return { output: { value, output: port }, port };
}

async function runWait(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
): Promise<ControlOutcome> {
  const { node, config, left } = begun;
  const event = textAt(config, 'event');
  if (event !== undefined) return waitForEvent(context, run, begun, event);
  const until = textAt(config, 'until');
  const duration = textAt(config, 'for');
  if (until === undefined && duration === undefined) {
    return refuse(
      node,
      'invalid_config',
      'say how long to wait (for), until when, or for which event.',
    );
  }
  const at = left?.kind === 'wait' ? left.until : timeOf(config, until, duration ?? '');
  const remaining = at - Date.now();
  if (remaining > 0) {
    run.leaveOpen(node.id, () => ({ kind: 'wait', config, until: at }));
    showWaiting(context, run, begun);
    await context.whileWaiting(() => context.drain.park(sleep(remaining, { summary: node.name })));
    context.drain.look();
  }
  return { output: { until: new Date(at).toISOString() }, port: 'success' };
}

function timeOf(config: JsonObject, until: string | undefined, duration: string): number {
  return until === undefined
    ? Date.now() + durationToMs(duration)
    : parseTime(until, textAt(config, 'timezone'));
}

async function waitForEvent(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
  event: string,
): Promise<ControlOutcome> {
  const { node, config, left } = begun;
  let received = context.interactions.takeEvent(event);
  if (received === undefined) {
    const deadline = left?.kind === 'event' ? left.deadline : deadlineOf(config);
    const arrived = (): boolean => {
      received ??= context.interactions.takeEvent(event);
      return received !== undefined;
    };
    run.leaveOpen(node.id, () => ({ kind: 'event', config, deadline }));
    showWaiting(context, run, begun);
    await context.whileWaiting(() => untilDeadline(context, arrived, deadline));
  }
  return received === undefined
    ? { output: { event, data: null }, port: 'timeout' }
    : { output: { event, data: received.data }, port: 'success' };
}

async function runApproval(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
): Promise<ControlOutcome> {
  const { node, config, left } = begun;
  const place = { nodeId: node.id, iteration: run.iteration };
  const { approvals } = context.interactions;
  const deadline = left?.kind === 'approval' ? left.deadline : deadlineOf(config);
  approvals.ask(place);
  run.leaveOpen(node.id, () => ({ kind: 'approval', config, deadline }));
  showWaiting(context, run, begun, {
    message: config.message ?? null,
    assignees: config.assignees ?? [],
  });
  let decision: DecideApprovalInput | null;
  try {
    await context.whileWaiting(() =>
      untilDeadline(context, () => approvals.answerTo(place) !== null, deadline),
    );
    decision = approvals.answerTo(place);
  } finally {
    // Cancelled, nobody waits for the answer any more, even while undo nodes still run.
    approvals.withdraw(place);
  }
  if (decision === null) return { output: { decision: 'expired' }, port: 'expired' };
  const port = decision.decision === 'approve' ? 'approved' : 'rejected';
  return {
    output: {
      decision: port,
      comment: decision.comment ?? null,
      by: decision.by,
      at: new Date().toISOString(),
    },
    port,
  };
}

function showWaiting(
  context: RunContext,
  run: GraphRun,
  { node, left }: BegunNode,
  input?: Json,
): void {
  if (left !== undefined) return;
  const change = { record: true, ...(input === undefined ? {} : { input }) };
  context.progress.set(node, 'waiting', change, run.iteration);
}

/** @returns when the node's timeout is over; null where it has none */
function deadlineOf(config: JsonObject): number | null {
  const timeout = textAt(config, 'timeout');
  return timeout === undefined ? null : Date.now() + durationToMs(timeout);
}

async function untilDeadline(
  { drain }: RunContext,
  holds: () => boolean,
  deadline: number | null,
): Promise<void> {
  if (deadline === null) await drain.parkUntil(holds);
  // A timer takes a millisecond at least.
  else await drain.parkUntil(holds, Math.max(1, deadline - Date.now()));
}

async function runSubworkflow(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): Promise<ControlOutcome> {
  const { input } = context;
  const { trigger, plan } = input;
  // It may take weeks, in which nothing else would say where the execution is.
  if (config.wait !== false) showWaiting(context, run, { node, config });
  const answer = await book['execution.prepareSubworkflow']({
    projectId: input.projectId,
    parentExecutionId: input.executionId,
    nodeId: node.id,
    iteration: run.iteration,
    workflowId: textAt(config, 'workflowId') ?? '',
    leadId: input.leadId,
    lead: input.lead,
    input: objectAt(config, 'input'),
    mode: input.mode,
    ancestors: [...(trigger.type === 'subworkflow' ? trigger.ancestors : []), plan.workflowId],
    records: context.progress.takeRecords(),
  });
  if ('error' in answer) return { error: { ...answer.error, nodeId: node.id } };
  const { start, summary } = answer;
  const options = {
    workflowId: start.executionId,
    args: [start],
    staticSummary: summary,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  } as const;
  if (config.wait === false) {
    await startChild(RUN_AUTOMATION, { ...options, parentClosePolicy: ParentClosePolicy.ABANDON });
    return { output: { executionId: start.executionId }, port: 'success' };
  }
  context.drain.childBegan();
  try {
    const child: RunAutomationResult = await executeChild(RUN_AUTOMATION, {
      ...options,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    });
    return { output: { executionId: start.executionId, result: child.result }, port: 'success' };
  } catch (error) {
    // Our own cancellation goes up; the child's own end is this node's failure.
    if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
    return { error: { ...childError(error), nodeId: node.id } };
  } finally {
    context.drain.childEnded();
  }
}

function childError(error: unknown): ExecutionError {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return { code: cause.type ?? 'subworkflow_failed', message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    return { code: 'subworkflow_timed_out', message: 'The other automation took too long.' };
  }
  return { code: 'subworkflow_cancelled', message: 'The other automation was cancelled.' };
}

async function runRespond(
  context: RunContext,
  node: ControlPlanNode,
  config: JsonObject,
): Promise<ControlOutcome> {
  if (!context.takeResponse()) {
    return refuse(node, 'already_responded', 'another respond node has answered already.');
  }
  const status = Number(config.status ?? 200);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return refuse(node, 'invalid_config', 'status must be a number from 200 to 599.');
  }
  const headers = Object.fromEntries(
    Object.entries(objectAt(config, 'headers')).map(([name, value]) => [name, String(value)]),
  );
  const response = { status, body: config.body ?? null, headers };
  await book['execution.respond']({ executionId: context.input.executionId, response });
  return { output: { status }, port: 'success' };
}
