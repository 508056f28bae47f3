import type { Knex } from 'knex';

/**
 * What starts executions, and what follows from their ends: triggers and settings as published,
 * schedules as Temporal should have them, webhook and inbound addresses, limits of concurrency.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Triggers and settings of the published version, on the row that publishing locks, so that who
    -- reads them reads one version or the other.
    ALTER TABLE workflow_definitions
      ADD COLUMN published_triggers jsonb, ADD COLUMN published_settings jsonb;
    UPDATE workflow_definitions AS definition
    SET published_triggers = frozen.definition -> 'triggers',
      published_settings = frozen.definition -> 'settings'
    FROM workflow_versions AS frozen
    WHERE definition.is_active AND frozen.project_id = definition.project_id
      AND frozen.workflow_id = definition.workflow_id
      AND frozen.version = definition.published_version;

    ALTER TABLE event_subscriptions
      ADD COLUMN source text NOT NULL DEFAULT 'event' CHECK (source IN ('event', 'inbound'));
    ALTER TABLE event_subscriptions DROP CONSTRAINT event_subscriptions_pkey;
    ALTER TABLE event_subscriptions
      ADD PRIMARY KEY (project_id, source, event_type, workflow_id);
    -- Definitions that the event would have started, and why it did not.
    ALTER TABLE events ADD COLUMN problems jsonb NOT NULL DEFAULT '[]';

    -- What Temporal's schedules should be. Rows outlive the definition until Temporal's are deleted.
    CREATE TABLE schedules (
      id text PRIMARY KEY,
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      workflow_id text NOT NULL,
      trigger_key text NOT NULL,
      -- The trigger as published; null: the schedule is to be deleted.
      spec jsonb,
      generation integer NOT NULL DEFAULT 1,
      changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      applied_generation integer NOT NULL DEFAULT 0,
      -- When Temporal was last seen to have it.
      checked_at timestamptz,
      next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      -- Why Temporal doesn't have it yet.
      error text,
      last_fired_at timestamptz,
      last_execution_id text,
      -- Why the last time that came started nothing.
      last_problem text,
      UNIQUE (project_id, workflow_id, trigger_key)
    );
    CREATE INDEX schedules_due ON schedules (next_try_at);

    CREATE TABLE webhooks (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      project_id uuid NOT NULL,
      workflow_id text NOT NULL,
      trigger_key text NOT NULL,
      token_hash bytea NOT NULL UNIQUE,
      key_id text NOT NULL,
      token_encrypted bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      rotated_at timestamptz,
      UNIQUE (project_id, workflow_id, trigger_key),
      FOREIGN KEY (project_id, workflow_id)
        REFERENCES workflow_definitions (project_id, workflow_id) ON DELETE CASCADE
    );

    -- Where a provider delivers the messages that come in: one address per project and connector.
    CREATE TABLE inbound_channels (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      connector text NOT NULL,
      token_hash bytea NOT NULL UNIQUE,
      -- Token and the provider's secrets.
      key_id text NOT NULL,
      data_encrypted bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (project_id, connector)
    );
    CREATE TRIGGER inbound_channels_updated BEFORE UPDATE ON inbound_channels
      FOR EACH ROW EXECUTE FUNCTION set_updated_at();
    CREATE INDEX leads_by_phone
      ON leads (project_id, (regexp_replace(data ->> 'phone', '\\D', '', 'g')));

    ALTER TABLE executions
      -- Of executions with the same key, only so many run at once; the others wait in their order.
      ADD COLUMN concurrency_key text,
      ADD COLUMN concurrency_limit integer,
      ADD COLUMN admitted_at timestamptz,
      -- Definition to start if this execution fails.
      ADD COLUMN on_failure text,
      -- Temporal workflow that waits for this execution's end.
      ADD COLUMN awaited_by text,
      -- True until what follows from its end is done; false where nothing does.
      ADD COLUMN follow_up boolean NOT NULL DEFAULT false;
    CREATE INDEX executions_concurrency ON executions (project_id, concurrency_key, queued_at, id)
      WHERE concurrency_key IS NOT NULL
        AND status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out');
    CREATE INDEX executions_follow_up ON executions (ended_at)
      WHERE follow_up AND status IN ('succeeded', 'failed', 'cancelled', 'timed_out');
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP INDEX executions_follow_up, executions_concurrency, leads_by_phone;
    ALTER TABLE executions DROP COLUMN follow_up, DROP COLUMN awaited_by, DROP COLUMN on_failure,
      DROP COLUMN admitted_at, DROP COLUMN concurrency_limit, DROP COLUMN concurrency_key;
    DROP TABLE inbound_channels, webhooks, schedules;
    ALTER TABLE events DROP COLUMN problems;
    DELETE FROM event_subscriptions WHERE source <> 'event';
    ALTER TABLE event_subscriptions DROP CONSTRAINT event_subscriptions_pkey;
    ALTER TABLE event_subscriptions ADD PRIMARY KEY (project_id, event_type, workflow_id);
    ALTER TABLE event_subscriptions DROP COLUMN source;
    ALTER TABLE workflow_definitions
      DROP COLUMN published_settings, DROP COLUMN published_triggers;
  `);
}
