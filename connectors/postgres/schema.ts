import { z } from 'zod';
import type { JsonObject } from '../contract.ts';

const MAX_SQL = 200_000;
const MAX_PARAMETERS = 1_000;
const MAX_ROWS = 10_000;

const sql = z.string().min(1).max(MAX_SQL).meta({
  description:
    'One statement. It is taken as it is, without expressions: values come in as parameters, written $1, $2, …',
  example: 'SELECT id, name FROM customers WHERE email = $1',
});
const parameters = z.array(z.json()).max(MAX_PARAMETERS).default([]).meta({
  description:
    'The values of $1, $2, … in order. A list becomes a PostgreSQL array, an object becomes JSON.',
});
const maxRows = z.number().int().min(1).max(MAX_ROWS).default(1_000).meta({
  description: 'At most this many rows are in the output',
});
const rowsSchema = z.array(z.record(z.string(), z.json())).meta({
  description:
    'Objects by column name. bigint and numeric are texts, dates and times ISO 8601, bytea base64.',
});

export const queryInputSchema = z.strictObject({ sql, parameters, maxRows });
export type QueryInput = z.output<typeof queryInputSchema>;

export const queryOutputSchema = z.object({
  rows: rowsSchema,
  rowCount: z.number().int().meta({ description: 'How many rows are here' }),
  truncated: z.boolean().meta({ description: 'true: the result has more rows than maxRows' }),
});
export interface QueryOutput {
  readonly rows: readonly JsonObject[];
  readonly rowCount: number;
  readonly truncated: boolean;
}

export const executeInputSchema = z.strictObject({
  sql: sql.meta({
    description:
      'One statement, which runs in a transaction of its own. It is taken as it is, without expressions: values come in as parameters, written $1, $2, …',
    example: 'UPDATE customers SET tier = $2 WHERE email = $1',
  }),
  parameters,
  maxRows: maxRows.meta({ description: 'At most this many rows of RETURNING are in the output' }),
  effectsTable: z
    .string()
    .regex(
      /^[a-z_][a-z0-9_]{0,62}(?:\.[a-z_][a-z0-9_]{0,62})?$/,
      'must be the name of a table in small letters, with or without its schema',
    )
    .optional()
    .meta({
      description:
        'A table in your database in which this step leaves a row with its key, in the transaction of the statement. With it, the statement takes effect once however often it is attempted. It is made if it is not there. Without it, a statement whose outcome is unknown after an interruption is not repeated by itself.',
      example: 'masar_effects',
    }),
});
export type ExecuteInput = z.output<typeof executeInputSchema>;

export const executeOutputSchema = z.object({
  rowCount: z.number().int().meta({ description: 'How many rows were changed' }),
  rows: rowsSchema.meta({ description: 'What RETURNING gave, as objects by column name' }),
  truncated: z.boolean(),
});
export interface ExecuteOutput {
  readonly rowCount: number;
  readonly rows: readonly JsonObject[];
  readonly truncated: boolean;
}
