import type { ConnectorManifest } from '../contract.ts';
import { credentialSchema } from './credential.ts';
import {
  executeInputSchema,
  executeOutputSchema,
  queryInputSchema,
  queryOutputSchema,
} from './schema.ts';

export const postgresManifest: ConnectorManifest = {
  type: 'postgres',
  title: 'PostgreSQL',
  description:
    'Reads and changes rows of your own PostgreSQL. In sandbox mode statements are noted and answered without rows; they reach no database.',
  credential: { type: 'postgres', title: 'PostgreSQL', schema: credentialSchema },
  operations: [
    {
      name: 'query',
      title: 'Read rows',
      description:
        'Runs one statement that reads, in a read-only transaction. The time limit of the step is the statement’s too.',
      input: queryInputSchema,
      output: queryOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 30_000,
      rawFields: ['sql'],
      sample: {
        sql: 'SELECT id, name, tier FROM customers WHERE email = $1',
        parameters: ['{{lead.email}}'],
      },
    },
    {
      name: 'execute',
      title: 'Change rows',
      description:
        'Runs one statement that changes data, whole or not at all. The time limit of the step is the statement’s too.',
      input: executeInputSchema,
      output: executeOutputSchema,
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 30_000,
      rawFields: ['sql'],
      sample: {
        sql: 'INSERT INTO customers (email, name) VALUES ($1, $2) RETURNING id',
        parameters: ['{{lead.email}}', '{{lead.name}}'],
        effectsTable: 'masar_effects',
      },
    },
  ],
};
