/**
 * Plays the sending methods of the Telegram Bot API.
 * https://core.telegram.org/bots/api#available-methods
 */
import { createHash, randomInt } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import type { TelegramCredential } from './schema.ts';

export interface TelegramEmulator extends Emulator<TelegramCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const BOT_TOKEN = `100000001:${createHash('sha256').update('masar telegram emulator').digest('hex').slice(0, 35)}`;
const ROUTE = /^\/bot([^/]+)\/(\w+)$/;
const MAX_MESSAGE_ID = 2_000_000_000;

const OPERATIONS = {
  sendMessage: 'send-message',
  sendPhoto: 'send-photo',
  sendDocument: 'send-document',
} as const;
const CONTENT = { sendMessage: 'text', sendPhoto: 'photo', sendDocument: 'document' } as const;

const methodSchema = z.enum(['sendMessage', 'sendPhoto', 'sendDocument']);
const messageSchema = z
  .looseObject({ chat_id: z.union([z.number().int(), z.string().min(1)]) })
  .catchall(z.json());

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startTelegramEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<TelegramEmulator> {
  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    const [, token, name] = ROUTE.exec(request.path) ?? [];
    if (token !== BOT_TOKEN) return unauthorized();
    const method = methodSchema.safeParse(name);
    if (!method.success) return refusal(404, 'Not Found');
    const parsed = messageSchema.safeParse(request.json());
    if (!parsed.success) return refusal(400, 'Bad Request: chat_id is empty');
    const message = parsed.data;
    const content = message[CONTENT[method.data]];
    if (typeof content !== 'string' || content === '') {
      return refusal(400, `Bad Request: ${CONTENT[method.data]} is empty`);
    }
    await store.add({
      connector: 'telegram',
      operation: OPERATIONS[method.data],
      ...request.trace,
      to: String(message.chat_id),
      message: { ...message },
    });
    const chatId = Number(message.chat_id);
    return {
      status: 200,
      body: {
        ok: true,
        result: {
          message_id: randomInt(1, MAX_MESSAGE_ID),
          date: Math.floor(Date.now() / 1000),
          chat: { id: Number.isSafeInteger(chatId) ? chatId : idOfName(String(message.chat_id)) },
        },
      },
    };
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply });
  return {
    connector: 'telegram',
    url: server.url,
    credential: { botToken: BOT_TOKEN, baseUrl: server.url },
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

/** An error answer in Telegram's form. */
export function refusal(
  code: number,
  description: string,
  parameters?: { readonly retry_after: number },
): EmulatedReply {
  return {
    status: code,
    body: {
      ok: false,
      error_code: code,
      description,
      ...(parameters === undefined ? {} : { parameters }),
    },
  };
}

function unauthorized(): EmulatedReply {
  return refusal(401, 'Unauthorized');
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return unauthorized();
    case 'rateLimited': {
      const seconds = fault.retryAfterSeconds;
      return refusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
    }
    case 'serverError':
      return refusal(fault.status ?? 500, 'Internal Server Error');
  }
}

/** Channels are known by names here and by negative numbers at Telegram. */
function idOfName(name: string): number {
  return -1_000_000_000_000 - createHash('sha256').update(name).digest().readUInt32BE(0);
}
