/**
 * A long execution goes on as a new Temporal run of the same id before its history reaches the
 * server's limits. Nobody outside notices: ids of effects, statuses, questions and deadlines stay.
 *
 * The run comes to rest first: no node starts any more, attempts under way end. What only waits (for
 * a time, an event, a person) is not waited for; its state is taken along, times as absolute ones.
 * https://docs.temporal.io/develop/typescript/continue-as-new
 */
import { allHandlersFinished, condition, patched, workflowInfo } from '@temporalio/workflow';
import type {
  DecideApprovalInput,
  EventSignalInput,
  ExecutionError,
  ExecutionStatus,
  ResolveNodeInput,
} from './contract.ts';
import type { ProgressState } from './execution-progress.ts';
import type { Json, JsonObject } from './graph/json.ts';
import type { SchedulerSnapshot } from './graph/scheduler.ts';
import { PATCHES } from './patches.ts';

/** What expressions see of a node that is through: `nodes.<id>`. */
export type SettledNode = {
  readonly status: 'succeeded' | 'failed';
  readonly output: Json;
  readonly error: JsonObject | null;
};

/** Where a node stands that was begun and isn't through. */
export type OpenNode = { readonly config: JsonObject } & (
  | ForEachState
  | { readonly kind: 'wait'; readonly until: number }
  | { readonly kind: 'event'; readonly deadline: number | null }
  | { readonly kind: 'approval'; readonly deadline: number | null }
  | { readonly kind: 'held'; readonly error: ExecutionError; readonly attempt: number }
);

export interface ForEachState {
  readonly kind: 'forEach';
  /** The first item that nobody has taken. */
  readonly next: number;
  readonly failed: number;
  readonly failure: ExecutionError | null;
  readonly results: readonly Json[];
  /** Items that were taken and aren't through. */
  readonly open: readonly { readonly index: number; readonly graph: GraphState }[];
}

export interface GraphState {
  readonly scheduler: SchedulerSnapshot;
  readonly settled: Readonly<Record<string, SettledNode>>;
  readonly failure: ExecutionError | null;
  readonly nodes: Readonly<Record<string, OpenNode>>;
}

/** An effect that may have to be taken back, with what its undo node's expressions see. */
export interface UndoableState {
  readonly nodeId: string;
  /** The forEach nodes around it, the outermost first. */
  readonly path: readonly string[];
  readonly iteration: string;
  readonly item: JsonObject;
  readonly settled: Readonly<Record<string, SettledNode>>;
}

export interface InteractionsState {
  readonly events: readonly EventSignalInput[];
  readonly paused: boolean;
  readonly resolutions: readonly (readonly [string, ResolveNodeInput | null])[];
  readonly approvals: readonly (readonly [string, DecideApprovalInput | null])[];
}

/** All that a new run needs to go on where the one before stopped. */
export interface ContinuedExecution {
  readonly graph: GraphState;
  readonly progress: ProgressState;
  readonly interactions: InteractionsState;
  readonly vars: JsonObject;
  readonly undoable: readonly UndoableState[];
  /** When the execution's time is up. */
  readonly deadline: number | null;
  readonly shown: ExecutionStatus;
  readonly hasStarted: boolean;
  readonly hasResponded: boolean;
}

/**
 * A child's end is told only to the run that started it, so while one is under way the run goes on
 * up to this many events. The server ends runs at 51,200.
 */
const MOST_EVENTS_WITH_CHILDREN = 20_000;

export type Drain = ReturnType<typeof createDrain>;

/** Knows when a run shall go on as a new one, and when it has come to rest. */
export function createDrain() {
  /** Nodes and bookkeeping under way; how many of them do nothing but wait. */
  let live = 0;
  let parked = 0;
  let children = 0;
  let isDismissed = false;

  let isSuggested = false;
  let isPressing = false;

  function isDraining(): boolean {
    if (!isSuggested || isDismissed || (children > 0 && !isPressing)) return false;
    return patched(PATCHES.continueAsNew);
  }

  function isAtRest(): boolean {
    return live === parked && allHandlersFinished() && isDraining();
  }

  return {
    isDraining,

    /**
     * Looks whether the server suggests a new run. Asked for only after an event that a replay meets
     * in the same workflow task, which the end of a local attempt in a long task is not.
     */
    look: (): void => {
      const { continueAsNewSuggested, historyLength } = workflowInfo();
      isSuggested ||= continueAsNewSuggested;
      isPressing ||= historyLength >= MOST_EVENTS_WITH_CHILDREN;
    },

    /** The graph has ended: what follows needs no new run. */
    dismiss: (): void => {
      isDismissed = true;
    },
    began: (): void => {
      live += 1;
    },
    ended: (): void => {
      live -= 1;
    },
    childBegan: (): void => {
      children += 1;
    },
    childEnded(): void {
      children -= 1;
      this.look();
    },

    /** Counts what is under way as only waiting until the promise settles. */
    async park<T>(waiting: Promise<T>): Promise<T> {
      parked += 1;
      try {
        return await waiting;
      } finally {
        parked -= 1;
      }
    },

    /**
     * Waits, counted as only waiting, until the condition holds or the time is over.
     * @returns whether it holds
     */
    async parkUntil(holds: () => boolean, timeoutMs?: number): Promise<boolean> {
      parked += 1;
      let isParked = true;
      const unpark = (): void => {
        if (isParked) parked -= 1;
        isParked = false;
      };
      // Noticed at once and not only when the waiting code runs: otherwise the run could come to
      // rest in between.
      const noticed = (): boolean => {
        if (!holds()) return false;
        unpark();
        return true;
      };
      try {
        if (timeoutMs !== undefined) return await condition(noticed, timeoutMs);
        await condition(noticed);
        return true;
      } finally {
        unpark();
      }
    },

    /** Resolves once the run shall go on as a new one and has come to rest. */
    async untilAtRest(): Promise<void> {
      do {
        await condition(isAtRest);
      } while (!isAtRest());
    },
  };
}
