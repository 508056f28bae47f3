import { z } from 'zod';

const baseUrls = {
  sheetsBaseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where the Sheets API is; Google where left out' }),
  bigQueryBaseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where the BigQuery API is; Google where left out' }),
  tokenUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where access tokens come from; Google where left out' }),
  projectId: z
    .string()
    .regex(/^[a-z0-9.:-]{1,128}$/, 'must be a Google Cloud project id such as my-project-123')
    .optional()
    .meta({ description: 'Google Cloud project; needed for the fallback to BigQuery' }),
};

export const credentialSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('service_account'),
      clientEmail: z
        .string()
        .min(3)
        .meta({ description: 'client_email of the key file; share the spreadsheet with it' }),
      privateKey: z.string().min(1).meta({
        description: 'private_key of the key file, PEM; line breaks may be written as \\n',
      }),
      ...baseUrls,
    })
    .meta({
      description:
        'A service account. For the fallback it needs the roles BigQuery Data Editor and BigQuery Job User.',
    }),
  z
    .strictObject({
      type: z.literal('oauth'),
      clientId: z.string().min(1),
      clientSecret: z.string().min(1),
      refreshToken: z.string().min(1),
      ...baseUrls,
    })
    .meta({ description: 'A person who has let this application act for them' }),
]);
export type GoogleCredential = z.output<typeof credentialSchema>;

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
