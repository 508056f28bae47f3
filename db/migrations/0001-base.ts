import type { Knex } from 'knex';

/**
 * The base: projects and their keys, definitions and versions, leads and events, executions and
 * their ledger. Every table with data of a project carries project_id. Statuses are text with a
 * check, not enum types, because adding a value to an enum type can't be undone.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.updated_at := now(); RETURN NEW; END $$;

    CREATE TABLE projects (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      name text NOT NULL UNIQUE,
      created_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE api_keys (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      name text NOT NULL,
      prefix text NOT NULL,
      key_hash bytea NOT NULL UNIQUE,
      scopes text[] NOT NULL DEFAULT '{*}',
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz,
      revoked_at timestamptz
    );
    CREATE INDEX api_keys_project ON api_keys (project_id);

    CREATE TABLE workflow_definitions (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      workflow_id text NOT NULL,
      name text NOT NULL,
      description text,
      nodes jsonb NOT NULL,
      connections jsonb NOT NULL,
      triggers jsonb NOT NULL,
      settings jsonb NOT NULL,
      is_active boolean NOT NULL DEFAULT false,
      draft_version integer NOT NULL DEFAULT 1,
      published_version integer,
      created_by text,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (project_id, workflow_id)
    );
    CREATE INDEX workflow_definitions_list ON workflow_definitions (project_id, created_at, id);
    CREATE TRIGGER workflow_definitions_updated BEFORE UPDATE ON workflow_definitions
      FOR EACH ROW EXECUTE FUNCTION set_updated_at();

    CREATE TABLE workflow_versions (
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      workflow_id text NOT NULL,
      version integer NOT NULL,
      definition jsonb NOT NULL,
      plan jsonb NOT NULL,
      published_by text,
      published_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, workflow_id, version),
      FOREIGN KEY (project_id, workflow_id)
        REFERENCES workflow_definitions (project_id, workflow_id) ON DELETE CASCADE
    );

    -- Which published definitions an event starts. Rewritten in the transaction that publishes, so
    -- an old and a new version never both fire.
    CREATE TABLE event_subscriptions (
      project_id uuid NOT NULL,
      event_type text NOT NULL,
      workflow_id text NOT NULL,
      PRIMARY KEY (project_id, event_type, workflow_id),
      FOREIGN KEY (project_id, workflow_id)
        REFERENCES workflow_definitions (project_id, workflow_id) ON DELETE CASCADE
    );

    CREATE TABLE leads (
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      id text NOT NULL,
      data jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, id)
    );
    CREATE INDEX leads_list ON leads (project_id, created_at, id);
    CREATE TRIGGER leads_updated BEFORE UPDATE ON leads
      FOR EACH ROW EXECUTE FUNCTION set_updated_at();

    CREATE TABLE credentials (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      name text NOT NULL,
      type text NOT NULL,
      -- AES-256-GCM: nonce, ciphertext, tag; key_id says under which master key.
      key_id text NOT NULL,
      data_encrypted bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (project_id, name)
    );
    CREATE TRIGGER credentials_updated BEFORE UPDATE ON credentials
      FOR EACH ROW EXECUTE FUNCTION set_updated_at();

    CREATE TABLE executions (
      -- Also the Temporal workflow id.
      id text PRIMARY KEY,
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      workflow_id text NOT NULL,
      -- 0: a single-node call; its plan is in the column of that name.
      version integer NOT NULL,
      plan jsonb,
      lead_id text,
      lead jsonb,
      input jsonb NOT NULL DEFAULT '{}',
      trigger jsonb NOT NULL,
      mode text NOT NULL CHECK (mode IN ('live', 'sandbox')),
      status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'waiting',
        'paused', 'succeeded', 'failed', 'cancelled', 'timed_out', 'unknown')),
      result jsonb,
      error jsonb,
      run_id text,
      queued_at timestamptz NOT NULL DEFAULT now(),
      started_at timestamptz,
      ended_at timestamptz,
      -- When the reconciler last compared this row with Temporal.
      checked_at timestamptz
    );
    CREATE INDEX executions_list ON executions (project_id, queued_at DESC, id DESC);
    CREATE INDEX executions_by_workflow ON executions (project_id, workflow_id, queued_at DESC, id DESC);
    CREATE INDEX executions_by_lead ON executions (project_id, lead_id, queued_at DESC, id DESC);
    -- Small whatever the table's size: what has not ended.
    CREATE INDEX executions_open ON executions (queued_at)
      WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out');

    CREATE TABLE execution_logs (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      -- Order of the rows of an execution; created_at can tie.
      seq bigint GENERATED ALWAYS AS IDENTITY,
      project_id uuid NOT NULL,
      execution_id text NOT NULL REFERENCES executions ON DELETE CASCADE,
      workflow_id text NOT NULL,
      lead_id text,
      node_id text NOT NULL,
      node_name text NOT NULL,
      iteration text NOT NULL DEFAULT '',
      connector_type text NOT NULL,
      operation text NOT NULL,
      status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'waiting',
        'retrying', 'succeeded', 'failed', 'skipped', 'cancelled', 'unknown')),
      -- Attempts begun. Of them, retry_count were repetitions.
      attempt integer NOT NULL DEFAULT 0,
      retry_count integer NOT NULL DEFAULT 0,
      max_retries integer NOT NULL DEFAULT 3,
      -- True while it can't be excluded that an attempt acted without its success being recorded.
      in_doubt boolean NOT NULL DEFAULT false,
      -- What the statement that claimed the row found; its only reader is that statement's RETURNING.
      claimed_status text,
      claimed_in_doubt boolean,
      start_time timestamptz,
      end_time timestamptz,
      duration_ms integer,
      input_data jsonb,
      output_data jsonb,
      output_port text,
      error_details jsonb,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (execution_id, node_id, iteration)
    );
    CREATE INDEX execution_logs_workflow_lead ON execution_logs (workflow_id, lead_id);
    CREATE INDEX execution_logs_status ON execution_logs (status);
    CREATE INDEX execution_logs_created_at ON execution_logs (created_at);
    CREATE INDEX execution_logs_list ON execution_logs (project_id, workflow_id, seq);
    CREATE INDEX execution_logs_ended ON execution_logs (end_time) WHERE end_time IS NOT NULL;

    CREATE TABLE events (
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      event_id text NOT NULL,
      type text NOT NULL,
      lead_id text,
      data jsonb,
      -- The answer, so that the same eventId gets the same one again.
      executions jsonb NOT NULL DEFAULT '[]',
      received_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, event_id)
    );

    CREATE TABLE idempotency_keys (
      project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
      key text NOT NULL,
      route text NOT NULL,
      request_hash bytea NOT NULL,
      response_status integer,
      response_body jsonb,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, key, route)
    );
    CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

    CREATE TABLE sandbox_messages (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      connector text NOT NULL,
      operation text NOT NULL,
      execution_id text,
      node_id text,
      iteration text,
      recipient text,
      lookup_key text,
      -- Set only for messages that the provider itself would recognise as repeated.
      unique_key text,
      message jsonb NOT NULL,
      received_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (connector, unique_key)
    );
    CREATE INDEX sandbox_messages_lookup ON sandbox_messages (connector, lookup_key);
    CREATE INDEX sandbox_messages_execution ON sandbox_messages (execution_id);

    -- Where the emulators are and what they accept. Nothing here is a secret: these credentials
    -- open nothing but the emulators.
    CREATE TABLE sandbox_emulators (
      connector text PRIMARY KEY,
      url text NOT NULL,
      credential jsonb NOT NULL,
      started_at timestamptz NOT NULL DEFAULT now()
    );

    -- What left the log between two scrapes, added up, so that metrics survive restarts and
    -- pruning and are the same on every replica.
    CREATE TABLE metric_rollups (
      connector_type text NOT NULL,
      status text NOT NULL,
      workflow_id text NOT NULL,
      count bigint NOT NULL,
      duration_sum_ms double precision NOT NULL,
      duration_buckets bigint[] NOT NULL,
      PRIMARY KEY (connector_type, status, workflow_id)
    );
    CREATE TABLE metric_watermark (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      rolled_up_to timestamptz NOT NULL
    );
    INSERT INTO metric_watermark (rolled_up_to) VALUES ('epoch');
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE metric_watermark, metric_rollups, sandbox_emulators, sandbox_messages, idempotency_keys, events,
      execution_logs, executions, credentials, leads, event_subscriptions, workflow_versions,
      workflow_definitions, api_keys, projects CASCADE;
    DROP FUNCTION set_updated_at();
  `);
}
