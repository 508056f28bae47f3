import { z } from 'zod';
import {
  interactiveSchema,
  locationSchema,
  MAX_TEXT,
  mediaSchema,
  templateComponentsSchema,
  templateLanguageSchema,
  templateNameSchema,
} from './content-schema.ts';

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
    name: templateNameSchema,
    language: templateLanguageSchema,
    components: templateComponentsSchema,
  })
  .meta({ description: 'An approved template; the only kind that may open a conversation' });

export const CONTENTS = ['text', 'template', 'media', 'interactive', 'location'] as const;

/** Id of a message at WhatsApp, at most 128 characters. */
const messageId = z
  .string()
  .max(128)
  .regex(/^wamid\.[\w+/=-]+$/, 'must be the id of a WhatsApp message, which begins with "wamid."')
  .meta({ example: 'wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJDQjZCMzlEQUE4OTJBMTE4RTUA' });

export const sendInputSchema = z
  .strictObject({
    to: z
      .union([z.string().min(1).max(64), z.int().positive().transform(String)], {
        error: 'must be a phone number with its country code, such as +971501234567',
      })
      .meta({ description: 'Phone number with country code', example: '+971501234567' }),
    text: z.string().min(1).max(MAX_TEXT).optional(),
    previewUrl: z
      .boolean()
      .optional()
      .meta({ description: 'Shows a preview of the first link in the text' }),
    template: templateSchema.optional(),
    media: mediaSchema.optional(),
    interactive: interactiveSchema.optional(),
    location: locationSchema.optional(),
    replyToMessageId: messageId
      .optional()
      .meta({ description: 'Id of the message that this one answers; it is shown quoted' }),
  })
  .superRefine((input, context) => {
    const [first, ...others] = CONTENTS.filter((name) => input[name] !== undefined);
    const message = `a message has exactly one of ${CONTENTS.join(', ')}`;
    if (first === undefined) {
      context.addIssue({ code: 'custom', path: ['text'], message: `is missing: ${message}` });
    }
    for (const other of others) {
      context.addIssue({
        code: 'custom',
        path: [other],
        message: `stands beside ${first}, but ${message}`,
      });
    }
  })
  .refine((input) => input.previewUrl === undefined || input.text !== undefined, {
    path: ['previewUrl'],
    message: 'goes only with text',
  });
export type SendInput = z.output<typeof sendInputSchema>;

export const markReadInputSchema = z.strictObject({
  messageId: messageId.meta({
    description:
      'Id of the message that came in; earlier ones of the conversation count as read too',
  }),
  typingIndicator: z
    .boolean()
    .optional()
    .meta({ description: 'Shows for up to 25 seconds that an answer is being written' }),
});
export type MarkReadInput = z.output<typeof markReadInputSchema>;

export const markReadOutputSchema = z.object({
  messageId: z.string(),
  read: z.literal(true),
});
export type MarkReadOutput = z.output<typeof markReadOutputSchema>;

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
 * Answer to marking as read.
 * https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/mark-message-as-read
 */
export const markReadAnswerSchema = z.object({ success: z.literal(true) });

/**
 * The sending number, as far as a check of the credential asks.
 * https://developers.facebook.com/docs/whatsapp/business-management-api/manage-phone-numbers
 */
export const phoneNumberAnswerSchema = z.object({
  id: z.string(),
  verified_name: z.string().optional(),
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
