/**
 * Limits of concurrency: of the executions with the same key only so many are admitted, and thereby
 * started; the others stay `queued`, in the order in which they were accepted, until one has ended.
 * Everything is in the rows, so nothing is forgotten whatever dies, and a slot is free as soon as the
 * row of the execution that held it has ended.
 */
import type { Knex } from 'knex';

const OPEN = "status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')";

/** The newest one's limit counts: it is the one published last. */
const ADMIT_SQL = `
  UPDATE executions SET admitted_at = clock_timestamp()
  WHERE id IN (
    SELECT id FROM executions
    WHERE project_id = :projectId AND concurrency_key = :key AND admitted_at IS NULL AND ${OPEN}
    ORDER BY queued_at, id
    LIMIT greatest(0, (
      SELECT concurrency_limit FROM executions
      WHERE project_id = :projectId AND concurrency_key = :key AND ${OPEN}
      ORDER BY queued_at DESC, id DESC LIMIT 1
    ) - (
      SELECT count(*) FROM executions
      WHERE project_id = :projectId AND concurrency_key = :key AND admitted_at IS NOT NULL
        AND ${OPEN}
    ))
  )
  RETURNING id`;

export interface ConcurrencyKey {
  readonly projectId: string;
  readonly key: string;
}

export type Admission = ReturnType<typeof createAdmission>;

export function createAdmission(database: Knex) {
  return {
    /** Admits those that have their turn. @returns the executions that are to be started now */
    async admit({ projectId, key }: ConcurrencyKey): Promise<readonly string[]> {
      return database.transaction(async (transaction) => {
        // Two that count at once would both see the same free slot.
        await transaction.raw('SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))', {
          lock: `masar concurrency ${projectId} ${key}`,
        });
        const { rows } = await transaction.raw<{ rows: { id: string }[] }>(ADMIT_SQL, {
          projectId,
          key,
        });
        return rows.map((row) => row.id);
      });
    },

    /** Keys that executions wait for although there is room. */
    async waiting(limit: number): Promise<readonly ConcurrencyKey[]> {
      const rows: { project_id: string; concurrency_key: string }[] = await database('executions')
        .select('project_id', 'concurrency_key')
        .whereNotNull('concurrency_key')
        .whereRaw(OPEN)
        .groupBy('project_id', 'concurrency_key')
        .havingRaw(`count(*) > count(admitted_at) AND count(admitted_at) < max(concurrency_limit)`)
        .limit(limit);
      return rows.map((row) => ({ projectId: row.project_id, key: row.concurrency_key }));
    },
  };
}
