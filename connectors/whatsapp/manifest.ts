import type { ConnectorManifest } from '../contract.ts';
import {
  credentialSchema,
  markReadInputSchema,
  markReadOutputSchema,
  sendInputSchema,
  sendOutputSchema,
} from './schema.ts';

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
        'Sends a text, a template, a file, buttons, a list or a location. Outside the 24 hours after the last message of the recipient, WhatsApp accepts templates only.',
      input: sendInputSchema,
      output: sendOutputSchema,
      // The API takes no idempotency key and lists no sent messages.
      idempotency: 'blind',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { to: '+971501234567', text: 'مرحباً {{lead.name}}، شكراً لتسجيلك.' },
    },
    {
      name: 'mark-read',
      title: 'Mark a message as read',
      description:
        'Shows the sender of an incoming message the blue check marks, within 30 days of its arrival.',
      input: markReadInputSchema,
      output: markReadOutputSchema,
      // A message that is marked again stays as it is.
      idempotency: 'native-key',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { messageId: 'wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJDQjZCMzlEQUE4OTJBMTE4RTUA' },
    },
  ],
};
