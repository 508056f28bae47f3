import type { Knex } from 'knex';

/**
 * Metrics belong to a project, like everything else, and are rolled up by when a row was written
 * (`updated_at`, the database's clock) rather than by when the node ended: a control node's end is
 * told later than it happened, so its `end_time` can lie before what was rolled up already.
 * The rollups are derived, so they are simply made anew from the log.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE metric_rollups;
    CREATE TABLE metric_rollups (
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      connector_type text NOT NULL,
      status text NOT NULL,
      workflow_id text NOT NULL,
      count bigint NOT NULL,
      duration_sum_ms double precision NOT NULL,
      -- How many took up to each bound and longer than the one before; the last one has no bound.
      duration_buckets bigint[] NOT NULL,
      PRIMARY KEY (project_id, connector_type, status, workflow_id)
    );
    UPDATE metric_watermark SET rolled_up_to = 'epoch';
    DROP INDEX execution_logs_ended;
    CREATE INDEX execution_logs_ended ON execution_logs (updated_at) WHERE end_time IS NOT NULL;
    -- A page of failed executions must not read through millions of succeeded ones.
    CREATE INDEX executions_by_status ON executions (project_id, status, queued_at DESC, id DESC);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP INDEX executions_by_status;
    DROP INDEX execution_logs_ended;
    CREATE INDEX execution_logs_ended ON execution_logs (end_time) WHERE end_time IS NOT NULL;
    DROP TABLE metric_rollups;
    CREATE TABLE metric_rollups (
      connector_type text NOT NULL,
      status text NOT NULL,
      workflow_id text NOT NULL,
      count bigint NOT NULL,
      duration_sum_ms double precision NOT NULL,
      duration_buckets bigint[] NOT NULL,
      PRIMARY KEY (connector_type, status, workflow_id)
    );
    UPDATE metric_watermark SET rolled_up_to = 'epoch';
  `);
}
