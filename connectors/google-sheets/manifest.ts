import type { ConnectorManifest } from '../contract.ts';
import { appendInputSchema, appendOutputSchema, credentialSchema } from './schema.ts';

export const googleSheetsManifest: ConnectorManifest = {
  type: 'google-sheets',
  title: 'Google Sheets',
  description: 'Writes rows to Google Sheets, or to BigQuery when Sheets refuses.',
  credential: {
    type: 'google',
    title: 'Google',
    schema: credentialSchema,
    fromEnvironment: (env) =>
      env.GOOGLE_CLIENT_EMAIL && env.GOOGLE_PRIVATE_KEY
        ? {
            type: 'service_account',
            clientEmail: env.GOOGLE_CLIENT_EMAIL,
            privateKey: env.GOOGLE_PRIVATE_KEY,
            ...(env.GOOGLE_PROJECT_ID ? { projectId: env.GOOGLE_PROJECT_ID } : {}),
          }
        : undefined,
  },
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
