import type { ConnectorManifest } from '../contract.ts';
import {
  credentialSchema,
  sendDocumentInputSchema,
  sendMessageInputSchema,
  sendOutputSchema,
  sendPhotoInputSchema,
} from './schema.ts';

/** The Bot API takes no idempotency key, and a bot can't read what it has sent. */
const sending = {
  output: sendOutputSchema,
  idempotency: 'blind',
  duration: 'short',
  timeoutMs: 30_000,
} as const;

export const telegramManifest: ConnectorManifest = {
  type: 'telegram',
  title: 'Telegram',
  description: 'Sends messages as a Telegram bot.',
  credential: {
    type: 'telegram',
    title: 'Telegram bot',
    schema: credentialSchema,
    fromEnvironment: (env) =>
      env.TELEGRAM_BOT_TOKEN
        ? {
            botToken: env.TELEGRAM_BOT_TOKEN,
            ...(env.TELEGRAM_BASE_URL ? { baseUrl: env.TELEGRAM_BASE_URL } : {}),
          }
        : undefined,
  },
  operations: [
    {
      ...sending,
      name: 'send-message',
      title: 'Send a message',
      description:
        'Sends a text, with buttons if wanted, to a person who has started the bot, to a group or to a channel.',
      input: sendMessageInputSchema,
      sample: {
        chatId: 123456789,
        text: 'مرحباً ليلى',
        buttons: [[{ text: 'Call me', callbackData: 'call' }]],
      },
    },
    {
      ...sending,
      name: 'send-photo',
      title: 'Send a picture',
      description: 'Sends a picture that Telegram fetches from its address.',
      input: sendPhotoInputSchema,
      sample: { chatId: 123456789, photo: 'https://example.com/welcome.jpg', caption: 'Welcome' },
    },
    {
      ...sending,
      name: 'send-document',
      title: 'Send a file',
      description: 'Sends a file that Telegram fetches from its address.',
      input: sendDocumentInputSchema,
      sample: { chatId: 123456789, document: 'https://example.com/offer.pdf' },
    },
  ],
};
