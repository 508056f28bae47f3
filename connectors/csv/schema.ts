/** Shapes of the CSV connector. */
import { z } from 'zod';

/** Parsing it takes a worker's thread up to a second. */
export const MAX_TEXT = 4_000_000;
export const MAX_ROWS = 100_000;
export const MAX_COLUMNS = 1_000;

const delimiterSchema = z
  .string()
  .min(1)
  .max(4)
  .refine((text) => !/["\r\n]/.test(text), { error: 'may hold neither quotes nor line breaks' });

const cellSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const parseInputSchema = z.strictObject({
  text: z.string().meta({
    description: `The CSV text, up to ${MAX_TEXT} characters and ${MAX_ROWS} rows`,
    example: 'name;city\nليلى;دبي',
  }),
  delimiter: z
    .union([z.literal('auto'), delimiterSchema])
    .default('auto')
    .meta({ description: 'What stands between cells; auto finds comma, semicolon, tab or |' }),
  header: z.boolean().default(true).meta({
    description: 'true: the first row has the names of the columns, and each row becomes an object',
  }),
  columns: z.array(z.string().min(1)).min(1).max(MAX_COLUMNS).optional().meta({
    description: 'Names for the columns of a text that has none, or other names than its own',
  }),
  trim: z.boolean().default(false).meta({ description: 'Drops blanks around cells' }),
  numbers: z.boolean().default(false).meta({
    description:
      'Cells that look like numbers become numbers. Phone numbers and codes with a leading 0 or + stay texts',
  }),
  short: z.enum(['refuse', 'fill']).default('refuse').meta({
    description:
      'What a row with fewer cells than columns does: fail the step, or get null for the rest',
  }),
});
export type ParseInput = z.output<typeof parseInputSchema>;

export const parseOutputSchema = z.strictObject({
  rows: z
    .array(z.union([z.record(z.string(), cellSchema), z.array(cellSchema)]))
    .meta({ description: 'Objects by column name, or lists of cells where there are no names' }),
  columns: z.array(z.string()).meta({ description: 'Names of the columns in their order' }),
  count: z.int().meta({ description: 'How many rows there are' }),
  delimiter: z.string().meta({ description: 'What stood between cells' }),
});
export type ParseOutput = z.output<typeof parseOutputSchema>;

export const stringifyInputSchema = z.strictObject({
  rows: z
    .array(z.union([z.array(z.json()), z.record(z.string(), z.json())]))
    .max(MAX_ROWS)
    .meta({ description: 'Objects, or lists of cells', example: [{ name: 'ليلى', city: 'دبي' }] }),
  columns: z.array(z.string().min(1)).min(1).max(MAX_COLUMNS).optional().meta({
    description: 'Which columns, in which order; all fields of the objects where left out',
  }),
  header: z.boolean().default(true).meta({ description: 'Whether the first row has the names' }),
  delimiter: delimiterSchema.default(',').meta({ description: 'What stands between cells' }),
  quoteAll: z
    .boolean()
    .default(false)
    .meta({ description: 'Quotes every cell, also where it need not' }),
  lineEnding: z.enum(['crlf', 'lf']).default('crlf').meta({
    description: 'crlf as RFC 4180 has it, or lf',
  }),
  bom: z.boolean().default(false).meta({
    description:
      'Begins with a byte order mark, by which Excel knows that Arabic and other letters are UTF-8',
  }),
  formulas: z.enum(['escape', 'keep']).default('escape').meta({
    description:
      'escape: a cell that a spreadsheet would run as a formula (=, @, or + and - before what is no number) gets a leading apostrophe',
  }),
});
export type StringifyInput = z.output<typeof stringifyInputSchema>;

export const stringifyOutputSchema = z.strictObject({
  text: z.string().meta({ description: 'The CSV text' }),
  count: z.int().meta({ description: 'How many rows it has, without the header' }),
});
export type StringifyOutput = z.output<typeof stringifyOutputSchema>;
