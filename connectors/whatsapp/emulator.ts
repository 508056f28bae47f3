/**
 * Plays the send endpoint of the WhatsApp Business Cloud API.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps, Json } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import { DEFAULT_API_VERSION, type WhatsappCredential } from './schema.ts';

export interface WhatsappEmulator extends Emulator<WhatsappCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

const PHONE_NUMBER_ID = '100000000000001';
/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const ACCESS_TOKEN = `EAAsandbox${createHash('sha256').update('masar whatsapp emulator').digest('hex').slice(0, 40)}`;
const ROUTE = /^\/(v\d+\.\d+)\/(\d+)\/messages$/;
const TYPES = ['text', 'template', 'interactive', 'image', 'video', 'audio', 'document', 'sticker'];

const json = z.json();
const messageSchema = z
  .looseObject({
    messaging_product: z.literal('whatsapp'),
    to: z.string().regex(/^\+?[1-9]\d{7,14}$/),
    type: z.enum(['text', ...TYPES]).default('text'),
    biz_opaque_callback_data: z.string().max(512).optional(),
  })
  .catchall(json)
  .refine((message) => typeof message[message.type] === 'object', { error: 'content is missing' });

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startWhatsappEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<WhatsappEmulator> {
  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (request.bearer() !== ACCESS_TOKEN) return unauthorized();
    const route = ROUTE.exec(request.path);
    if (request.method !== 'POST' || route?.[2] !== PHONE_NUMBER_ID) {
      return refusal(
        400,
        100,
        'Unsupported post request. Object does not exist, cannot be loaded due to missing permissions, or does not support this operation',
        'GraphMethodException',
      );
    }
    const message = messageSchema.safeParse(request.json());
    if (!message.success) {
      const at = message.error.issues[0]?.path.join('.') ?? '';
      return refusal(400, 100, `(#100) Invalid parameter`, 'OAuthException', `Check: ${at}`);
    }
    const { data } = message;
    const recipient = data.to.replace('+', '');
    const text = data.text;
    if (data.type === 'text' && !hasBody(text)) {
      return refusal(400, 100, "(#100) The parameter text['body'] is required.", 'OAuthException');
    }
    const id = `wamid.${Buffer.from(`${recipient}/${randomUUID()}`).toString('base64')}`;
    await store.add({
      connector: 'whatsapp',
      operation: 'send',
      ...request.trace,
      to: data.to,
      ...(data.biz_opaque_callback_data === undefined
        ? {}
        : { lookupKey: data.biz_opaque_callback_data }),
      message: { ...data },
    });
    return {
      status: 200,
      headers: { 'facebook-api-version': route[1] ?? DEFAULT_API_VERSION },
      body: {
        messaging_product: 'whatsapp',
        contacts: [{ input: data.to, wa_id: recipient }],
        messages: [{ id }],
      },
    };
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply });
  return {
    connector: 'whatsapp',
    url: server.url,
    credential: {
      accessToken: ACCESS_TOKEN,
      phoneNumberId: PHONE_NUMBER_ID,
      apiVersion: DEFAULT_API_VERSION,
      baseUrl: server.url,
    },
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

/** An error answer in Meta's form. */
export function refusal(
  status: number,
  code: number,
  message: string,
  type = 'OAuthException',
  details?: string,
): EmulatedReply {
  const body: Json = {
    error: {
      message,
      type,
      code,
      ...(details === undefined ? {} : { error_data: { messaging_product: 'whatsapp', details } }),
      fbtrace_id: randomUUID().replaceAll('-', '').slice(0, 23),
    },
  };
  return { status, body };
}

function unauthorized(): EmulatedReply {
  return refusal(401, 190, 'Invalid OAuth access token - Cannot parse access token');
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return unauthorized();
    case 'rateLimited':
      return {
        ...refusal(429, 130429, '(#130429) Rate limit hit'),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      };
    case 'serverError':
      return refusal(fault.status ?? 500, 131000, '(#131000) Something went wrong');
  }
}

function hasBody(text: Json | undefined): boolean {
  return (
    typeof text === 'object' &&
    text !== null &&
    'body' in text &&
    typeof text.body === 'string' &&
    text.body !== ''
  );
}
