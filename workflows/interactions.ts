/**
 * What reaches a run from outside: resolutions of unknown sends, approvals, events, pause and
 * resume. Handlers only note what came; the nodes that wait look at the notes. No IO.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import type { InteractionsState } from './continuation.ts';
import type { DecideApprovalInput, EventSignalInput, ResolveNodeInput } from './contract.ts';
import type { Json } from './graph/json.ts';

/** Events that came before a node waited for them are kept up to this number, the oldest go first. */
const MAX_KEPT_EVENTS = 1_000;

interface Place {
  readonly nodeId: string;
  readonly iteration: string;
}

/** Questions that nodes ask of people, at most one per node and iteration. */
function createQuestions<Answer extends Place>(codes: {
  readonly none: string;
  readonly done: string;
  /** Questions of an earlier run of the same execution. */
  readonly open?: readonly (readonly [string, Answer | null])[] | undefined;
}) {
  const open = new Map<string, Answer | null>(codes.open ?? []);
  const keyOf = ({ nodeId, iteration }: Place): string => `${nodeId}\n${iteration}`;

  return {
    /** Asking again changes nothing: an answer that came meanwhile stays. */
    ask(place: Place): void {
      if (!open.has(keyOf(place))) open.set(keyOf(place), null);
    },
    withdraw(place: Place): void {
      open.delete(keyOf(place));
    },
    answerTo(place: Place): Answer | null {
      return open.get(keyOf(place)) ?? null;
    },
    pending: (): number => open.size,
    state: (): readonly (readonly [string, Answer | null])[] => [...open],
    answer(given: Answer): void {
      open.set(keyOf(given), given);
    },
    /** @throws ApplicationFailure if nobody asked, or it was answered */
    validate(given: Answer): void {
      const at = given.iteration === '' ? '' : ` (item ${given.iteration})`;
      if (!open.has(keyOf(given))) {
        throw ApplicationFailure.nonRetryable(
          `Node "${given.nodeId}"${at} isn’t waiting for an answer.`,
          codes.none,
        );
      }
      if (open.get(keyOf(given)) !== null) {
        throw ApplicationFailure.nonRetryable(
          `Node "${given.nodeId}"${at} has been answered already.`,
          codes.done,
        );
      }
    },
  };
}

export type Interactions = ReturnType<typeof createInteractions>;

/** @param left what an earlier run of the same execution had received and not used */
export function createInteractions(left?: InteractionsState) {
  const events: EventSignalInput[] = [...(left?.events ?? [])];
  let paused = left?.paused ?? false;

  const resolutions = createQuestions<ResolveNodeInput>({
    none: 'not_unknown',
    done: 'already_resolved',
    open: left?.resolutions,
  });
  const approvals = createQuestions<DecideApprovalInput>({
    none: 'not_waiting',
    done: 'already_decided',
    open: left?.approvals,
  });

  return {
    resolutions,
    approvals,

    receive(event: EventSignalInput): void {
      events.push(event);
      if (events.length > MAX_KEPT_EVENTS) events.shift();
    },

    /** Takes the oldest event of that name. */
    takeEvent(name: string): { readonly data: Json } | undefined {
      const index = events.findIndex((event) => event.event === name);
      return index === -1 ? undefined : events.splice(index, 1)[0];
    },

    setPaused(next: boolean): void {
      paused = next;
    },
    isPaused: (): boolean => paused,

    state: (): InteractionsState => ({
      events,
      paused,
      resolutions: resolutions.state(),
      approvals: approvals.state(),
    }),
  };
}
