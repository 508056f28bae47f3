import type { ConnectorManifest } from '../contract.ts';
import {
  parseInputSchema,
  parseOutputSchema,
  stringifyInputSchema,
  stringifyOutputSchema,
} from './schema.ts';

export const csvManifest: ConnectorManifest = {
  type: 'csv',
  title: 'CSV',
  description: 'Reads and writes CSV, the tables that spreadsheets export.',
  credential: null,
  operations: [
    {
      name: 'parse',
      title: 'Read CSV',
      description: 'Turns CSV text into rows.',
      input: parseInputSchema,
      output: parseOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { text: 'name,city\nليلى,دبي\n' },
    },
    {
      name: 'stringify',
      title: 'Write CSV',
      description: 'Turns rows into CSV text.',
      input: stringifyInputSchema,
      output: stringifyOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { rows: [{ name: 'ليلى', city: 'دبي' }], bom: true },
    },
  ],
};
