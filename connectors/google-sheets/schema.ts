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

const spreadsheetId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,200}$/, "must be the id from the spreadsheet's address, not the address")
  .meta({ description: "The part of the spreadsheet's address between /d/ and /edit" });
const rangeSchema = z.string().min(1).max(300);
const tableRange = rangeSchema.meta({
  description:
    'The sheet, or a part of it in A1 notation, whose first row holds the names of the columns',
  example: 'Leads!A:D',
});
const valueInputSchema = z.enum(['raw', 'user_entered']);
export type ValueInput = z.output<typeof valueInputSchema>;
const setInput = valueInputSchema.default('raw').meta({
  description:
    'raw: texts stay texts. user_entered: as if typed, so that formulas and dates are understood.',
});
const renderSchema = z.enum(['unformatted', 'formatted', 'formula']);
export type Render = z.output<typeof renderSchema>;
const renderInput = renderSchema.default('unformatted').meta({
  description:
    'unformatted: numbers are numbers. formatted: all is text as people see it, such as $1.50. formula: formulas rather than their results.',
});
const keyColumn = z.string().trim().min(1).max(300).meta({
  description: 'The column by which the row is found: its name in the first row, or its letters',
  example: 'Email',
});
const ignoreCase = z
  .boolean()
  .default(false)
  .meta({ description: 'true: capital and small letters are the same' });
const eitherValuesOrRows = (input: { values?: unknown; rows?: unknown }): boolean =>
  (input.values === undefined) !== (input.rows === undefined);
const VALUES_OR_ROWS = 'give either values (one row) or rows';

export const appendInputSchema = z
  .strictObject({
    spreadsheetId,
    range: rangeSchema.meta({
      description:
        'Sheet and first column in A1 notation. Rows go below the last row of the sheet that has data.',
      example: 'Leads!A:D',
    }),
    values: rowSchema.optional().meta({ description: 'The cells of one row' }),
    rows: z
      .array(rowSchema)
      .min(1)
      .max(MAX_ROWS)
      .optional()
      .meta({ description: 'Several rows instead of one, 1,000 at most' }),
    valueInput: valueInputSchema.default('raw').meta({
      description:
        'raw: texts stay texts. user_entered: as if typed, so that formulas and dates are understood; such an append cannot be recognised after an interruption and is not repeated by itself.',
    }),
    fallback: z.strictObject({ dataset: bigQueryName, table: bigQueryName }).optional().meta({
      description:
        'BigQuery table that takes the rows when Sheets refuses. Its columns: c1, c2, … for the cells, and _masar_key STRING.',
    }),
  })
  .refine(eitherValuesOrRows, { message: VALUES_OR_ROWS });
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

export const updateInputSchema = z
  .strictObject({
    spreadsheetId,
    range: rangeSchema.meta({
      description: 'The cells to set in A1 notation, or the first of them',
      example: 'Leads!B2:D2',
    }),
    values: rowSchema.optional().meta({
      description: 'The cells of one row. null leaves a cell as it is, an empty text clears it.',
    }),
    rows: z
      .array(rowSchema)
      .min(1)
      .max(MAX_ROWS)
      .optional()
      .meta({ description: 'Several rows instead of one, 1,000 at most' }),
    valueInput: setInput,
  })
  .refine(eitherValuesOrRows, { message: VALUES_OR_ROWS });
export type UpdateInput = z.output<typeof updateInputSchema>;

export const updateOutputSchema = z.object({
  updatedRange: z.string().meta({ description: 'Which cells were set', example: 'Leads!B2:D2' }),
  updatedRows: z.number().int(),
  updatedColumns: z.number().int(),
  updatedCells: z.number().int(),
});
export type UpdateOutput = z.output<typeof updateOutputSchema>;

const MAX_READ_ROWS = 10_000;
const answeredCell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const rowObject = z.record(z.string(), answeredCell);

