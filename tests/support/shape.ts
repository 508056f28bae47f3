/** What a shape of a run is (shapes.ts). */
import type { NodeFailureDetail } from '../../workflows/activity-contract.ts';
import type { EventSignalInput, NodeStatus, ResolveNodeInput } from '../../workflows/contract.ts';
import type { DefinitionInput } from '../../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';

/** What one attempt at a node does. */
export type Step =
  | { readonly output: Json; readonly afterMs?: number }
  | { readonly verdict: NodeFailureDetail['verdict']; readonly retryAfterMs?: number }
  | { readonly waits: 'for cancellation' }
  /** As when its worker dies again and again. */
  | { readonly reports: 'nothing' };

/** What somebody does while the run goes on. */
export interface Hands {
  /** Waits until an attempt at the node has begun. */
  begun(nodeId: string): Promise<void>;
  /** Waits until the `state` query shows the node so. */
  until(nodeId: string, status: NodeStatus): Promise<void>;
  resolve(resolution: Omit<ResolveNodeInput, 'iteration'>): Promise<void>;
  approve(nodeId: string): Promise<void>;
  signal(event: EventSignalInput): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  cancel(): Promise<void>;
}

export interface Shape {
  /** Also the execution's id and the name of its history. */
  readonly name: string;
  readonly definition: Omit<DefinitionInput, 'workflowId' | 'name'>;
  readonly lead?: JsonObject;
  /** By node: what its attempts do, one after the other. Without a script a node answers `{}`. */
  readonly script?: Readonly<Record<string, readonly Step[]>>;
  readonly during?: (hands: Hands) => Promise<void>;
  /** Recorded on a server that suggests a new run after few events: the history of which run. */
  readonly goesOn?: { readonly record: 'first run' | 'last run' };
  readonly ends: {
    readonly status: 'COMPLETED' | 'FAILED' | 'CANCELLED';
    /** Result of a completed run, or type of the failure of a failed one. */
    readonly with?: JsonObject | string;
    readonly nodes: Readonly<Record<string, NodeStatus>>;
    /** Nodes of which the workflow itself writes the row, in the order of writing; none if absent. */
    readonly recorded?: readonly string[];
  };
}
