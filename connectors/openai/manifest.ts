import type { ConnectorManifest } from '../contract.ts';
import {
  chatInputSchema,
  chatOutputSchema,
  credentialSchema,
  moderateInputSchema,
  moderateOutputSchema,
} from './schema.ts';

export const openaiManifest: ConnectorManifest = {
  type: 'openai',
  title: 'OpenAI',
  description: 'Asks a language model, at OpenAI or any server that speaks its protocol.',
  credential: {
    type: 'openai',
    title: 'OpenAI API key',
    schema: credentialSchema,
    fromEnvironment: (env) =>
      env.OPENAI_API_KEY
        ? {
            apiKey: env.OPENAI_API_KEY,
            ...(env.OPENAI_BASE_URL ? { baseUrl: env.OPENAI_BASE_URL } : {}),
          }
        : undefined,
  },
  operations: [
    {
      name: 'chat',
      title: 'Ask a model',
      description:
        'Asks and hands on the answer as text or, with a schema, as data. An interrupted attempt is asked again: nobody sees it twice, but both answers are paid for, and they may differ. The answer that counts is recorded once.',
      input: chatInputSchema,
      output: chatOutputSchema,
      // Nothing is changed or sent; the API has no idempotency key. What a repetition costs is money.
      idempotency: 'read',
      duration: 'long',
      timeoutMs: 120_000,
      sample: {
        model: 'gpt-5-mini',
        system: 'You rate sales leads.',
        prompt: 'Rate this lead: Layla, Dubai, wants a demo.',
        schema: {
          type: 'object',
          properties: {
            tier: { type: 'string', enum: ['gold', 'silver'] },
            reason: { type: 'string' },
          },
          required: ['tier', 'reason'],
          additionalProperties: false,
        },
      },
    },
    {
      name: 'moderate',
      title: 'Check a text',
      description: 'Says whether a text is harmful, and in which way. It costs nothing at OpenAI.',
      input: moderateInputSchema,
      output: moderateOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { text: 'Thank you for your help!' },
    },
  ],
};
