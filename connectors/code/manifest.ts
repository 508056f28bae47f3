import type { ConnectorManifest } from '../contract.ts';
import { runInputSchema, runOutputSchema } from './schema.ts';

export const codeManifest: ConnectorManifest = {
  type: 'code',
  title: 'Custom code',
  description: 'Runs JavaScript of your own in a sandbox: no network, no files, only its input.',
  credential: null,
  operations: [
    {
      name: 'run',
      title: 'Run code',
      description: 'Runs the body of an async function and hands on what it returns.',
      input: runInputSchema,
      output: runOutputSchema,
      // The sandbox reaches nothing, so code can be run again at will.
      idempotency: 'read',
      duration: 'short',
      // The default limit and the wait for a free sandbox.
      timeoutMs: 15_000,
      timeoutField: 'timeout',
      rawFields: ['code'],
      receivesScope: true,
      sample: { code: "return { tier: input.lead.score > 80 ? 'gold' : 'silver' }" },
    },
  ],
};
