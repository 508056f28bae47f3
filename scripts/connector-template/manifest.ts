import type { ConnectorManifest } from '../../connectors/contract.ts';
import { credentialSchema, sendInputSchema, sendOutputSchema } from './schema.ts';

export const acmeManifest: ConnectorManifest = {
  type: 'acme',
  title: 'Acme',
  description: 'Sends messages through Acme.',
  credential: { type: 'acme', title: 'Acme account', schema: credentialSchema },
  operations: [
    {
      name: 'send',
      title: 'Send a message',
      description: 'Sends one message to one receiver.',
      input: sendInputSchema,
      output: sendOutputSchema,
      // The API recognises a repetition by its Idempotency-Key. Where a provider documents nothing
      // of the kind, the class is `queryable` if what was sent can be looked up, else `blind`.
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { to: 'layla', text: 'مرحباً ليلى' },
    },
  ],
};
