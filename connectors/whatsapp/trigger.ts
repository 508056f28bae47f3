/**
 * Messages that come in through the WhatsApp Business Cloud API.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
 * https://developers.facebook.com/docs/graph-api/webhooks/getting-started
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { InboundMessage, InboundSource } from '../inbound.ts';

const settingsSchema = z.strictObject({
  appSecret: z.string().min(8).max(200).meta({ description: 'Secret of the app at Meta' }),
  verifyToken: z
    .string()
    .min(8)
    .max(200)
    .meta({ description: 'Any text, entered at Meta together with the address' }),
});

const titled = z.looseObject({ title: z.string().optional() });

const messageSchema = z.looseObject({
  id: z.string().min(1).max(150),
  from: z.string().regex(/^\d{5,20}$/),
  text: z.looseObject({ body: z.string() }).optional(),
  button: z.looseObject({ text: z.string().optional() }).optional(),
  interactive: z
    .looseObject({ button_reply: titled.optional(), list_reply: titled.optional() })
    .optional(),
  image: z.looseObject({ caption: z.string().optional() }).optional(),
  video: z.looseObject({ caption: z.string().optional() }).optional(),
  document: z.looseObject({ caption: z.string().optional() }).optional(),
});

const contactSchema = z.looseObject({
  wa_id: z.string().optional(),
  profile: z.looseObject({ name: z.string().optional() }).optional(),
});

const deliverySchema = z.looseObject({
  entry: z.array(
    z.looseObject({
      changes: z
        .array(
          z.looseObject({
            value: z.looseObject({
              contacts: z.array(contactSchema).optional(),
              messages: z.array(z.unknown()).optional(),
            }),
          }),
        )
        .optional(),
    }),
  ),
});

export const whatsappInbound: InboundSource<z.output<typeof settingsSchema>> = {
  type: 'whatsapp',
  title: 'WhatsApp Business',
  settings: settingsSchema,

  challenge(query, { verifyToken }) {
    const given = query['hub.verify_token'];
    const challenge = query['hub.challenge'];
    if (query['hub.mode'] !== 'subscribe' || typeof given !== 'string') return undefined;
    if (!timingSafeEqual(sha256(given), sha256(verifyToken))) return undefined;
    // A number, by the documentation; anything else would be an answer of the asker's making.
    return typeof challenge === 'string' && /^[\w-]{1,100}$/.test(challenge)
      ? challenge
      : undefined;
  },

  isAuthentic({ headers, body }, { appSecret }) {
    const header = headers['x-hub-signature-256'];
    if (typeof header !== 'string' || !header.startsWith('sha256=')) return false;
    const given = Buffer.from(header.slice('sha256='.length), 'hex');
    const expected = createHmac('sha256', appSecret).update(body).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  },

  read(body) {
    const delivery = deliverySchema.safeParse(body);
    if (!delivery.success) return [];
    return delivery.data.entry.flatMap(({ changes = [] }) =>
      changes.flatMap(({ value: { messages = [], contacts = [] } }) =>
        messages.flatMap((message) => readMessage(message, contacts)),
      ),
    );
  },
};

/** A message of a form that isn't known is passed over: others of the delivery must still arrive. */
function readMessage(
  raw: unknown,
  contacts: readonly z.output<typeof contactSchema>[],
): InboundMessage[] {
  const parsed = messageSchema.safeParse(raw);
  if (!parsed.success) return [];
  const message = parsed.data;
  const { interactive } = message;
  return [
    {
      messageId: message.id,
      from: `+${message.from}`,
      name: contacts.find(({ wa_id }) => wa_id === message.from)?.profile?.name ?? null,
      text:
        message.text?.body ??
        message.button?.text ??
        interactive?.button_reply?.title ??
        interactive?.list_reply?.title ??
        message.image?.caption ??
        message.video?.caption ??
        message.document?.caption ??
        null,
      message: raw,
    },
  ];
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
