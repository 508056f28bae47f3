import type { ConnectorManifest } from '../contract.ts';
import { googleCredential } from '../google/credential.ts';
import {
  appendInputSchema,
  appendOutputSchema,
  createSheetInputSchema,
  createSheetOutputSchema,
  lookupInputSchema,
  lookupOutputSchema,
  readInputSchema,
  readOutputSchema,
  updateInputSchema,
  updateOutputSchema,
  upsertInputSchema,
  upsertOutputSchema,
} from './schema.ts';

const SPREADSHEET_ID = '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms';

export const googleSheetsManifest: ConnectorManifest = {
  type: 'google-sheets',
  title: 'Google Sheets',
  description:
    'Reads and writes rows of Google Sheets; what is appended goes to BigQuery when Sheets refuses.',
  credential: googleCredential,
  operations: [
    {
      name: 'append',
      title: 'Append rows',
      description:
        'Adds rows below the data of a sheet, each append exactly once. With a fallback, rows that Sheets refuses (quota, cell limit, outage) go to BigQuery.',
      input: appendInputSchema,
      output: appendOutputSchema,
      idempotency: 'queryable',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        spreadsheetId: SPREADSHEET_ID,
        range: 'Leads!A:D',
        values: ['{{lead.name}}', '{{lead.email}}', 50, true],
      },
    },
    {
      name: 'update',
      title: 'Update cells',
      description: 'Sets the cells of a range. Cells that are given as null stay as they are.',
      input: updateInputSchema,
      output: updateOutputSchema,
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 30_000,
      sample: { spreadsheetId: SPREADSHEET_ID, range: 'Leads!C2:D2', values: [80, 'hot'] },
    },
    {
      name: 'read',
      title: 'Read rows',
      description: 'Reads the rows of a sheet, as objects by the names in its first row.',
      input: readInputSchema,
      output: readOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 30_000,
      sample: { spreadsheetId: SPREADSHEET_ID, range: 'Leads!A:D', maxRows: 100 },
    },
    {
      name: 'lookup',
      title: 'Look up a row',
      description:
        'Finds a row by the value of a column. If there is none, "found" is false and the step succeeds.',
      input: lookupInputSchema,
      output: lookupOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        spreadsheetId: SPREADSHEET_ID,
        range: 'Leads!A:D',
        keyColumn: 'Email',
        value: '{{lead.email}}',
      },
    },
    {
      name: 'upsert',
      title: 'Update or append a row',
      description:
        'Updates the row whose key column has the value, or appends one if there is none. An empty sheet gets its header row first.',
      input: upsertInputSchema,
      output: upsertOutputSchema,
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        spreadsheetId: SPREADSHEET_ID,
        range: 'Leads!A:D',
        keyColumn: 'Email',
        values: { Email: '{{lead.email}}', Name: '{{lead.name}}', Score: 50 },
      },
    },
    {
      name: 'create-sheet',
      title: 'Create a sheet',
      description: 'Adds a tab to a spreadsheet, with a first row of column names.',
      input: createSheetInputSchema,
      output: createSheetOutputSchema,
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        spreadsheetId: SPREADSHEET_ID,
        title: 'Leads 2026',
        headers: ['Name', 'Email', 'Score'],
      },
    },
  ],
};
