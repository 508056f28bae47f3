/**
 * Plays chat.postMessage, the reading of history, and an incoming webhook.
 * https://docs.slack.dev/reference/methods/chat.postMessage
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
import { createHash, randomInt } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps, Json } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import type { SlackCredential } from './schema.ts';

export interface SlackEmulator extends Emulator<SlackCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const SECRET = createHash('sha256').update('masar slack emulator').digest('hex').slice(0, 24);
const BOT_TOKEN = `xoxb-100000000001-${SECRET}`;
const WEBHOOK_PATH = `/services/T00000001/B00000001/${SECRET}`;
const WEBHOOK_CHANNEL = '#webhook';
const MAX_HISTORY = 1_000;

const messageSchema = z.record(z.string(), z.json());
type Message = z.output<typeof messageSchema>;
const storedSchema = z.looseObject({
  ts: z.string(),
  channel: z.string(),
  thread_ts: z.string().optional(),
});
const limitSchema = z.coerce.number().int().min(1).max(999).catch(100);

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startSlackEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<SlackEmulator> {
  async function keep(request: EmulatedRequest, channel: string, body: Message): Promise<string> {
    const microseconds = String(randomInt(0, 1_000_000)).padStart(6, '0');
    const ts = `${Math.floor(Date.now() / 1000)}.${microseconds}`;
    await store.add({
      connector: 'slack',
      operation: 'send',
      ...request.trace,
      to: channel,
      message: { ...body, channel, ts },
    });
    return ts;
  }

  async function postMessage(request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = messageSchema.safeParse(request.json());
    const { data } = parsed;
    if (data === undefined) return refusal('invalid_arguments');
    if (!hasContent(data)) return refusal('no_text');
    const { channel } = data;
    if (typeof channel !== 'string' || channel === '') return refusal('channel_not_found');
    const ts = await keep(request, channel, data);
    return { status: 200, body: { ok: true, channel, ts, message: { text: data.text ?? '', ts } } };
  }

  /** Newest first, as Slack lists them. */
  async function history(request: EmulatedRequest): Promise<EmulatedReply> {
    const { query } = request;
    const limit = limitSchema.parse(query.get('limit'));
    const from = Number(query.get('cursor') ?? '0');
    const oldest = Number(query.get('oldest') ?? '0');
    const thread = request.path.endsWith('.replies') ? (query.get('ts') ?? '') : undefined;
    const stored = await store.list({
      connector: 'slack',
      to: query.get('channel') ?? '',
      limit: MAX_HISTORY,
    });
    const messages = stored.flatMap(({ message }): Json[] => {
      const { ts, thread_ts: threadTs } = storedSchema.parse(message);
      return threadTs === thread && Number(ts) > oldest ? [message] : [];
    });
    const rest = messages.length > from + limit;
    return {
      status: 200,
      body: {
        ok: true,
        messages: messages.slice(from, from + limit),
        has_more: rest,
        response_metadata: { next_cursor: rest ? String(from + limit) : '' },
      },
    };
  }

  async function webhook(request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = messageSchema.safeParse(request.json());
    if (!parsed.success) return { status: 400, body: 'invalid_payload' };
    if (!hasContent(parsed.data)) return { status: 400, body: 'no_text' };
    await keep(request, WEBHOOK_CHANNEL, parsed.data);
    return { status: 200, body: 'ok' };
  }

  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (request.path === WEBHOOK_PATH) return webhook(request);
    if (request.path.startsWith('/services/')) return { status: 404, body: 'no_service' };
    if (request.bearer() !== BOT_TOKEN) return refusal('invalid_auth');
    switch (request.path) {
      case '/api/chat.postMessage':
        return postMessage(request);
      case '/api/conversations.history':
      case '/api/conversations.replies':
        return history(request);
      default:
        return refusal('unknown_method');
    }
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply });
  return {
    connector: 'slack',
    url: server.url,
    credential: {
      botToken: BOT_TOKEN,
      webhookUrl: `${server.url}${WEBHOOK_PATH}`,
      readHistory: true,
      baseUrl: server.url,
    },
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

function hasContent({ text, blocks }: Message): boolean {
  return (typeof text === 'string' && text !== '') || (Array.isArray(blocks) && blocks.length > 0);
}

/** A refusal of the Web API: status 200 and `ok: false`. */
export function refusal(error: string, status = 200): EmulatedReply {
  return { status, body: { ok: false, error } };
}

function faultReply(fault: AnsweredFault, request: EmulatedRequest): EmulatedReply {
  const isWebhook = request.path.startsWith('/services/');
  switch (fault.kind) {
    case 'unauthorized':
      return isWebhook ? { status: 403, body: 'invalid_token' } : refusal('invalid_auth');
    case 'rateLimited':
      return {
        ...refusal('ratelimited', 429),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      };
    case 'serverError':
      return isWebhook
        ? { status: fault.status ?? 500, body: 'rollup_error' }
        : refusal('internal_error', fault.status ?? 500);
  }
}
