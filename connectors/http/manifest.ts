import type { ConnectorManifest } from '../contract.ts';
import { httpCredentialSchema, requestInputSchema, requestOutputSchema } from './schema.ts';

export const httpManifest: ConnectorManifest = {
  type: 'http',
  title: 'HTTP request',
  description: 'Calls any web API.',
  credential: { type: 'http', title: 'HTTP login', schema: httpCredentialSchema },
  credentialOptional: true,
  operations: [
    {
      name: 'request',
      title: 'Send a request',
      description:
        'Sends one request and hands on status, headers and body; a GET can fetch page after page. A GET is repeated freely after a failure, PUT and DELETE too; a POST only if it names an idempotencyHeader or certainly did nothing.',
      input: requestInputSchema,
      output: requestOutputSchema,
      idempotency: 'blind',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        method: 'POST',
        url: 'https://example.com/leads',
        body: { name: '{{lead.name}}' },
        idempotencyHeader: 'Idempotency-Key',
      },
    },
  ],
};
