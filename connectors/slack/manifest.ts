import type { ConnectorManifest } from '../contract.ts';
import { credentialSchema, sendInputSchema, sendOutputSchema } from './schema.ts';

export const slackManifest: ConnectorManifest = {
  type: 'slack',
  title: 'Slack',
  description: 'Writes to Slack channels and people.',
  credential: {
    type: 'slack',
    title: 'Slack app',
    schema: credentialSchema,
    fromEnvironment: (env) =>
      env.SLACK_BOT_TOKEN || env.SLACK_WEBHOOK_URL
        ? {
            ...(env.SLACK_BOT_TOKEN ? { botToken: env.SLACK_BOT_TOKEN } : {}),
            ...(env.SLACK_WEBHOOK_URL ? { webhookUrl: env.SLACK_WEBHOOK_URL } : {}),
            ...(env.SLACK_READ_HISTORY === 'true' ? { readHistory: true } : {}),
          }
        : undefined,
  },
  operations: [
    {
      name: 'send',
      title: 'Send a message',
      description:
        'Writes as a bot to the channel that is named, or through an incoming webhook if none is. Where the credential has readHistory and channel is a channel’s id, an interrupted send is looked for in the channel and not left to a person.',
      input: sendInputSchema,
      output: sendOutputSchema,
      // Queryable where the bot may read the channel's history.
      idempotency: 'blind',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { channel: 'C0123456789', text: 'New lead: *Layla*' },
    },
  ],
};
