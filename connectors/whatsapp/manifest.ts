import type { ConnectorManifest } from '../contract.ts';
import { credentialSchema, sendInputSchema, sendOutputSchema } from './schema.ts';

export const whatsappManifest: ConnectorManifest = {
  type: 'whatsapp',
  title: 'WhatsApp',
  description: 'Sends messages through the WhatsApp Business Cloud API.',
  credential: {
    type: 'whatsapp',
    title: 'WhatsApp Business Cloud API',
    schema: credentialSchema,
    fromEnvironment: (env) =>
      env.WHATSAPP_ACCESS_TOKEN && env.WHATSAPP_PHONE_NUMBER_ID
        ? {
            accessToken: env.WHATSAPP_ACCESS_TOKEN,
            phoneNumberId: env.WHATSAPP_PHONE_NUMBER_ID,
            ...(env.WHATSAPP_API_VERSION ? { apiVersion: env.WHATSAPP_API_VERSION } : {}),
            ...(env.WHATSAPP_BASE_URL ? { baseUrl: env.WHATSAPP_BASE_URL } : {}),
          }
        : undefined,
  },
  operations: [
    {
      name: 'send',
      title: 'Send a message',
      description:
        'Sends a text, a template, a file or an interactive message. Outside the 24 hours after the last message of the recipient, WhatsApp accepts templates only.',
      input: sendInputSchema,
      output: sendOutputSchema,
      // The API takes no idempotency key and lists no sent messages.
      idempotency: 'blind',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { to: '+971501234567', text: 'مرحباً {{lead.name}}، شكراً لتسجيلك.' },
    },
  ],
};
