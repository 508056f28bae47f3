/**
 * The table in the user's database that remembers which steps have taken effect: one row for each,
 * written in the transaction of its statement. So both are there, or neither; and a second attempt
 * meets the row of the first, waiting for it while it is under way.
 */
import { z } from 'zod';
import type { PostgresConnection } from './connection.ts';
import type { ExecuteOutput } from './schema.ts';

const ONE_ROW = { maxRows: 1, stopsAtLimit: false } as const;

const keptSchema = z.object({
  rowCount: z.number().int(),
  rows: z.array(z.record(z.string(), z.json())),
  truncated: z.boolean(),
});

/** The statements by which the emulator knows the table, too. */
export const EFFECTS_SQL = {
  exists: 'SELECT to_regclass($1) AS name',
  create: (table: string) =>
    `CREATE TABLE IF NOT EXISTS ${quoted(table)} (key text PRIMARY KEY, result jsonb, at timestamptz NOT NULL DEFAULT now())`,
  claim: (table: string) =>
    `INSERT INTO ${quoted(table)} (key) VALUES ($1) ON CONFLICT (key) DO NOTHING RETURNING key`,
  keep: (table: string) => `UPDATE ${quoted(table)} SET result = $2 WHERE key = $1`,
  read: (table: string) => `SELECT result FROM ${quoted(table)} WHERE key = $1`,
} as const;

/** Makes the table if it is not there. In a transaction of its own. */
export async function ensureTable(
  connection: PostgresConnection,
  table: string,
  timeoutMs: number,
): Promise<void> {
  await connection.begin('READ WRITE', timeoutMs);
  const { rows } = await connection.run(EFFECTS_SQL.exists, [quoted(table)], ONE_ROW);
  if (rows[0]?.name === null) {
    // Of two attempts that make it at once, IF NOT EXISTS may still fail for one, which is retried.
    await connection.run('SELECT pg_advisory_xact_lock(hashtext($1))', [`masar ${table}`], ONE_ROW);
    await connection.run(EFFECTS_SQL.create(table), [], ONE_ROW);
  }
  await connection.run('COMMIT', [], ONE_ROW);
}

/**
 * Claims the step, inside the transaction of its statement.
 * @returns undefined if it is this attempt's to carry out, else what an earlier one came to
 */
export async function claim(
  connection: PostgresConnection,
  table: string,
  key: string,
): Promise<ExecuteOutput | undefined> {
  const claimed = await connection.run(EFFECTS_SQL.claim(table), [key], ONE_ROW);
  if (claimed.rows.length > 0) return undefined;
  const known = await connection.run(EFFECTS_SQL.read(table), [key], ONE_ROW);
  const kept = keptSchema.safeParse(known.rows[0]?.result);
  return kept.success ? kept.data : { rowCount: 0, rows: [], truncated: false };
}

/** Remembers what the statement came to, for attempts that follow. */
export async function keep(
  connection: PostgresConnection,
  table: string,
  key: string,
  output: ExecuteOutput,
): Promise<void> {
  await connection.run(EFFECTS_SQL.keep(table), [key, JSON.stringify(output)], ONE_ROW);
}

/** Letters, digits, _ and one dot by its schema. */
function quoted(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}
