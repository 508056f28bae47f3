/**
 * Changes of the commands that a workflow issues, by name. Each is asked about only where the
 * commands differ, so that an execution which never comes there has no marker of it.
 */
export const PATCHES = {
  /** Runs with a long history go on as new ones. May go once no run from before 2026-11-21 is left. */
  continueAsNew: 'continue-as-new',
  /** Many first attempts at once aren't all local ones. May go once no run from before 2026-11-21 is left. */
  limitedAttempts: 'limited-attempts',
  /** Rows of control nodes are written in between. May go once no run from before 2026-11-21 is left. */
  flushedRecords: 'flushed-records',
} as const;