export const readInputSchema = z.strictObject({
  spreadsheetId,
  range: rangeSchema.meta({
    description: 'The sheet, or a part of it in A1 notation',
    example: 'Leads!A:D',
  }),
  header: z.boolean().default(true).meta({
    description:
      'true: the first row holds the names of the columns, and rows are objects by these names. false: rows are lists of cells.',
  }),
  render: renderInput,
  maxRows: z
    .number()
    .int()
    .min(1)
    .max(MAX_READ_ROWS)
    .default(1_000)
    .meta({ description: 'At most this many rows are in the output' }),
});
export type ReadInput = z.output<typeof readInputSchema>;

export const readOutputSchema = z.object({
  range: z.string().meta({ description: 'What was read', example: 'Leads!A1:D1000' }),
  columns: z.array(z.string()).meta({ description: 'Names of the columns; empty without header' }),
  rows: z
    .union([z.array(rowObject), z.array(z.array(answeredCell))])
    .meta({ description: 'Objects, or lists of cells without header. Blank cells are null.' }),
  rowCount: z.number().int(),
  firstRow: z.number().int().meta({ description: 'Number in the sheet of the first of the rows' }),
  truncated: z.boolean().meta({ description: 'true: the sheet has more rows than maxRows' }),
});
export type ReadOutput = z.output<typeof readOutputSchema>;

const keyValue = z.union([
  z.string().trim().min(1).max(MAX_CELL_CHARACTERS),
  z.number(),
  z.boolean(),
]);

export const lookupInputSchema = z.strictObject({
  spreadsheetId,
  range: tableRange,
  keyColumn,
  value: keyValue.meta({ description: 'What the key column has in the row to find' }),
  ignoreCase,
  match: z
    .enum(['first', 'last'])
    .default('first')
    .meta({ description: 'Which one, if several rows have the value' }),
  render: renderInput,
});
export type LookupInput = z.output<typeof lookupInputSchema>;

export const lookupOutputSchema = z.object({
  found: z.boolean(),
  row: z.number().int().nullable().meta({ description: 'Number of the row in the sheet' }),
  object: rowObject.nullable().meta({ description: 'The cells by the names of their columns' }),
  values: z.array(answeredCell).nullable().meta({ description: 'The cells as a list' }),
});
export type LookupOutput = z.output<typeof lookupOutputSchema>;

export const upsertInputSchema = z.strictObject({
  spreadsheetId,
  range: tableRange,
  keyColumn,
  values: z
    .record(z.string().min(1).max(300), cellSchema)
    .refine((values) => Object.keys(values).length > 0, { message: 'give at least the key' })
    .meta({
      description:
        'Cells by the names of their columns, the key column among them. Columns that are left out or null stay as they are; an empty text clears a cell.',
    }),
  ignoreCase,
  ifMissing: z.enum(['append', 'skip']).default('append').meta({
    description: 'append: a row is added if none has the key. skip: nothing is done then.',
  }),
  valueInput: setInput,
});
export type UpsertInput = z.output<typeof upsertInputSchema>;

export const upsertOutputSchema = z.object({
  action: z.enum(['updated', 'appended', 'none']),
  row: z.number().int().nullable().meta({
    description: 'Number of the row in the sheet, where it is known: not of a row just appended',
  }),
});
export type UpsertOutput = z.output<typeof upsertOutputSchema>;

export const createSheetInputSchema = z.strictObject({
  spreadsheetId,
  title: z.string().trim().min(1).max(100).meta({ description: 'Name of the new tab' }),
  headers: z
    .array(z.string().max(MAX_CELL_CHARACTERS))
    .min(1)
    .max(MAX_COLUMNS)
    .optional()
    .meta({ description: 'The first row of the new tab: the names of its columns' }),
  ifExists: z.enum(['use', 'fail']).default('use').meta({
    description: 'What happens if the spreadsheet has a tab of this name already',
  }),
});
export type CreateSheetInput = z.output<typeof createSheetInputSchema>;

export const createSheetOutputSchema = z.object({
  sheetId: z.number().int().meta({ description: "The tab's number, after gid= in its address" }),
  title: z.string(),
  created: z.boolean().meta({ description: 'false: the tab was there already' }),
});
export type CreateSheetOutput = z.output<typeof createSheetOutputSchema>;
