/**
 * Shapes of the Telegram connector: inputs, output, credential and the Bot API's answers.
 * https://core.telegram.org/bots/api
 */
import { z } from 'zod';

export const DEFAULT_BASE_URL = 'https://api.telegram.org';

export const credentialSchema = z.strictObject({
  botToken: z
    .string()
    .regex(/^\d{3,20}:[A-Za-z0-9_-]{20,100}$/, 'must be the whole token as @BotFather gave it')
    .meta({ description: 'The bot’s token from @BotFather' }),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: `Where the Bot API is; ${DEFAULT_BASE_URL} where left out` }),
});
export type TelegramCredential = z.output<typeof credentialSchema>;

const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;
const MAX_CALLBACK_BYTES = 64;

const chatIdSchema = z
  .union([
    z.number().int(),
    z.string().regex(/^(-?\d{1,20}|@[A-Za-z]\w{3,31})$/, 'must be a chat id or @channelname'),
  ])
  .meta({
    description:
      'Whom to write to: the id of a chat whose user has started the bot, of a group, or @channelname',
    example: 123456789,
  });

/** https://core.telegram.org/bots/api#inlinekeyboardbutton */
const buttonSchema = z
  .strictObject({
    text: z.string().min(1).max(256),
    url: z
      .string()
      .regex(/^(https?|tg):\/\/\S+$/, 'must be an http, https or tg address')
      .optional(),
    callbackData: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= MAX_CALLBACK_BYTES, {
        error: `must have at most ${MAX_CALLBACK_BYTES} bytes`,
      })
      .optional()
      .meta({ description: 'Comes back to the bot when the button is pressed' }),
  })
  .refine(({ url, callbackData }) => (url === undefined) !== (callbackData === undefined), {
    error: 'give either url or callbackData',
  });

const common = {
  chatId: chatIdSchema,
  parseMode: z.enum(['HTML', 'MarkdownV2', 'Markdown']).optional().meta({
    description: 'How bold text, links and the like are written; plain text if left out',
  }),
  buttons: z
    .array(z.array(buttonSchema).min(1).max(8))
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Rows of buttons under the message' }),
  silent: z.boolean().optional().meta({ description: 'Arrives without a sound' }),
  protectContent: z
    .boolean()
    .optional()
    .meta({ description: 'Keeps the message from being forwarded and saved' }),
  replyToMessageId: z.number().int().positive().optional(),
  topicId: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'The topic of a forum (message_thread_id)' }),
};
const caption = z.string().max(MAX_CAPTION).optional();
const fileSchema = z.string().min(1).max(2_048);

/** https://core.telegram.org/bots/api#sendmessage */
export const sendMessageInputSchema = z.strictObject({
  ...common,
  text: z.string().min(1).max(MAX_TEXT),
  linkPreview: z.boolean().optional().meta({ description: 'False: no preview of the first link' }),
});
export type SendMessageInput = z.output<typeof sendMessageInputSchema>;

/** https://core.telegram.org/bots/api#sendphoto */
export const sendPhotoInputSchema = z.strictObject({
  ...common,
  photo: fileSchema.meta({
    description: 'Public address of a picture (up to 5 MB), or the file_id of one sent before',
    example: 'https://example.com/welcome.jpg',
  }),
  caption,
});
export type SendPhotoInput = z.output<typeof sendPhotoInputSchema>;

/** https://core.telegram.org/bots/api#senddocument */
export const sendDocumentInputSchema = z.strictObject({
  ...common,
  document: fileSchema.meta({
    description:
      'Public address of a PDF, ZIP or GIF file (up to 20 MB), or the file_id of one sent before',
    example: 'https://example.com/offer.pdf',
  }),
  caption,
});
export type SendDocumentInput = z.output<typeof sendDocumentInputSchema>;

export type SendInput = SendMessageInput | SendPhotoInput | SendDocumentInput;

export const sendOutputSchema = z.object({
  messageId: z.number().int().meta({ description: 'Telegram’s id of the message in this chat' }),
  chatId: z.number().int().meta({ description: 'The chat’s id as a number' }),
  sentAt: z.string().meta({ description: 'When Telegram took it' }),
});
export type SendOutput = z.output<typeof sendOutputSchema>;

/** https://core.telegram.org/bots/api#making-requests */
export const answerSchema = z.object({
  ok: z.literal(true),
  result: z.object({
    message_id: z.number().int(),
    date: z.number().int(),
    chat: z.object({ id: z.number().int() }),
  }),
});

export const refusalSchema = z.object({
  ok: z.literal(false),
  error_code: z.number().int(),
  description: z.string().default(''),
  /** https://core.telegram.org/bots/api#responseparameters */
  parameters: z.object({ retry_after: z.number().nonnegative().optional() }).optional(),
});
