import type { Graph } from './definition.ts';

/** Notes one problem. */
export type Report = (
  code: string,
  pointer: string,
  message: string,
  nodeId?: string,
  severity?: 'error' | 'warning',
) => void;

/** One level of a definition: its own graph, or the body of a forEach. */
export interface Level {
  readonly graph: Graph;
  /** Pointer of the level’s graph; empty for the definition’s own. */
  readonly pointer: string;
  /** The forEach whose body this is, and the level it stands in. */
  readonly inside: { readonly nodeId: string; readonly level: Level } | undefined;
}
