import { z } from 'zod';
import type { JsonObject } from '../contract.ts';

const datasetSchema = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,1024}$/, 'must have only letters, digits and _')
  .meta({ description: 'The dataset that the table is in', example: 'crm' });
const tableSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,1024}$/, 'must have only letters, digits, _ and -')
  .meta({ description: 'The table that takes the rows', example: 'leads' });
const columnSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,299}$/, 'must be the name of a column');

/** https://cloud.google.com/bigquery/quotas#streaming_inserts: 50,000 rows and 10 MB a request at most */
const MAX_ROWS = 1_000;
const MAX_RESULT_ROWS = 10_000;
/** https://cloud.google.com/bigquery/quotas#query_jobs: 1 MB of SQL, 10,000 parameters */
const MAX_SQL = 1_000_000;

const rowSchema = z.record(z.string().min(1).max(300), z.json());

export const insertInputSchema = z
  .strictObject({
    dataset: datasetSchema,
    table: tableSchema,
    row: rowSchema.optional().meta({ description: 'One row: the values by column name' }),
    rows: z.array(rowSchema).min(1).max(MAX_ROWS).optional().meta({
      description: 'Several rows instead of one, 1,000 at most',
    }),
    keyColumn: columnSchema.optional().meta({
      description:
        'A STRING column of the table that takes the key of this step. With it, an insert that was interrupted is looked up before it is repeated; without it, it is not repeated by itself.',
      example: '_masar_key',
    }),
    onInvalidRow: z.enum(['refuse', 'skip']).default('refuse').meta({
      description:
        'What one row that does not fit the table does. refuse: none is inserted and the step fails. skip: the others are inserted, and the output lists those left out.',
    }),
    ignoreUnknownColumns: z
      .boolean()
      .default(false)
      .meta({ description: 'true: values whose column the table lacks are dropped' }),
  })
  .refine((input) => (input.row === undefined) !== (input.rows === undefined), {
    message: 'give either row (one row) or rows',
  });
export type InsertInput = z.output<typeof insertInputSchema>;

export const insertOutputSchema = z.object({
  inserted: z.number().int().meta({ description: 'How many rows the table took' }),
  skipped: z
    .array(
      z.object({
        index: z.number().int().meta({ description: '0 for the first row' }),
        reason: z.string().meta({ example: 'invalid' }),
        column: z.string(),
      }),
    )
    .meta({ description: 'Rows that did not fit the table; only with onInvalidRow "skip"' }),
});
export type InsertOutput = z.output<typeof insertOutputSchema>;

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types */
export const PARAMETER_TYPES = [
  'STRING',
  'INT64',
  'FLOAT64',
  'BOOL',
  'NUMERIC',
  'BIGNUMERIC',
  'DATE',
  'DATETIME',
  'TIME',
  'TIMESTAMP',
  'BYTES',
  'JSON',
] as const;
const scalarSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const typedSchema = z.strictObject({
  type: z.enum(PARAMETER_TYPES).meta({ description: 'The type in SQL' }),
  value: z.union([scalarSchema, z.array(scalarSchema)]).meta({
    description: 'A value, or a list of values, which is an ARRAY in SQL',
  }),
});
const parameterSchema = z.union([scalarSchema, z.array(scalarSchema).min(1), typedSchema]);
export type Parameter = z.output<typeof parameterSchema>;
export type Scalar = z.output<typeof scalarSchema>;

export const queryInputSchema = z.strictObject({
  sql: z.string().min(1).max(MAX_SQL).meta({
    description:
      'One statement in GoogleSQL. It is taken as it is, without expressions: values come in as parameters, written @name.',
    example: 'SELECT name FROM crm.leads WHERE score >= @score',
  }),
  parameters: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of a parameter'),
      parameterSchema,
    )
    .default({})
    .meta({
      description:
        'The values of the @parameters. A plain value is a STRING, INT64, FLOAT64 or BOOL; for another type write { "type": "DATE", "value": "2026-01-31" }.',
    }),
  defaultDataset: datasetSchema
    .optional()
    .meta({ description: 'The dataset of tables that the statement names without one' }),
  location: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be a location such as EU or europe-west1')
    .optional()
    .meta({
      description:
        'Where the data is. Needed for statements that change data outside of US and EU, so that a later attempt finds the earlier one.',
    }),
  maxRows: z.number().int().min(1).max(MAX_RESULT_ROWS).default(1_000).meta({
    description: 'At most this many rows are read',
  }),
  maximumBytesBilled: z
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'A query that would be billed for more bytes fails, at no cost' }),
});
export type QueryInput = z.output<typeof queryInputSchema>;

export const queryOutputSchema = z.object({
  rows: z.array(z.record(z.string(), z.json())).meta({
    description:
      'Objects by column name. NUMERIC and large INT64 are texts, TIMESTAMP is ISO 8601, BYTES base64.',
  }),
  rowCount: z.number().int().meta({ description: 'How many rows are here' }),
  totalRows: z.number().int().meta({ description: 'How many rows the result has' }),
  truncated: z.boolean().meta({ description: 'true: the result has more rows than maxRows' }),
  affectedRows: z.number().int().optional().meta({
    description: 'How many rows an INSERT, UPDATE, DELETE or MERGE changed',
  }),
  bytesProcessed: z.number().optional(),
});
export type QueryOutput = Omit<z.output<typeof queryOutputSchema>, 'rows'> & {
  readonly rows: readonly JsonObject[];
};
