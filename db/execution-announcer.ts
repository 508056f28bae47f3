/**
 * Announces that nodes of an execution changed, to those who watch it live. Not by pg_notify within
 * the statement that changes them: a transaction that notifies holds one lock of the whole cluster
 * until its commit is on disk (PreCommit_Notify in PostgreSQL's src/backend/commands/async.c), so
 * all such commits queue up behind one another instead of sharing a flush. Here what changed goes
 * out in a transaction that writes nothing: at once when all was quiet, else together with what
 * else changes within some moments.
 */
import type { Knex } from 'knex';

/** PostgreSQL channels; what they carry is the id of the execution. */
export const CHANNELS = {
  /** The execution itself changed: its status, its answer, its end. */
  execution: 'masar_execution',
  /** Nodes of it changed. */
  nodes: 'masar_nodes',
} as const;
export type Channel = keyof typeof CHANNELS;

/** What people watch need not be newer than they can see. */
const INTERVAL_MS = 50;

/** An announcement says nothing that isn't stored, so its own commit needn't wait for the disk. */
const ANNOUNCE_SQL = `
  SELECT set_config('synchronous_commit', 'off', true), count(pg_notify(channel, id))
  FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS change(channel, id)`;

export interface ExecutionAnnouncer {
  /** Returns at once. An announcement that is lost costs listeners time (until their slow poll). */
  changed(executionId: string, what: Channel): void;
}

/** @param database of which nothing but the announcements is used */
export function createExecutionAnnouncer(database: Knex): ExecutionAnnouncer {
  const changed = {
    execution: new Set<string>(),
    nodes: new Set<string>(),
  } satisfies Record<Channel, Set<string>>;
  let sending = false;

  async function send(): Promise<void> {
    const executions = [...changed.execution];
    const nodes = [...changed.nodes];
    changed.execution.clear();
    changed.nodes.clear();
    try {
      await database
        .raw(ANNOUNCE_SQL, {
          ids: [...executions, ...nodes],
          channels: [
            ...executions.map(() => CHANNELS.execution),
            ...nodes.map(() => CHANNELS.nodes),
          ],
        })
        .options({ name: 'announce' });
    } catch {
      // The database is away: what changes next will say so, and listeners look by themselves.
    }
    setTimeout(() => {
      if (changed.execution.size + changed.nodes.size > 0) void send();
      else sending = false;
    }, INTERVAL_MS).unref();
  }

  return {
    changed(executionId, what) {
      changed[what].add(executionId);
      if (sending) return;
      sending = true;
      setImmediate(() => void send());
    },
  };
}
