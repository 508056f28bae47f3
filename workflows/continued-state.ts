/** What a run hands over to the next one of the same execution, and how that one takes it up. */
import type { ContinuedExecution, UndoableState } from './continuation.ts';
import type { JsonObject } from './graph/json.ts';
import type { PlanGraph } from './graph/plan-types.ts';
import { createGraphRun, type GraphRun } from './graph-run.ts';
import type { RunContext, Undoable } from './run-context.ts';

/** @param deadline when the execution's time is up, in milliseconds since the epoch */
export function continuedFrom(
  context: RunContext,
  run: GraphRun,
  deadline: number | null,
): ContinuedExecution {
  return {
    graph: run.state(),
    progress: context.progress.toState(),
    interactions: context.interactions.state(),
    vars: context.vars,
    undoable: context.undoable.map((undoable) => stateOf(undoable, run)),
    deadline,
    ...context.flags(),
  };
}

/** An undo node sees the outermost graph as it is when it runs, and its own item as it was. */
function stateOf({ run, node }: Undoable, outermost: GraphRun): UndoableState {
  const { path, iteration, item } = run;
  const seen = run === outermost ? {} : { ...run.outer(), ...run.settled() };
  const known = outermost.settled();
  return {
    nodeId: node.id,
    path,
    iteration,
    item: item as JsonObject,
    settled: Object.fromEntries(
      Object.entries(seen).filter(([nodeId, value]) => known[nodeId] !== value),
    ),
  };
}

/** Takes up the effects that may have to be taken back. */
export function restoreUndoable(
  context: RunContext,
  outermost: GraphRun,
  left: readonly UndoableState[],
): void {
  for (const { nodeId, path, iteration, item, settled } of left) {
    const graph = graphAt(context.input.plan, path);
    const node = graph.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`The plan has no node "${nodeId}".`);
    const run =
      path.length === 0
        ? outermost
        : createGraphRun(context, {
            graph,
            iteration,
            path,
            extraScope: item,
            outer: { ...outermost.settled(), ...settled },
          });
    context.undoable.push({ run, node });
  }
}

function graphAt(plan: PlanGraph, path: readonly string[]): PlanGraph {
  return path.reduce((graph, nodeId) => {
    const node = graph.nodes.find(({ id }) => id === nodeId);
    if (node?.kind !== 'control' || node.body === undefined) {
      throw new Error(`The plan has no forEach "${nodeId}".`);
    }
    return node.body;
  }, plan);
}
