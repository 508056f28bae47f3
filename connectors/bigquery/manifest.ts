import type { ConnectorManifest } from '../contract.ts';
import { googleCredential } from '../google/credential.ts';
import {
  insertInputSchema,
  insertOutputSchema,
  queryInputSchema,
  queryOutputSchema,
} from './schema.ts';

export const bigQueryManifest: ConnectorManifest = {
  type: 'bigquery',
  title: 'BigQuery',
  description: 'Inserts rows into tables of Google BigQuery and runs SQL on them.',
  credential: googleCredential,
  operations: [
    {
      name: 'insert',
      title: 'Insert rows',
      description:
        'Streams rows into a table. With a key column, an interrupted insert is looked up and repeated only if it is not there.',
      input: insertInputSchema,
      output: insertOutputSchema,
      idempotency: 'queryable',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        dataset: 'crm',
        table: 'leads',
        row: { name: '{{lead.name}}', email: '{{lead.email}}', score: 50 },
        keyColumn: '_masar_key',
      },
    },
    {
      name: 'query',
      title: 'Run SQL',
      description:
        'Runs one SQL statement with bound parameters and reads its rows. A statement that changes data takes effect once, however often it is attempted.',
      input: queryInputSchema,
      output: queryOutputSchema,
      idempotency: 'read',
      duration: 'long',
      timeoutMs: 120_000,
      rawFields: ['sql'],
      sample: {
        sql: 'SELECT name, score FROM crm.leads WHERE email = @email LIMIT 10',
        parameters: { email: '{{lead.email}}' },
      },
    },
  ],
};
