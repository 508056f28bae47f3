/** What all graphs of one execution share: its input, its progress, and the way to its books. */

import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { condition, proxyLocalActivities, upsertSearchAttributes } from '@temporalio/workflow';
import type { ExecutionActivities } from './activity-contract.ts';
import type { ExecutionStatus, ResolveNodeInput, RunAutomationInput } from './contract.ts';
import type { createProgress } from './execution-progress.ts';
import type { ExpressionScope } from './graph/expressions.ts';
import type { Json } from './graph/json.ts';
import type { PlanNode } from './graph/plan-types.ts';
import type { GraphRun } from './graph-run.ts';
import type { Interactions } from './interactions.ts';

const statusAttribute = defineSearchAttributeKey('MasarStatus', SearchAttributeType.KEYWORD);

/** Bookkeeping that must happen: tried again until it did, whatever the database goes through. */
export const book = proxyLocalActivities<ExecutionActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

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
  const vars: Record<string, Json> = {};
  const undoable: Undoable[] = [];
  let isFirst = true;
  let waiting = 0;
  let active = 0;
  let shown: ExecutionStatus = 'running';
  let hasResponded = false;

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

  return {
    input,
    progress,
    interactions,
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

    /** Shows the execution as waiting while a node waits and no other one is at work. */
    async whileWaiting<T>(wait: () => Promise<T>): Promise<T> {
      waiting += 1;
      try {
        await showStatus();
        return await wait();
      } finally {
        waiting -= 1;
      }
    },

    /** Holds a node until somebody says what became of its send. */
    async askResolution(place: {
      readonly nodeId: string;
      readonly iteration: string;
    }): Promise<ResolveNodeInput> {
      const { resolutions } = interactions;
      resolutions.ask(place);
      await showStatus();
      await condition(() => resolutions.answerTo(place) !== null);
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
