import type { Knex } from 'knex';

/** Payloads too large for Temporal's history, which names these rows instead. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE payloads (
      digest text PRIMARY KEY,
      data bytea NOT NULL,
      created_at timestamptz(3) NOT NULL DEFAULT now()
    )`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE payloads');
}
