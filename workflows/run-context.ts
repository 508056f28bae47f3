/** What all graphs of one execution share: its input, its progress, and the way to its books. */

import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { patched, proxyLocalActivities, upsertSearchAttributes } from '@temporalio/workflow';
import type { ExecutionActivities } from './activity-contract.ts';
import { createAttempts } from './attempts.ts';
import { createDrain } from './continuation.ts';
import type { ExecutionStatus, ResolveNodeInput, RunAutomationInput } from './contract.ts';
import type { createProgress } from './execution-progress.ts';
import type { ExpressionScope } from './graph/expressions.ts';
import type { Json } from './graph/json.ts';
import type { PlanNode } from './graph/plan-types.ts';
import type { GraphRun } from './graph-run.ts';
import type { Interactions } from './interactions.ts';
import { PATCHES } from './patches.ts';

const statusAttribute = defineSearchAttributeKey('MasarStatus', SearchAttributeType.KEYWORD);

/** Bookkeeping that must happen: tried again until it did, whatever the database goes through. */
export const book = proxyLocalActivities<ExecutionActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Above this many the rows of control nodes are written by themselves. */
const MOST_PENDING_RECORDS = 200;

export interface Undoable {
  readonly run: GraphRun;
  readonly node: PlanNode;
}

export type RunContext = ReturnType<typeof createRunContext>;

export function createRunContext(
  input: RunAutomationInput,
  progress: ReturnType<typeof createProgress>,
  interactions: Interactions,
) {
  const { executionId, plan } = input;
  const { continued } = input;
  const drain = createDrain();
  const vars: Record<string, Json> = { ...continued?.vars };
  const undoable: Undoable[] = [];
  let isFirst = continued?.hasStarted !== true;
  let waiting = 0;
  let active = 0;
  let shown: ExecutionStatus = continued?.shown ?? 'running';
  let hasResponded = continued?.hasResponded ?? false;

  /** What the execution does as a whole, from what its nodes do. */
  function statusNow(): 'running' | 'waiting' | 'paused' | 'unknown' {
    if (interactions.resolutions.pending() > 0) return 'unknown';
    if (interactions.isPaused()) return 'paused';
    return waiting > 0 && active === 0 ? 'waiting' : 'running';
  }

  async function showStatus(): Promise<void> {
    const status = statusNow();
    progress.setStatus(status);
    if (status !== shown) upsertSearchAttributes([{ key: statusAttribute, value: status }]);
    shown = status;
    await book['execution.status']({ executionId, status, records: progress.takeRecords() });
  }

  async function writeRecords(): Promise<void> {
    drain.began();
    try {
      const records = progress.takeRecords();
      await book['execution.status']({ executionId, status: statusNow(), records });
    } finally {
      drain.ended();
    }
  }

  return {
    input,
    progress,
    interactions,
    drain,
    /** How many first attempts run where. */
    attempts: createAttempts(drain.look),
    vars,
    /** Effects that may have to be taken back, in the order in which they took place. */
    undoable,
    showStatus,

    baseScope: (): ExpressionScope => ({
      lead: input.lead,
      input: input.input,
      trigger: input.trigger,
      execution: { id: executionId },
      workflow: { id: plan.workflowId, name: plan.name },
      vars,
    }),

    /** @returns undefined where a node may start; while none may, what to wait for */
    passGate(): Promise<unknown> | undefined {
      const isOpen = (): boolean => !interactions.isPaused() && !drain.isDraining();
      return isOpen() ? undefined : drain.parkUntil(isOpen);
    },

    /** What a new run of the execution needs to know, besides where its graph and its nodes are. */
    flags: () => ({ shown, hasStarted: !isFirst, hasResponded }),

    /** True for the first node that calls a connector: its start shows the execution as running. */
    takeFirst(): boolean {
      const first = isFirst;
      isFirst = false;
      return first;
    },

    /** True for the first respond node. */
    takeResponse(): boolean {
      const first = !hasResponded;
      hasResponded = true;
      return first;
    },

    /** Counts a node as at work while it runs, so that the execution isn't shown as waiting. */
    atWork<T>(work: () => Promise<T>): Promise<T> {
      active += 1;
      const done = (): void => {
        active -= 1;
      };
      const working = shown === 'waiting' ? showStatus().then(work) : work();
      working.then(done, done);
      return working;
    },

    /**
     * Shows the execution as waiting again once a branch has ended beside one that waits.
     * @returns undefined where there is nothing to show
     */
    branchEnded(): Promise<void> | undefined {
      return shown === 'running' && statusNow() === 'waiting' ? showStatus() : undefined;
    },

    /**
     * Shows the execution as waiting while a node waits and no other one is at work.
     * @param wait is to count its waiting with `drain`
     */
    async whileWaiting<T>(wait: () => Promise<T>): Promise<T> {
      waiting += 1;
      try {
        // A run that goes on where another stopped shows only what has changed.
        if (continued === undefined || statusNow() !== shown) await showStatus();
        return await wait();
      } finally {
        waiting -= 1;
      }
    },

    /**
     * Writes the rows of control nodes once there are many, so that a graph of nothing else keeps
     * neither all of them nor its workflow task. @returns undefined where there are few
     */
    flushRecords(): Promise<void> | undefined {
      if (progress.pendingRecords() < MOST_PENDING_RECORDS) return undefined;
      return patched(PATCHES.flushedRecords) ? writeRecords() : undefined;
    },

    /** Holds a node until somebody says what became of its send. */
    async askResolution(place: {
      readonly nodeId: string;
      readonly iteration: string;
    }): Promise<ResolveNodeInput> {
      const { resolutions } = interactions;
      resolutions.ask(place);
      if (continued === undefined || statusNow() !== shown) await showStatus();
      await drain.parkUntil(() => resolutions.answerTo(place) !== null);
      const resolution = resolutions.answerTo(place);
      if (resolution === null) throw new Error('A resolution was lost.');
      await book['execution.resolve']({
        executionId,
        ...place,
        outcome: resolution.outcome,
        output: resolution.output ?? null,
      });
      resolutions.withdraw(place);
      if (resolutions.pending() === 0) await showStatus();
      return resolution;
    },

    /** Sets the attribute by which Temporal's lists find the execution. */
    markStatus(status: ExecutionStatus): void {
      progress.setStatus(status);
      upsertSearchAttributes([{ key: statusAttribute, value: status }]);
    },
  };
}
