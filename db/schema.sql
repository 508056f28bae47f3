-- The schema that the migrations make. Written by "node cli/drift.ts --write"; do not edit.

CREATE OR REPLACE FUNCTION public.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
    BEGIN NEW.updated_at := now(); RETURN NEW; END $function$;

CREATE TABLE api_keys (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL,
  name text NOT NULL,
  prefix text NOT NULL,
  key_hash bytea NOT NULL,
  scopes text[] NOT NULL DEFAULT '{*}'::text[],
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);

CREATE TABLE credentials (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  key_id text NOT NULL,
  data_encrypted bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT credentials_pkey PRIMARY KEY (id),
  CONSTRAINT credentials_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT credentials_project_id_name_key UNIQUE (project_id, name)
);

CREATE TABLE event_subscriptions (
  project_id uuid NOT NULL,
  event_type text NOT NULL,
  workflow_id text NOT NULL,
  source text NOT NULL DEFAULT 'event'::text,
  CONSTRAINT event_subscriptions_pkey PRIMARY KEY (project_id, source, event_type, workflow_id),
  CONSTRAINT event_subscriptions_project_id_workflow_id_fkey FOREIGN KEY (project_id, workflow_id) REFERENCES workflow_definitions(project_id, workflow_id) ON DELETE CASCADE,
  CONSTRAINT event_subscriptions_source_check CHECK ((source = ANY (ARRAY['event'::text, 'inbound'::text])))
);

CREATE TABLE events (
  project_id uuid NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  lead_id text,
  data jsonb,
  executions jsonb NOT NULL DEFAULT '[]'::jsonb,
  received_at timestamp with time zone NOT NULL DEFAULT now(),
  problems jsonb NOT NULL DEFAULT '[]'::jsonb,
  CONSTRAINT events_pkey PRIMARY KEY (project_id, event_id),
  CONSTRAINT events_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);

CREATE TABLE execution_logs (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  project_id uuid NOT NULL,
  execution_id text NOT NULL,
  workflow_id text NOT NULL,
  lead_id text,
  node_id text NOT NULL,
  node_name text NOT NULL,
  iteration text NOT NULL DEFAULT ''::text,
  connector_type text NOT NULL,
  operation text NOT NULL,
  status text NOT NULL DEFAULT 'queued'::text,
  attempt integer NOT NULL DEFAULT 0,
  retry_count integer NOT NULL DEFAULT 0,
  max_retries integer NOT NULL DEFAULT 3,
  in_doubt boolean NOT NULL DEFAULT false,
  claimed_status text,
  claimed_in_doubt boolean,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  duration_ms integer,
  input_data jsonb,
  output_data jsonb,
  output_port text,
  error_details jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  logs jsonb,
  CONSTRAINT execution_logs_pkey PRIMARY KEY (id),
  CONSTRAINT execution_logs_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES executions(id) ON DELETE CASCADE,
  CONSTRAINT execution_logs_execution_id_node_id_iteration_key UNIQUE (execution_id, node_id, iteration),
  CONSTRAINT execution_logs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text, 'retrying'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'cancelled'::text, 'unknown'::text])))
);

CREATE TABLE executions (
  id text NOT NULL,
  project_id uuid NOT NULL,
  workflow_id text NOT NULL,
  version integer NOT NULL,
  plan jsonb,
  lead_id text,
  lead jsonb,
  input jsonb NOT NULL DEFAULT '{}'::jsonb,
  trigger jsonb NOT NULL,
  mode text NOT NULL,
  status text NOT NULL DEFAULT 'queued'::text,
  result jsonb,
  error jsonb,
  run_id text,
  queued_at timestamp with time zone NOT NULL DEFAULT now(),
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  checked_at timestamp with time zone,
  response jsonb,
  kept jsonb,
  concurrency_key text,
  concurrency_limit integer,
  admitted_at timestamp with time zone,
  on_failure text,
  awaited_by text,
  follow_up boolean NOT NULL DEFAULT false,
  CONSTRAINT executions_pkey PRIMARY KEY (id),
  CONSTRAINT executions_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'sandbox'::text]))),
  CONSTRAINT executions_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT executions_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text, 'paused'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text, 'unknown'::text])))
);

