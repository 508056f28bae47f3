/**
 * Judges a request to /messages as the Cloud API does: by the same limits, and with Meta's codes for
 * what is missing, misspelt or too long.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
 */
import { z } from 'zod';
import type { JsonObject } from '../contract.ts';
import {
  interactiveSchema,
  locationSchema,
  MAX_TEXT,
  MEDIA_TYPES,
  type MediaType,
  mediaSchema,
  templateComponentsSchema,
  templateLanguageSchema,
  templateNameSchema,
} from './content-schema.ts';

/** What Meta says no to. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly details: string;
}

export type JudgedMessage =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'message';
      /** As it was written, with or without `+`. */
      readonly to: string;
      readonly callbackData: string | undefined;
      readonly message: JsonObject;
    }
  | { readonly kind: 'read'; readonly messageId: string; readonly message: JsonObject };

const MISSING = 131008;
const INVALID = 131009;
const UNSUPPORTED_TYPE = 131051;
const TEMPLATE_VALUE = 132018;
const PARAMETER = 100;
const TITLES: Readonly<Record<number, string>> = {
  [MISSING]: 'Required parameter is missing',
  [INVALID]: 'Parameter value is not valid',
  [UNSUPPORTED_TYPE]: 'Unsupported message type',
  [TEMPLATE_VALUE]: 'There was an issue with the parameters in your template',
  [PARAMETER]: 'Invalid parameter',
};

const anyJson = z.record(z.string(), z.json());
const contentSchemas = {
  text: z.strictObject({
    body: z.string().min(1).max(MAX_TEXT),
    preview_url: z.boolean().optional(),
  }),
  template: z.strictObject({
    name: templateNameSchema,
    language: z.strictObject({
      code: templateLanguageSchema,
      policy: z.literal('deterministic').optional(),
    }),
    components: templateComponentsSchema,
  }),
  interactive: interactiveSchema,
  location: locationSchema,
} as const;

const envelopeSchema = z.looseObject({
  messaging_product: z.literal('whatsapp'),
  recipient_type: z.literal('individual').optional(),
  to: z.string().regex(/^\+?[1-9]\d{7,14}$/, 'must be a phone number with its country code'),
  type: z.string().default('text'),
  biz_opaque_callback_data: z.string().max(512).optional(),
  context: z.looseObject({ message_id: z.string().startsWith('wamid.').max(128) }).optional(),
});
const readSchema = z.strictObject({
  messaging_product: z.literal('whatsapp'),
  status: z.literal('read'),
  message_id: z.string().startsWith('wamid.').max(128),
  typing_indicator: z.strictObject({ type: z.literal('text') }).optional(),
});

/** @param body the parsed JSON of the request; undefined if it was none */
export function judgeMessage(body: unknown): JudgedMessage {
  const object = anyJson.safeParse(body);
  if (!object.success) return refuse(PARAMETER, 'The body is not a JSON object');
  const message = object.data;
  if (message.status !== undefined) {
    const read = readSchema.safeParse(message);
    return read.success
      ? { kind: 'read', messageId: read.data.message_id, message }
      : refuseFor(read.error, message, []);
  }
  const envelope = envelopeSchema.safeParse(message);
  if (!envelope.success) return refuseFor(envelope.error, message, []);
  const { to, type, biz_opaque_callback_data: callbackData } = envelope.data;
  const content = message[type];
  const schema = schemaOf(type);
  if (schema === undefined) {
    return refuse(UNSUPPORTED_TYPE, `Message type "${type}" is not supported`);
  }
  if (content === undefined) return refuse(MISSING, `Parameter '${type}' is required`);
  const judged = schema.safeParse(isMedia(type) ? { type, ...Object(content) } : content);
  if (!judged.success) return refuseFor(judged.error, content, [type]);
  return { kind: 'message', to, callbackData, message };
}

function schemaOf(type: string): z.ZodType | undefined {
  if (isMedia(type)) return mediaSchema;
  switch (type) {
    case 'text':
    case 'template':
    case 'interactive':
    case 'location':
      return contentSchemas[type];
    default:
      return undefined;
  }
}

function isMedia(type: string): type is MediaType {
  return MEDIA_TYPES.some((known) => known === type);
}

function refuseFor(error: z.ZodError, content: unknown, under: readonly string[]): JudgedMessage {
  const [issue] = error.issues;
  if (issue === undefined) return refuse(PARAMETER, 'The message is not valid');
  const at = [...under, ...issue.path.map(String)].join('.');
  return refuse(codeOf(issue, content, at), `${at}: ${issue.message}`);
}

function codeOf(issue: z.core.$ZodIssue, content: unknown, at: string): number {
  if (issue.code === 'unrecognized_keys') return PARAMETER;
  if (valueAt(content, issue.path) === undefined) return MISSING;
  return at.startsWith('template.components') ? TEMPLATE_VALUE : INVALID;
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      value === undefined || value === null ? value : Reflect.get(Object(value), key),
    content,
  );
}

function refuse(code: number, details: string): JudgedMessage {
  return {
    kind: 'refused',
    refusal: { code, message: `(#${code}) ${TITLES[code] ?? ''}`, details },
  };
}
