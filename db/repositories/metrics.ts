/**
 * Counts of what connectors did, from the log. What is old enough is added up into
 * `metric_rollups` under a watermark, so that the counts survive restarts and the pruning of the
 * log and are the same on every replica; what is younger is added when read, so that they are exact.
 *
 * A row enters once, when it was last written more than LAG before: a statement that took its time
 * stamp and has not committed yet is thus never passed over. A node whose outcome was unknown and
 * is resolved later counts under both statuses.
 */
import type { Knex } from 'knex';

/** Upper bounds of the duration buckets in milliseconds, inclusive; the last bucket has none. */
export const DURATION_BOUNDS_MS = [
  5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
] as const;

const LAG = '2 seconds';

export interface NodeCounts {
  readonly connectorType: string;
  readonly status: string;
  readonly workflowId: string;
  readonly count: number;
  readonly durationSumMs: number;
  /** One more than there are bounds; each counts what took longer than the bound before. */
  readonly buckets: readonly number[];
}

// Whole milliseconds, so "up to 5" is "below 6"; width_bucket's bounds belong to the upper bucket.
const BOUNDS_SQL = `ARRAY[${DURATION_BOUNDS_MS.map((bound) => bound + 1).join(', ')}]`;
const BUCKETS_SQL = `ARRAY[${[...DURATION_BOUNDS_MS, null]
  .map((_, index) => `count(*) FILTER (WHERE bucket = ${index})`)
  .join(', ')}]`;

/** @param range condition on `updated_at`; the statuses are those that a node ends with */
const countSql = (range: string): string => `
  SELECT project_id, connector_type, status, workflow_id, count(*) AS count,
    coalesce(sum(duration_ms), 0) AS duration_sum_ms, ${BUCKETS_SQL} AS duration_buckets
  FROM (SELECT project_id, connector_type, status, workflow_id, duration_ms,
      width_bucket(duration_ms, ${BOUNDS_SQL}) AS bucket
    FROM execution_logs
    WHERE end_time IS NOT NULL AND status IN ('succeeded', 'failed', 'cancelled', 'unknown')
      AND ${range}) AS ended
  GROUP BY project_id, connector_type, status, workflow_id`;

const ROLL_UP_SQL = `
  INSERT INTO metric_rollups AS known (project_id, connector_type, status, workflow_id, count,
    duration_sum_ms, duration_buckets)
  ${countSql('updated_at > :from AND updated_at <= :to')}
  ON CONFLICT (project_id, connector_type, status, workflow_id) DO UPDATE SET
    count = known.count + excluded.count,
    duration_sum_ms = known.duration_sum_ms + excluded.duration_sum_ms,
    duration_buckets = ARRAY(
      SELECT coalesce(a, 0) + coalesce(b, 0)
      FROM unnest(known.duration_buckets, excluded.duration_buckets) WITH ORDINALITY AS pair(a, b, at)
      ORDER BY at)`;

const READ_SQL = `
  SELECT connector_type, status, workflow_id, count, duration_sum_ms, duration_buckets
  FROM metric_rollups WHERE project_id = :projectId
  UNION ALL
  SELECT connector_type, status, workflow_id, count, duration_sum_ms, duration_buckets
  FROM (${countSql('updated_at > :to AND project_id = :projectId')}) AS young`;

export type MetricsRepository = ReturnType<typeof createMetricsRepository>;

export function createMetricsRepository(database: Knex) {
  return {
    /** Rolls up what is due, then answers the counts of a project up to now. */
    async nodeCounts(projectId: string): Promise<readonly NodeCounts[]> {
      return database.transaction(async (transaction) => {
        // Text keeps the microseconds that a Date would lose, and with them the row at the edge.
        const { rows: marks } = await transaction.raw<{ rows: { from: string; to: string }[] }>(
          `SELECT CAST(rolled_up_to AS text) AS from,
             CAST(greatest(rolled_up_to, clock_timestamp() - interval '${LAG}') AS text) AS to
           FROM metric_watermark FOR UPDATE`,
        );
        const mark = marks[0];
        if (mark === undefined) throw new Error('The table metric_watermark has lost its row.');
        await transaction.raw(ROLL_UP_SQL, { from: mark.from, to: mark.to });
        await transaction.raw('UPDATE metric_watermark SET rolled_up_to = :to', { to: mark.to });
        const { rows } = await transaction.raw<{ rows: CountRow[] }>(READ_SQL, {
          projectId,
          to: mark.to,
        });
        return mergeCounts(rows);
      });
    },

    /** How many executions of a project were accepted and have not begun. */
    async queueSize(projectId: string): Promise<number> {
      const row = await database('executions')
        .where({ project_id: projectId, status: 'queued' })
        .count({ queued: '*' })
        .first();
      return Number(row?.queued ?? 0);
    },
  };
}

interface CountRow {
  readonly connector_type: string;
  readonly status: string;
  readonly workflow_id: string;
  readonly count: string;
  readonly duration_sum_ms: number | string;
  readonly duration_buckets: readonly string[];
}

/** Adds up what was rolled up and what is young, by labels. */
function mergeCounts(rows: readonly CountRow[]): readonly NodeCounts[] {
  const merged = new Map<string, NodeCounts>();
  for (const row of rows) {
    const key = JSON.stringify([row.connector_type, row.status, row.workflow_id]);
    const known = merged.get(key);
    const buckets = row.duration_buckets.map(Number);
    merged.set(key, {
      connectorType: row.connector_type,
      status: row.status,
      workflowId: row.workflow_id,
      count: Number(row.count) + (known?.count ?? 0),
      durationSumMs: Number(row.duration_sum_ms) + (known?.durationSumMs ?? 0),
      buckets: buckets.map((count, index) => count + (known?.buckets[index] ?? 0)),
    });
  }
  return [...merged.values()];
}
