import type { Knex } from 'knex';

/** What the last attempt at a node wrote to its log: `[{ "level", "text" }]`, a few tens of KB at most. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE execution_logs ADD COLUMN logs jsonb');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE execution_logs DROP COLUMN logs');
}