CREATE TABLE idempotency_keys (
  project_id uuid NOT NULL,
  key text NOT NULL,
  route text NOT NULL,
  request_hash bytea NOT NULL,
  response_status integer,
  response_body jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (project_id, key, route),
  CONSTRAINT idempotency_keys_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);

CREATE TABLE inbound_channels (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL,
  connector text NOT NULL,
  token_hash bytea NOT NULL,
  key_id text NOT NULL,
  data_encrypted bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT inbound_channels_pkey PRIMARY KEY (id),
  CONSTRAINT inbound_channels_project_id_connector_key UNIQUE (project_id, connector),
  CONSTRAINT inbound_channels_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT inbound_channels_token_hash_key UNIQUE (token_hash)
);

CREATE TABLE leads (
  project_id uuid NOT NULL,
  id text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT leads_pkey PRIMARY KEY (project_id, id),
  CONSTRAINT leads_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);

CREATE TABLE metric_rollups (
  project_id uuid NOT NULL,
  connector_type text NOT NULL,
  status text NOT NULL,
  workflow_id text NOT NULL,
  count bigint NOT NULL,
  duration_sum_ms double precision NOT NULL,
  duration_buckets bigint[] NOT NULL,
  CONSTRAINT metric_rollups_pkey PRIMARY KEY (project_id, connector_type, status, workflow_id),
  CONSTRAINT metric_rollups_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);

CREATE TABLE metric_watermark (
  only_row boolean NOT NULL DEFAULT true,
  rolled_up_to timestamp with time zone NOT NULL,
  CONSTRAINT metric_watermark_pkey PRIMARY KEY (only_row),
  CONSTRAINT metric_watermark_only_row_check CHECK (only_row)
);

CREATE TABLE payloads (
  digest text NOT NULL,
  data bytea NOT NULL,
  created_at timestamp(3) with time zone NOT NULL DEFAULT now(),
  CONSTRAINT payloads_pkey PRIMARY KEY (digest)
);

CREATE TABLE projects (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT projects_pkey PRIMARY KEY (id),
  CONSTRAINT projects_name_key UNIQUE (name)
);

CREATE TABLE sandbox_emulators (
  connector text NOT NULL,
  url text NOT NULL,
  credential jsonb NOT NULL,
  started_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT sandbox_emulators_pkey PRIMARY KEY (connector)
);

CREATE TABLE sandbox_messages (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  connector text NOT NULL,
  operation text NOT NULL,
  execution_id text,
  node_id text,
  iteration text,
  recipient text,
  lookup_key text,
  unique_key text,
  message jsonb NOT NULL,
  received_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT sandbox_messages_pkey PRIMARY KEY (id),
  CONSTRAINT sandbox_messages_connector_unique_key_key UNIQUE (connector, unique_key)
);

CREATE TABLE schedules (
  id text NOT NULL,
  project_id uuid NOT NULL,
  workflow_id text NOT NULL,
  trigger_key text NOT NULL,
  spec jsonb,
  generation integer NOT NULL DEFAULT 1,
  changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  applied_generation integer NOT NULL DEFAULT 0,
  checked_at timestamp with time zone,
  next_try_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  error text,
  last_fired_at timestamp with time zone,
  last_execution_id text,
  last_problem text,
  CONSTRAINT schedules_pkey PRIMARY KEY (id),
  CONSTRAINT schedules_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT schedules_project_id_workflow_id_trigger_key_key UNIQUE (project_id, workflow_id, trigger_key)
);

CREATE TABLE webhooks (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL,
  workflow_id text NOT NULL,
  trigger_key text NOT NULL,
  token_hash bytea NOT NULL,
  key_id text NOT NULL,
  token_encrypted bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  rotated_at timestamp with time zone,
  CONSTRAINT webhooks_pkey PRIMARY KEY (id),
  CONSTRAINT webhooks_project_id_workflow_id_fkey FOREIGN KEY (project_id, workflow_id) REFERENCES workflow_definitions(project_id, workflow_id) ON DELETE CASCADE,
  CONSTRAINT webhooks_project_id_workflow_id_trigger_key_key UNIQUE (project_id, workflow_id, trigger_key),
  CONSTRAINT webhooks_token_hash_key UNIQUE (token_hash)
);

