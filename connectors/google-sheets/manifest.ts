import type { ConnectorManifest } from '../contract.ts';
import { googleCredential } from '../google/credential.ts';
import { appendInputSchema, appendOutputSchema } from './schema.ts';

export const googleSheetsManifest: ConnectorManifest = {
  type: 'google-sheets',
  title: 'Google Sheets',
  description: 'Writes rows to Google Sheets, or to BigQuery when Sheets refuses.',
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
        spreadsheetId: '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms',
        range: 'Leads!A:D',
        values: ['{{lead.name}}', '{{lead.email}}', 50, true],
      },
    },
  ],
};
