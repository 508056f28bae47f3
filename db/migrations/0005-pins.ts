import type { Knex } from 'knex';

/** Outputs that people pinned to nodes of a draft, for test runs. No published execution reads them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE workflow_pins (
      project_id uuid NOT NULL,
      workflow_id text NOT NULL,
      node_id text NOT NULL,
      output jsonb NOT NULL,
      output_port text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, workflow_id, node_id),
      FOREIGN KEY (project_id, workflow_id)
        REFERENCES workflow_definitions (project_id, workflow_id) ON DELETE CASCADE
    );
    CREATE TRIGGER workflow_pins_updated BEFORE UPDATE ON workflow_pins
      FOR EACH ROW EXECUTE FUNCTION set_updated_at();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE workflow_pins');
}
