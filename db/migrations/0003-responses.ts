import type { Knex } from 'knex';

/**
 * What a respond node answered, for whoever waits for the execution; and what a retry keeps of the
 * execution that it repeats, so that it can be started from its row alone.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE executions ADD COLUMN response jsonb, ADD COLUMN kept jsonb');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE executions DROP COLUMN kept, DROP COLUMN response');
}
