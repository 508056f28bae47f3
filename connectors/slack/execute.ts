import type { Operation, OperationContext } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { refusedRequest } from './errors.ts';
import { findMessage, isChannelId, messageMark } from './history.ts';
import {
  DEFAULT_BASE_URL,
  postAnswerSchema,
  type SendInput,
  type SendOutput,
  type SlackCredential,
} from './schema.ts';

export interface SlackDeps {
  /** Guards the addresses that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface SlackOperations {
  readonly send: Operation<SendInput, SendOutput, SlackCredential>;
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
}

type Context = OperationContext<SlackCredential>;

export function createSlackOperations({ outbound }: SlackDeps): SlackOperations {
  const emulators = createEmulatorOutbound();
  const clientFor = ({ mode }: Context): SlackDeps['outbound'] =>
    mode === 'sandbox' ? emulators : outbound;

  return {
    send: {
      // client_msg_id is no documented argument, so nothing promises that Slack recognises it.
      classify: (input, credential) =>
        searchableChannel(input, credential) === undefined ? 'blind' : 'queryable',
      lookup: async (input, context) => {
        const channel = searchableChannel(input, context.credential);
        if (channel === undefined) throw new Error('Only queryable messages can be looked up.');
        return findMessage(clientFor(context), input, channel, context);
      },
      execute: (input, context) => {
        const { botToken, webhookUrl } = context.credential;
        if (input.channel === undefined && webhookUrl !== undefined) {
          return sendByWebhook(clientFor(context), webhookUrl, input, context);
        }
        return sendByBot(clientFor(context), botToken, input, context);
      },
    },
    close: emulators.close,
  };
}

/** @returns the channel, if the bot may look there for what it has written */
function searchableChannel(
  { channel }: SendInput,
  { botToken, readHistory }: SlackCredential,
): string | undefined {
  if (botToken === undefined || readHistory !== true) return undefined;
  return channel !== undefined && isChannelId(channel) ? channel : undefined;
}

/**
 * POST /api/chat.postMessage
 * https://docs.slack.dev/reference/methods/chat.postMessage
 */
async function sendByBot(
  outbound: SlackDeps['outbound'],
  botToken: string | undefined,
  input: SendInput,
  context: Context,
): Promise<SendOutput> {
  if (botToken === undefined) {
    throw invalidConfig(
      'A webhook writes to the one channel it was made for. Leave out channel, or store a botToken in the credential.',
    );
  }
  if (input.channel === undefined) {
    throw invalidConfig('Say in channel where to write, or store a webhookUrl in the credential.');
  }
  const { baseUrl = DEFAULT_BASE_URL } = context.credential;
  const isMarked = searchableChannel(input, context.credential) !== undefined;
  const answer = await requestJson(
    outbound,
    {
      url: `${baseUrl.replace(/\/+$/, '')}/api/chat.postMessage`,
      headers: { authorization: `Bearer ${botToken}` },
      body: {
        channel: input.channel,
        ...content(input),
        username: input.username,
        icon_emoji: input.iconEmoji,
        ...(isMarked ? { metadata: messageMark(context.key) } : {}),
      },
    },
    context,
  );
  const parsed = postAnswerSchema.safeParse(answer.body);
  if (answer.status !== 200 || !parsed.success) throw refusedRequest(answer, 'possible');
  return { via: 'bot', channel: parsed.data.channel, ts: parsed.data.ts };
}

/**
 * POST to the webhook's address, which is its secret
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
async function sendByWebhook(
  outbound: SlackDeps['outbound'],
  webhookUrl: string,
  input: SendInput,
  context: Context,
): Promise<SendOutput> {
  if (input.username !== undefined || input.iconEmoji !== undefined) {
    throw invalidConfig(
      'A webhook has the name and icon of its app. Leave out username and iconEmoji, or write by botToken and channel.',
      input.username === undefined ? '/iconEmoji' : '/username',
    );
  }
  const answer = await requestJson(outbound, { url: webhookUrl, body: content(input) }, context);
  if (answer.status !== 200 || answer.text.trim() !== 'ok') {
    throw refusedRequest(answer, 'possible');
  }
  return { via: 'webhook' };
}

function content(input: SendInput): Readonly<Record<string, unknown>> {
  return {
    text: input.text,
    blocks: input.blocks,
    thread_ts: input.threadTs,
    reply_broadcast: input.replyBroadcast,
    unfurl_links: input.unfurlLinks,
    unfurl_media: input.unfurlMedia,
  };
}

function invalidConfig(message: string, pointer = '/channel'): ConnectorError {
  return new ConnectorError('invalid_config', message, {
    effect: 'none',
    permanent: true,
    pointer,
  });
}
