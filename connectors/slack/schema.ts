/** Shapes of the Slack connector: input, output, credential and Slack's answers. */
import { z } from 'zod';

export const DEFAULT_BASE_URL = 'https://slack.com';

export const credentialSchema = z
  .strictObject({
    botToken: z
      .string()
      .regex(/^xox[a-z]-[A-Za-z0-9-]+$|^xoxe\.[\w.-]+$/, 'must be a token such as xoxb-…')
      .optional()
      .meta({
        description: 'A bot’s token with the scope chat:write; writes to any channel it is in',
      }),
    webhookUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'An incoming webhook; writes to the one channel it was made for' }),
    readHistory: z.boolean().optional().meta({
      description:
        'True if the bot may also read the channels it writes to (scopes channels:history, groups:history, im:history, mpim:history). Then a message whose sending was interrupted is looked for before it is sent again.',
    }),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: `Where the API is; ${DEFAULT_BASE_URL} where left out` }),
  })
  .refine(({ botToken, webhookUrl }) => botToken !== undefined || webhookUrl !== undefined, {
    error: 'needs a botToken or a webhookUrl',
  });
export type SlackCredential = z.output<typeof credentialSchema>;

/** A message's time stamp is its name within its channel. */
const timestampSchema = z
  .string()
  .regex(/^\d{9,11}\.\d{6}$/, 'must be a ts such as 1700000000.000100');

/** https://docs.slack.dev/reference/methods/chat.postMessage */
export const sendInputSchema = z
  .strictObject({
    channel: z
      .string()
      .regex(/^(#?[\p{L}\p{N}._-]{1,80})$/u, 'must be a channel’s id or name')
      .optional()
      .meta({
        description:
          'Where to write: a channel’s id (best), its name, or a person’s id. Leave it out to use the webhook.',
        example: 'C0123456789',
      }),
    text: z.string().min(1).max(40_000).optional().meta({
      description: 'The message, in Slack’s mrkdwn; with blocks what notifications show',
    }),
    blocks: z
      .array(z.looseObject({ type: z.string().min(1) }))
      .min(1)
      .max(50)
      .optional()
      .meta({ description: 'Block Kit blocks, as Slack takes them' }),
    threadTs: timestampSchema
      .optional()
      .meta({ description: 'The ts of a message: this one becomes a reply in its thread' }),
    replyBroadcast: z
      .boolean()
      .optional()
      .meta({ description: 'Shows a reply in the channel as well' }),
    unfurlLinks: z.boolean().optional(),
    unfurlMedia: z.boolean().optional(),
    username: z.string().min(1).max(80).optional().meta({
      description: 'Another name for the sender; the bot needs chat:write.customize',
    }),
    iconEmoji: z
      .string()
      .regex(/^:[\w+-]+:$/, 'must be an emoji’s name such as :tada:')
      .optional(),
  })
  .refine(({ text, blocks }) => text !== undefined || blocks !== undefined, {
    error: 'give text, blocks or both',
  })
  .refine(({ replyBroadcast, threadTs }) => replyBroadcast !== true || threadTs !== undefined, {
    path: ['replyBroadcast'],
    error: 'only a reply can be shown in the channel as well: set threadTs',
  });
export type SendInput = z.output<typeof sendInputSchema>;

export const sendOutputSchema = z.object({
  via: z.enum(['bot', 'webhook']),
  channel: z.string().optional().meta({ description: 'The channel’s id; only by bot' }),
  ts: z.string().optional().meta({
    description: 'The message’s name within its channel, for threadTs of a reply; only by bot',
  }),
});
export type SendOutput = z.output<typeof sendOutputSchema>;

/** https://docs.slack.dev/apis/web-api/#responses */
export const refusalSchema = z.object({
  ok: z.literal(false),
  error: z.string(),
  needed: z.string().optional(),
});

export const postAnswerSchema = z.object({
  ok: z.literal(true),
  channel: z.string(),
  ts: z.string(),
});

/** https://docs.slack.dev/reference/methods/conversations.history */
export const historyAnswerSchema = z.object({
  ok: z.literal(true),
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z
        .object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) })
        .optional(),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
