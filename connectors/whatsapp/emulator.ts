/**
 * Plays the /messages endpoint of the WhatsApp Business Cloud API.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Emulator, EmulatorDeps, Json } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import { judgeMessage } from './emulator-messages.ts';
import { DEFAULT_API_VERSION, type WhatsappCredential } from './schema.ts';

export interface WhatsappEmulator extends Emulator<WhatsappCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

const PHONE_NUMBER_ID = '100000000000001';
/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const ACCESS_TOKEN = `EAAsandbox${createHash('sha256').update('masar whatsapp emulator').digest('hex').slice(0, 40)}`;
const ROUTE = /^\/(v\d+\.\d+)\/(\d+)(\/messages)?$/;
const PHONE_NUMBER = {
  id: PHONE_NUMBER_ID,
  verified_name: 'Masar sandbox',
  display_phone_number: '+1 555-010-0000',
  quality_rating: 'GREEN',
};
/** The sending number; who writes to it writes to themselves. */
const OWN_NUMBER = '15550100000';
/**
 * Numbers that nobody has, for trying out what happens on a refusal: +15550 and Meta's code, for
 * example +15550131047 for a conversation that is no longer open.
 */
const REFUSING_NUMBER = /^15550(\d{6})$/;
const REFUSALS: Readonly<Record<string, string>> = {
  '130429': 'Rate limit hit',
  '131021': 'Recipient cannot be sender',
  '131026': 'Message undeliverable',
  '131030': 'Recipient phone number not in allowed list',
  '131047': 'Re-engagement message',
  '131049': 'This message was not delivered to maintain healthy ecosystem engagement',
  '131050': 'User has opted out of marketing messages',
  '131056': '(Business Account, Consumer Account) pair rate limit hit',
  '132001': 'Template name does not exist in the translation',
};

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startWhatsappEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<WhatsappEmulator> {
  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (request.bearer() !== ACCESS_TOKEN) return unauthorized();
    const route = ROUTE.exec(request.path);
    const version = { 'facebook-api-version': route?.[1] ?? DEFAULT_API_VERSION };
    if (route?.[2] === PHONE_NUMBER_ID && route[3] === undefined && request.method === 'GET') {
      return { status: 200, headers: version, body: PHONE_NUMBER };
    }
    if (route?.[2] !== PHONE_NUMBER_ID || route[3] === undefined || request.method !== 'POST') {
      return refusal(
        400,
        100,
        `Unsupported ${request.method.toLowerCase()} request. Object does not exist, cannot be loaded due to missing permissions, or does not support this operation`,
        'GraphMethodException',
      );
    }
    const reply = await acceptMessage(request);
    return { ...reply, headers: version };
  }

  async function acceptMessage(request: EmulatedRequest): Promise<EmulatedReply> {
    const judged = judgeMessage(request.json());
    switch (judged.kind) {
      case 'refused': {
        const { code, message, details } = judged.refusal;
        return refusal(400, code, message, 'OAuthException', details);
      }
      case 'read':
        await store.add(
          {
            connector: 'whatsapp',
            operation: 'mark-read',
            ...request.trace,
            lookupKey: `read:${judged.messageId}`,
            message: judged.message,
          },
          { unique: true },
        );
        return { status: 200, body: { success: true } };
      case 'message': {
        const { to, callbackData, message } = judged;
        const recipient = to.replace('+', '');
        const refused = refusedRecipient(recipient);
        if (refused !== undefined) return refused;
        await store.add({
          connector: 'whatsapp',
          operation: 'send',
          ...request.trace,
          to,
          ...(callbackData === undefined ? {} : { lookupKey: callbackData }),
          message,
        });
        const id = `wamid.${Buffer.from(`${recipient}/${randomUUID()}`).toString('base64')}`;
        return {
          status: 200,
          body: {
            messaging_product: 'whatsapp',
            contacts: [{ input: to, wa_id: recipient }],
            messages: [{ id }],
          },
        };
      }
    }
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

function refusedRecipient(recipient: string): EmulatedReply | undefined {
  const code = recipient === OWN_NUMBER ? '131021' : REFUSING_NUMBER.exec(recipient)?.[1];
  const title = code === undefined ? undefined : REFUSALS[code];
  return title === undefined
    ? undefined
    : refusal(400, Number(code), `(#${code}) ${title}`, 'OAuthException', title);
}
