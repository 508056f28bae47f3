/** What each control node does, once its config is rendered. */
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  sleep,
  startChild,
  TimeoutFailure,
} from '@temporalio/workflow';
import {
  type DecideApprovalInput,
  type ExecutionError,
  RUN_AUTOMATION,
  type RunAutomationResult,
} from './contract.ts';
import { ConditionError, equal, evaluateCondition } from './graph/conditions.ts';
import { durationToMs } from './graph/duration-parse.ts';
import type { Json, JsonObject } from './graph/json.ts';
import { parseTime } from './graph/local-time.ts';
import type { ControlPlanNode } from './graph/plan-types.ts';
import { type ControlOutcome, createGraphRun, type GraphRun } from './graph-run.ts';
import { book, type RunContext } from './run-context.ts';

const DEFAULT_MAX_ITEMS = 10_000;
/** Above this an output no longer fits comfortably into an event of the history. */
const OUTPUT_LIMIT_CHARACTERS = 1_000_000;

/**
 * Answers at once where nothing has to be waited for.
 * @throws on cancellation only; what goes wrong otherwise is an outcome
 */
export function runControlNode(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): ControlOutcome | Promise<ControlOutcome> {
  try {
    const outcome = carryOut(context, run, node, config);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.catch((error: unknown) => refused(node, error));
  } catch (error) {
    return refused(node, error);
  }
}

function carryOut(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): ControlOutcome | Promise<ControlOutcome> {
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
      return runForEach(context, run, node, config);
    case 'wait':
      return runWait(context, run, node, config);
    case 'approval':
      return runApproval(context, run, node, config);
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

function refuse(node: ControlPlanNode, code: string, message: string): ControlOutcome {
  return { error: { code, message: `"${node.name}": ${message}`, nodeId: node.id } };
}

function runSwitch(config: JsonObject): ControlOutcome {
  const value = config.value ?? null;
  const cases = Array.isArray(config.cases) ? config.cases : [];
  const matching = cases.find((entry: JsonObject) => equal(value, entry.equals ?? null));
  const port = matching === undefined ? 'default' : String(matching.output);
  return { output: { value, output: port }, port };
}

async function runForEach(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): Promise<ControlOutcome> {
  const { body } = node;
  if (body === undefined) throw new Error(`The forEach "${node.id}" has no body.`);
  const graph = body;
  if (!Array.isArray(config.items)) {
    const kind =
      config.items === null || config.items === undefined ? 'nothing' : `a ${typeof config.items}`;
    return refuse(node, 'invalid_items', `items must be a list, but it is ${kind}.`);
  }
  const items: readonly Json[] = config.items;
  const most = numberAt(config, 'maxItems') ?? DEFAULT_MAX_ITEMS;
  if (items.length > most) {
    return refuse(
      node,
      'too_many_items',
      `the list has ${items.length} items; ${most} is the limit. Raise maxItems, or shorten the list.`,
    );
  }
  // Written with what its first item does, so that a long loop is not shown as still to come.
  context.progress.set(node, 'running', { record: true }, run.iteration);
  const outer = { ...run.outer(), ...run.settled() };
  const results: Json[] = new Array<Json>(items.length).fill(null);
  const onItemError = textAt(config, 'onItemError') ?? 'fail';
  let failed = 0;
  let failure: ExecutionError | null = null;
  let next = 0;

  async function lane(): Promise<void> {
    while (failure === null && next < items.length) {
      const index = next;
      next += 1;
      const iteration = run.iteration === '' ? String(index) : `${run.iteration}.${index}`;
      const item = createGraphRun(context, {
        graph,
        iteration,
        extraScope: { item: items[index] ?? null, index },
        outer,
      });
      const error = await item.run();
      if (error === null) {
        results[index] = resultOf(item.result());
      } else {
        failed += 1;
        results[index] = { error: { code: error.code, message: error.message } };
        if (onItemError === 'fail') failure ??= error;
      }
    }
  }

  const lanes = Math.min(numberAt(config, 'concurrency') ?? 1, items.length);
  const outcomes = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  if (failure !== null) return { error: failure };
  const output = { results, failed };
  if (JSON.stringify(output).length > OUTPUT_LIMIT_CHARACTERS) {
    return refuse(
      node,
      'output_too_large',
      `the results of all items together are over ${OUTPUT_LIMIT_CHARACTERS} characters. Return less from each item.`,
    );
  }
  return { output, port: 'success' };
}

/** One last node: its output. Several: their outputs by node. */
function resultOf(result: JsonObject): Json {
  const outputs = Object.values(result);
  return outputs.length === 1 ? (outputs[0] ?? null) : result;
}

async function runWait(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): Promise<ControlOutcome> {
  const event = textAt(config, 'event');
  if (event !== undefined) return waitForEvent(context, run, node, config, event);
  const until = textAt(config, 'until');
  const duration = textAt(config, 'for');
  if (until === undefined && duration === undefined) {
    return refuse(
      node,
      'invalid_config',
      'say how long to wait (for), until when, or for which event.',
    );
  }
  const at =
    until === undefined
      ? Date.now() + durationToMs(duration ?? '')
      : parseTime(until, textAt(config, 'timezone'));
  const left = at - Date.now();
  if (left > 0) {
    showWaiting(context, run, node);
    await context.whileWaiting(() => sleep(left, { summary: node.name }));
  }
  return { output: { until: new Date(at).toISOString() }, port: 'success' };
}

async function waitForEvent(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
  event: string,
): Promise<ControlOutcome> {
  let received = context.interactions.takeEvent(event);
  if (received === undefined) {
    const timeout = textAt(config, 'timeout');
    const arrived = (): boolean => {
      received ??= context.interactions.takeEvent(event);
      return received !== undefined;
    };
    showWaiting(context, run, node);
    await context.whileWaiting(() => until(arrived, timeout));
  }
  return received === undefined
    ? { output: { event, data: null }, port: 'timeout' }
    : { output: { event, data: received.data }, port: 'success' };
}

async function runApproval(
  context: RunContext,
  run: GraphRun,
  node: ControlPlanNode,
  config: JsonObject,
): Promise<ControlOutcome> {
  const place = { nodeId: node.id, iteration: run.iteration };
  const { approvals } = context.interactions;
  approvals.ask(place);
  showWaiting(context, run, node, {
    message: config.message ?? null,
    assignees: config.assignees ?? [],
  });
  const timeout = textAt(config, 'timeout');
  let decision: DecideApprovalInput | null;
  try {
    await context.whileWaiting(() => until(() => approvals.answerTo(place) !== null, timeout));
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
  node: ControlPlanNode,
  input?: Json,
): void {
  const change = { record: true, ...(input === undefined ? {} : { input }) };
  context.progress.set(node, 'waiting', change, run.iteration);
}

async function until(holds: () => boolean, timeout: string | undefined): Promise<void> {
  if (timeout === undefined) await condition(holds);
  else await condition(holds, durationToMs(timeout));
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
  if (config.wait !== false) showWaiting(context, run, node);
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

function textAt(config: JsonObject, field: string): string | undefined {
  const value = config[field];
  return value === undefined || value === null ? undefined : String(value);
}

function numberAt(config: JsonObject, field: string): number | undefined {
  const value = config[field];
  return typeof value === 'number' ? value : undefined;
}

function objectAt(config: JsonObject, field: string): JsonObject {
  const value = config[field];
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}
