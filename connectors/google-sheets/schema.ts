import { z } from 'zod';

/** https://support.google.com/drive/answer/37603: 50,000 characters a cell at most */
const MAX_CELL_CHARACTERS = 50_000;
const MAX_COLUMNS = 18_278;
/** Keeps one append one request, in Sheets and in BigQuery, so that it is written whole or not at all. */
const MAX_ROWS = 1_000;

const cellSchema = z.union([
  z.string().max(MAX_CELL_CHARACTERS),
  z.number(),
  z.boolean(),
  z.null(),
]);
export type Cell = z.output<typeof cellSchema>;
const rowSchema = z.array(cellSchema).min(1).max(MAX_COLUMNS);
const bigQueryName = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,1024}$/, 'must have only letters, digits and _');

export const appendInputSchema = z
  .strictObject({
    spreadsheetId: z
      .string()
      .regex(
        /^[A-Za-z0-9_-]{1,200}$/,
        "must be the id from the spreadsheet's address, not the address",
      )
      .meta({ description: "The part of the spreadsheet's address between /d/ and /edit" }),
    range: z.string().min(1).max(300).meta({
      description:
        'Sheet and first column in A1 notation. Rows go below the last row of the sheet that has data.',
      example: 'Leads!A:D',
    }),
    values: rowSchema.optional().meta({ description: 'The cells of one row' }),
    rows: z.array(rowSchema).min(1).max(MAX_ROWS).optional(),
    valueInput: z.enum(['raw', 'user_entered']).default('raw').meta({
      description:
        'raw: texts stay texts. user_entered: as if typed, so that formulas and dates are understood; such an append cannot be recognised after an interruption and is not repeated by itself.',
    }),
    fallback: z.strictObject({ dataset: bigQueryName, table: bigQueryName }).optional().meta({
      description:
        'BigQuery table that takes the rows when Sheets refuses. Its columns: c1, c2, … for the cells, and _masar_key STRING.',
    }),
  })
  .refine((input) => (input.values === undefined) !== (input.rows === undefined), {
    message: 'give either values (one row) or rows',
  });
export type AppendInput = z.output<typeof appendInputSchema>;

export const appendOutputSchema = z.object({
  store: z.enum(['sheets', 'bigquery']).meta({ description: 'Which one took the rows' }),
  updatedRange: z
    .string()
    .optional()
    .meta({ description: 'Where the rows are; told by Sheets for user_entered only' }),
  rows: z.number().int(),
});
export type AppendOutput = z.output<typeof appendOutputSchema>;
