/** What the builder, the planner and the API know of the email connector. */
import type { ConnectorManifest } from '../contract.ts';
import {
  sendInputSchema,
  sendOutputSchema,
  smtpCredentialFromEnvironment,
  smtpCredentialSchema,
} from './schema.ts';

export const emailManifest = {
  type: 'email',
  title: 'Email',
  description: 'Sends email through any SMTP server.',
  credential: {
    type: 'smtp',
    title: 'SMTP server',
    schema: smtpCredentialSchema,
    fromEnvironment: smtpCredentialFromEnvironment,
  },
  operations: [
    {
      name: 'send',
      title: 'Send an email',
      description:
        'Sends one message with text, HTML and attachments. The Message-ID is the same on every attempt.',
      input: sendInputSchema,
      output: sendOutputSchema,
      idempotency: 'queryable',
      duration: 'short',
      timeoutMs: 30_000,
      sample: {
        to: 'Layla <layla@example.com>',
        subject: 'مرحباً ليلى',
        body: '<p>أهلاً بك في مسار.</p>',
        replyTo: 'support@example.com',
      },
    },
  ],
} as const satisfies ConnectorManifest;
