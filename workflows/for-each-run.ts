/** A forEach: its body as a graph run of its own for each item, so many at a time. */
import { numberAt, textAt } from './config-fields.ts';
import type { ForEachState, GraphState } from './continuation.ts';
import type { ExecutionError } from './contract.ts';
import { type BegunNode, refuse } from './control-node-runs.ts';
import type { Json, JsonObject } from './graph/json.ts';
import { type ControlOutcome, createGraphRun, type GraphRun } from './graph-run.ts';
import type { RunContext } from './run-context.ts';

const DEFAULT_MAX_ITEMS = 10_000;
/** The results of all items together, in characters of JSON. */
const OUTPUT_LIMIT_CHARACTERS = 8_000_000;

/** @throws on cancellation only */
export async function runForEach(
  context: RunContext,
  run: GraphRun,
  begun: BegunNode,
): Promise<ControlOutcome> {
  const { node, config } = begun;
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
  const left: ForEachState | undefined = begun.left?.kind === 'forEach' ? begun.left : undefined;
  // Written with what its first item does, so that a long loop is not shown as still to come.
  if (left === undefined) context.progress.set(node, 'running', { record: true }, run.iteration);
  const outer = { ...run.outer(), ...run.settled() };
  const results: Json[] = [...(left?.results ?? new Array<Json>(items.length).fill(null))];
  const onItemError = textAt(config, 'onItemError') ?? 'fail';
  const open = new Map<number, GraphRun>();
  const leftOpen = [...(left?.open ?? [])];
  let failed = left?.failed ?? 0;
  let failure: ExecutionError | null = left?.failure ?? null;
  let next = left?.next ?? 0;

  async function lane(): Promise<void> {
    for (let first = leftOpen.shift(); first !== undefined; first = leftOpen.shift()) {
      await runItem(first.index, first.graph);
    }
    while (failure === null && next < items.length) {
      const index = next;
      next += 1;
      await runItem(index);
    }
  }

  async function runItem(index: number, state?: GraphState): Promise<void> {
    const item = createGraphRun(context, {
      graph,
      iteration: run.iteration === '' ? String(index) : `${run.iteration}.${index}`,
      path: [...run.path, node.id],
      extraScope: { item: items[index] ?? null, index },
      outer,
      ...(state === undefined ? {} : { state }),
    });
    open.set(index, item);
    const error = await item.run();
    open.delete(index);
    if (error === null) {
      results[index] = resultOf(item.result());
    } else {
      failed += 1;
      results[index] = { error: { code: error.code, message: error.message } };
      if (onItemError === 'fail') failure ??= error;
    }
    const written = context.flushRecords();
    if (written !== undefined) await written;
  }

  run.leaveOpen(node.id, () => ({
    kind: 'forEach',
    config,
    next,
    failed,
    failure,
    results,
    open: [...[...open].map(([index, item]) => ({ index, graph: item.state() })), ...leftOpen],
  }));
  const lanes = Math.min(numberAt(config, 'concurrency') ?? 1, items.length);
  // Whether the run is at rest is for the nodes of the items to say.
  const outcomes = await context.drain.park(
    Promise.allSettled(Array.from({ length: lanes }, lane)),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  if (failure !== null) return { error: failure };
  const output = { results, failed };
  const size = JSON.stringify(output).length;
  if (size > OUTPUT_LIMIT_CHARACTERS) {
    return refuse(
      node,
      'output_too_large',
      `the results of all items together are ${size} characters; ${OUTPUT_LIMIT_CHARACTERS} is the limit. Return less from each item.`,
    );
  }
  return { output, port: 'success' };
}

/** One last node: its output. Several: their outputs by node. */
function resultOf(result: JsonObject): Json {
  const outputs = Object.values(result);
  return outputs.length === 1 ? (outputs[0] ?? null) : result;
}
