import type { Operation, OperationContext } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { refusedSend } from './errors.ts';
import {
  answerSchema,
  DEFAULT_BASE_URL,
  type SendDocumentInput,
  type SendInput,
  type SendMessageInput,
  type SendOutput,
  type SendPhotoInput,
  type TelegramCredential,
} from './schema.ts';

export interface TelegramDeps {
  /** Guards the base address that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface TelegramOperations {
  readonly sendMessage: Operation<SendMessageInput, SendOutput, TelegramCredential>;
  readonly sendPhoto: Operation<SendPhotoInput, SendOutput, TelegramCredential>;
  readonly sendDocument: Operation<SendDocumentInput, SendOutput, TelegramCredential>;
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
}

type Payload = Readonly<Record<string, unknown>>;

export function createTelegramOperations({ outbound }: TelegramDeps): TelegramOperations {
  const emulators = createEmulatorOutbound();

  const sending = <Input extends SendInput>(
    method: 'sendMessage' | 'sendPhoto' | 'sendDocument',
    content: (input: Input) => Payload,
  ): Operation<Input, SendOutput, TelegramCredential> => ({
    execute: (input, context) =>
      send(
        context.mode === 'sandbox' ? emulators : outbound,
        method,
        content(input),
        input,
        context,
      ),
  });

  return {
    sendMessage: sending('sendMessage', ({ text, linkPreview }) => ({
      text,
      ...(linkPreview === false ? { link_preview_options: { is_disabled: true } } : {}),
    })),
    sendPhoto: sending('sendPhoto', ({ photo, caption }) => ({ photo, caption })),
    sendDocument: sending('sendDocument', ({ document, caption }) => ({ document, caption })),
    close: emulators.close,
  };
}

/**
 * POST /bot{token}/{method}
 * https://core.telegram.org/bots/api#making-requests
 */
async function send(
  outbound: TelegramDeps['outbound'],
  method: string,
  content: Payload,
  input: SendInput,
  context: OperationContext<TelegramCredential>,
): Promise<SendOutput> {
  const { botToken, baseUrl = DEFAULT_BASE_URL } = context.credential;
  const answer = await requestJson(
    outbound,
    {
      // The token is part of the address, as the Bot API wants it: no error names more than the host.
      url: `${baseUrl.replace(/\/+$/, '')}/bot${botToken}/${method}`,
      body: { chat_id: input.chatId, ...content, ...options(input) },
    },
    context,
  );
  if (answer.status < 200 || answer.status > 299) throw refusedSend(answer, input);
  const parsed = answerSchema.safeParse(answer.body);
  if (!parsed.success) {
    throw new ConnectorError(
      'invalid_response',
      `Telegram answered with ${answer.status} but without a message, so whether it sent one is unknown. Check the base address of the credential, and the chat before sending again.`,
      { effect: 'possible', permanent: false, status: answer.status },
    );
  }
  const { message_id: messageId, chat, date } = parsed.data.result;
  return { messageId, chatId: chat.id, sentAt: new Date(date * 1000).toISOString() };
}

function options(input: SendInput): Payload {
  const { parseMode, buttons, silent, protectContent, replyToMessageId, topicId } = input;
  return {
    parse_mode: parseMode,
    disable_notification: silent,
    protect_content: protectContent,
    message_thread_id: topicId,
    ...(replyToMessageId === undefined
      ? {}
      : { reply_parameters: { message_id: replyToMessageId } }),
    ...(buttons === undefined
      ? {}
      : {
          reply_markup: {
            inline_keyboard: buttons.map((row) =>
              row.map(({ text, url, callbackData }) => ({
                text,
                url,
                callback_data: callbackData,
              })),
            ),
          },
        }),
  };
}
