/**
 * What a refusal of the Bot API means. Its answers have an HTTP-like code and a sentence; the
 * sentences are not documented one by one, so what is not known here goes by the code.
 * https://core.telegram.org/bots/api#making-requests
 */
import { ConnectorError, type ConnectorErrorCode, parseRetryAfter } from '../errors.ts';
import type { JsonAnswer } from '../json-request.ts';
import { withoutWhatWasSent } from '../provider-words.ts';
import { refusalSchema, type SendInput } from './schema.ts';

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly message: string;
  readonly permanent: boolean;
  /** `none` where left out. */
  readonly effect?: 'possible';
  readonly pointer?: string;
  /** A stable name for what people branch on. */
  readonly name?: string;
  /** Add Telegram's own sentence. */
  readonly explain?: true;
}

const permanent = (
  code: ConnectorErrorCode,
  message: string,
  more: Pick<Meaning, 'pointer' | 'name' | 'explain'> = {},
): Meaning => ({ code, message, permanent: true, ...more });

/** By words of the sentence, the most telling first. */
const BY_WORDS: readonly (readonly [RegExp, Meaning])[] = [
  [
    /bot was blocked by the user/i,
    permanent(
      'recipient_blocked',
      'The user has blocked the bot, so nothing reaches them until they unblock it.',
      { pointer: '/chatId', name: 'bot_blocked' },
    ),
  ],
  [
    /user is deactivated/i,
    permanent('undeliverable', 'The user has deleted their Telegram account.', {
      pointer: '/chatId',
      name: 'user_deactivated',
    }),
  ],
  [
    /can't initiate conversation/i,
    permanent(
      'undeliverable',
      'The user has never started the bot, and a bot may not write first. Ask them to open it and press Start.',
      { pointer: '/chatId', name: 'not_started' },
    ),
  ],
  [
    /bot was kicked|bot is not a member/i,
    permanent('permission_denied', 'The bot is not in this group or channel. Add it there.', {
      pointer: '/chatId',
      name: 'not_a_member',
    }),
  ],
  [
    /can't send messages to bots/i,
    permanent('rejected', 'This chat is another bot, and bots can’t write to each other.', {
      pointer: '/chatId',
    }),
  ],
  [
    /chat not found|user not found|peer_id_invalid/i,
    permanent(
      'not_found',
      'Telegram does not know this chat, or the bot has never met it. Check chatId; a user must have started the bot.',
      { pointer: '/chatId', name: 'chat_not_found' },
    ),
  ],
  [
    /upgraded to a supergroup/i,
    permanent(
      'not_found',
      'The group has become a supergroup and has a new id. Use that one; the bot gets it with the group’s next message.',
      { pointer: '/chatId', name: 'chat_migrated' },
    ),
  ],
  [
    /not enough rights|have no rights|need administrator rights|CHAT_WRITE_FORBIDDEN/i,
    permanent('permission_denied', 'The bot may not post in this chat. Give it that right there.', {
      pointer: '/chatId',
    }),
  ],
  [
    /can't parse entities/i,
    permanent(
      'rejected',
      'Telegram can’t read the formatting of the text. In MarkdownV2 and HTML special characters must be escaped; without parseMode nothing is formatted.',
      { pointer: '/parseMode', explain: true },
    ),
  ],
  [
    /message is too long|caption is too long|ENTITIES_TOO_LONG/i,
    permanent('too_large', 'The text is too long for a Telegram message. Shorten it.', {
      pointer: '/text',
    }),
  ],
  [
    /wrong file identifier|wrong remote file|failed to get HTTP URL content|wrong type of the web page content|WEBPAGE_|IMAGE_PROCESS_FAILED|PHOTO_INVALID/i,
    permanent(
      'rejected',
      'Telegram could not take the file over: check that its address opens without a login, and its type and size.',
      { explain: true },
    ),
  ],
  [
    /BUTTON_|reply markup/i,
    permanent('rejected', 'Telegram does not accept a button.', {
      pointer: '/buttons',
      explain: true,
    }),
  ],
  [
    /replied not found|reply message not found/i,
    permanent('not_found', 'The message to reply to is not in this chat.', {
      pointer: '/replyToMessageId',
    }),
  ],
  [
    /message thread not found/i,
    permanent('not_found', 'The topic is not in this group.', { pointer: '/topicId' }),
  ],
];

const TOKEN = 'Check it, or make a new one with @BotFather.';

function byStatus(status: number): Meaning {
  switch (status) {
    case 401:
      return permanent('credential_rejected', `Telegram refused the bot’s token. ${TOKEN}`);
    case 403:
      return permanent('permission_denied', 'Telegram forbids the bot to write here.', {
        pointer: '/chatId',
        explain: true,
      });
    // The token is part of the address: a wrong one is no address.
    case 404:
      return permanent('credential_rejected', `Telegram knows no bot with this token. ${TOKEN}`);
    case 413:
      return permanent('too_large', 'The message is too large for Telegram.');
    case 429:
      return {
        code: 'rate_limited',
        permanent: false,
        message: 'Too many messages went out from this bot, or to this chat.',
      };
    default:
      if (status >= 500) {
        return {
          code: 'unavailable',
          permanent: false,
          effect: 'possible',
          message: 'Telegram failed and does not say whether the message went out.',
        };
      }
      if (status < 400) {
        return permanent(
          'invalid_response',
          'The base address of the credential redirects instead of answering; correct it.',
        );
      }
      return permanent('rejected', 'Telegram refused the message.', { explain: true });
  }
}

/** Translates an answer other than `ok: true` with a status from 300 on. */
export function refusedSend(answer: JsonAnswer, input: SendInput): ConnectorError {
  const parsed = refusalSchema.safeParse(answer.body);
  const told = parsed.success ? parsed.data : undefined;
  const status = told?.error_code ?? answer.status;
  const description = told?.description ?? '';
  const known =
    status >= 400 && status <= 499 && status !== 401 && status !== 429
      ? BY_WORDS.find(([words]) => words.test(description))?.[1]
      : undefined;
  const meaning = known ?? byStatus(status);
  const explanation =
    meaning.explain === true && description !== ''
      ? ` Telegram says: ${withoutWhatWasSent(description, input, ['parseMode'])}`
      : '';
  const seconds = told?.parameters?.retry_after;
  const retryAfterMs =
    seconds === undefined
      ? parseRetryAfter(answer.headers['retry-after'], Date.now())
      : seconds * 1000;
  return new ConnectorError(meaning.code, `${meaning.message}${explanation} (${status})`, {
    effect: meaning.effect ?? 'none',
    permanent: meaning.permanent,
    status,
    ...(meaning.name === undefined ? {} : { providerCode: meaning.name }),
    ...(meaning.pointer === undefined ? {} : { pointer: meaning.pointer }),
    ...(meaning.permanent || retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
