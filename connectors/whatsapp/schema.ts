import { z } from 'zod';

/** https://developers.facebook.com/docs/graph-api/changelog/versions (v26.0 since 29 July 2026) */
export const DEFAULT_API_VERSION = 'v26.0';
export const DEFAULT_BASE_URL = 'https://graph.facebook.com';

export const credentialSchema = z.strictObject({
  accessToken: z
    .string()
    .regex(/^\S+$/, 'must be the token alone, without spaces or line breaks')
    .meta({
      description:
        'Access token of a system user with the permission whatsapp_business_messaging; never expires if made so',
    }),
  phoneNumberId: z
    .string()
    .regex(/^\d+$/, 'must be the numeric id of the phone number, not the number itself')
    .meta({
      description: 'Id of the sending phone number, from WhatsApp Manager',
      example: '106540352242922',
    }),
  apiVersion: z
    .string()
    .regex(/^v\d+\.\d+$/, 'must be a Graph API version such as v26.0')
    .optional()
    .meta({ description: `Graph API version; ${DEFAULT_API_VERSION} where left out` }),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: `Where the API is; ${DEFAULT_BASE_URL} where left out` }),
});
export type WhatsappCredential = z.output<typeof credentialSchema>;

const templateSchema = z
  .strictObject({
    name: z.string().min(1).max(512).meta({ example: 'order_shipped' }),
    language: z.string().min(2).max(15).meta({
      description: 'Language code that the template was approved in',
      example: 'ar',
    }),
    components: z
      .array(
        z.looseObject({
          type: z.string().min(1).meta({ example: 'body' }),
          parameters: z.array(z.looseObject({ type: z.string().min(1) })).optional(),
        }),
      )
      .optional()
      .meta({ description: "Values for the template's variables, as the Cloud API takes them" }),
  })
  .meta({ description: 'An approved template; the only kind that may open a conversation' });

const mediaSchema = z
  .strictObject({
    type: z.enum(['image', 'video', 'audio', 'document', 'sticker']),
    link: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'Public address of the file' }),
    id: z.string().min(1).optional().meta({ description: 'Id of a file uploaded to WhatsApp' }),
    caption: z.string().max(1024).optional(),
    filename: z.string().min(1).max(240).optional(),
  })
  .refine((media) => (media.link === undefined) !== (media.id === undefined), {
    message: 'give either link or id',
  })
  .refine((media) => media.caption === undefined || !['audio', 'sticker'].includes(media.type), {
    path: ['caption'],
    message: 'audio and stickers have no caption',
  })
  .refine((media) => media.filename === undefined || media.type === 'document', {
    path: ['filename'],
    message: 'only documents have a filename',
  });

const interactiveSchema = z
  .looseObject({
    type: z.string().min(1).meta({ example: 'button' }),
    body: z.looseObject({ text: z.string().min(1).max(4096) }).optional(),
    action: z.looseObject({}),
  })
  .meta({ description: 'Buttons, lists and the like, as the Cloud API takes them' });

const CONTENTS = ['text', 'template', 'media', 'interactive'] as const;

export const sendInputSchema = z
  .strictObject({
    to: z
      .string()
      .min(1)
      .max(64)
      .meta({ description: 'Phone number with country code', example: '+971501234567' }),
    text: z.string().min(1).max(4096).optional(),
    template: templateSchema.optional(),
    media: mediaSchema.optional(),
    interactive: interactiveSchema.optional(),
  })
  .refine((input) => CONTENTS.filter((name) => input[name] !== undefined).length === 1, {
    message: `give exactly one of ${CONTENTS.join(', ')}`,
  });
export type SendInput = z.output<typeof sendInputSchema>;

export const sendOutputSchema = z.object({
  messageId: z.string().meta({ description: "WhatsApp's id, which status webhooks name again" }),
  to: z.string().meta({ description: 'The number in E.164', example: '+971501234567' }),
});
export type SendOutput = z.output<typeof sendOutputSchema>;

/**
 * Answer to a send.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
export const sendAnswerSchema = z.object({
  messages: z.tuple([z.object({ id: z.string().min(1) })]).rest(z.unknown()),
});

/**
 * Answer that refuses a request.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
 */
export const errorAnswerSchema = z.object({
  error: z.object({
    message: z.string().optional(),
    type: z.string().optional(),
    code: z.number().int(),
    is_transient: z.boolean().optional(),
    error_data: z.object({ details: z.string().optional() }).optional(),
    fbtrace_id: z.string().optional(),
  }),
});
export type ErrorAnswer = z.output<typeof errorAnswerSchema>;
