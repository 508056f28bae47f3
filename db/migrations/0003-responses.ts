import type { Knex } from 'knex';

/** What a respond node answered, for whoever waits for the execution. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE executions ADD COLUMN response jsonb');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE executions DROP COLUMN response');
}