CREATE TABLE workflow_definitions (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL,
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
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  published_triggers jsonb,
  published_settings jsonb,
  CONSTRAINT workflow_definitions_pkey PRIMARY KEY (id),
  CONSTRAINT workflow_definitions_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT workflow_definitions_project_id_workflow_id_key UNIQUE (project_id, workflow_id)
);

CREATE TABLE workflow_pins (
  project_id uuid NOT NULL,
  workflow_id text NOT NULL,
  node_id text NOT NULL,
  output jsonb NOT NULL,
  output_port text NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT workflow_pins_pkey PRIMARY KEY (project_id, workflow_id, node_id),
  CONSTRAINT workflow_pins_project_id_workflow_id_fkey FOREIGN KEY (project_id, workflow_id) REFERENCES workflow_definitions(project_id, workflow_id) ON DELETE CASCADE
);

CREATE TABLE workflow_versions (
  project_id uuid NOT NULL,
  workflow_id text NOT NULL,
  version integer NOT NULL,
  definition jsonb NOT NULL,
  plan jsonb NOT NULL,
  published_by text,
  published_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT workflow_versions_pkey PRIMARY KEY (project_id, workflow_id, version),
  CONSTRAINT workflow_versions_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT workflow_versions_project_id_workflow_id_fkey FOREIGN KEY (project_id, workflow_id) REFERENCES workflow_definitions(project_id, workflow_id) ON DELETE CASCADE
);

CREATE INDEX api_keys_project ON public.api_keys USING btree (project_id);
CREATE INDEX execution_logs_created_at ON public.execution_logs USING btree (created_at);
CREATE INDEX execution_logs_ended ON public.execution_logs USING btree (updated_at) WHERE (end_time IS NOT NULL);
CREATE INDEX execution_logs_list ON public.execution_logs USING btree (project_id, workflow_id, seq);
CREATE INDEX execution_logs_status ON public.execution_logs USING btree (status);
CREATE INDEX execution_logs_workflow_lead ON public.execution_logs USING btree (workflow_id, lead_id);
CREATE INDEX executions_by_lead ON public.executions USING btree (project_id, lead_id, queued_at DESC, id DESC);
CREATE INDEX executions_by_status ON public.executions USING btree (project_id, status, queued_at DESC, id DESC);
CREATE INDEX executions_by_workflow ON public.executions USING btree (project_id, workflow_id, queued_at DESC, id DESC);
CREATE INDEX executions_concurrency ON public.executions USING btree (project_id, concurrency_key, queued_at, id) WHERE ((concurrency_key IS NOT NULL) AND (status <> ALL (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text])));
CREATE INDEX executions_follow_up ON public.executions USING btree (ended_at) WHERE (follow_up AND (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text])));
CREATE INDEX executions_list ON public.executions USING btree (project_id, queued_at DESC, id DESC);
CREATE INDEX executions_open ON public.executions USING btree (queued_at) WHERE (status <> ALL (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text]));
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);
CREATE INDEX leads_by_phone ON public.leads USING btree (project_id, regexp_replace((data ->> 'phone'::text), '\D'::text, ''::text, 'g'::text));
CREATE INDEX leads_list ON public.leads USING btree (project_id, created_at, id);
CREATE INDEX sandbox_messages_execution ON public.sandbox_messages USING btree (execution_id);
CREATE INDEX sandbox_messages_lookup ON public.sandbox_messages USING btree (connector, lookup_key);
CREATE INDEX schedules_due ON public.schedules USING btree (next_try_at);
CREATE INDEX workflow_definitions_list ON public.workflow_definitions USING btree (project_id, created_at, id);

CREATE TRIGGER credentials_updated BEFORE UPDATE ON public.credentials FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER inbound_channels_updated BEFORE UPDATE ON public.inbound_channels FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER leads_updated BEFORE UPDATE ON public.leads FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER workflow_definitions_updated BEFORE UPDATE ON public.workflow_definitions FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER workflow_pins_updated BEFORE UPDATE ON public.workflow_pins FOR EACH ROW EXECUTE FUNCTION set_updated_at();

