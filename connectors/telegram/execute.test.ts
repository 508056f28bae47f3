import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { refusal, startTelegramEmulator, type TelegramEmulator } from './emulator.ts';
import { createTelegramOperations, type TelegramOperations } from './execute.ts';
import { telegramManifest } from './manifest.ts';
import {
  type SendDocumentInput,
  type SendMessageInput,
  type SendPhotoInput,
  sendMessageInputSchema,
  type TelegramCredential,
} from './schema.ts';

const CHAT = 987_654_321;
const TEXT = 'مرحباً ليلى 👋';

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

const suite = {
  manifest: telegramManifest,
  startEmulator: startTelegramEmulator,
  personalData: [String(CHAT), 'ليلى'],
} as const;
describeConnector<SendMessageInput, unknown, TelegramCredential>({
  ...suite,
  name: 'telegram send-message',
  operationName: 'send-message',
  operation: () => {
    const { sendMessage, close } = createTelegramOperations({ outbound });
    return { operation: sendMessage, close };
  },
  input: { chatId: CHAT, text: TEXT },
});
describeConnector<SendPhotoInput, unknown, TelegramCredential>({
  ...suite,
  name: 'telegram send-photo',
  operationName: 'send-photo',
  operation: () => {
    const { sendPhoto, close } = createTelegramOperations({ outbound });
    return { operation: sendPhoto, close };
  },
  input: { chatId: CHAT, photo: 'https://example.com/a.jpg', caption: TEXT },
});
describeConnector<SendDocumentInput, unknown, TelegramCredential>({
  ...suite,
  name: 'telegram send-document',
  operationName: 'send-document',
  operation: () => {
    const { sendDocument, close } = createTelegramOperations({ outbound });
    return { operation: sendDocument, close };
  },
  input: { chatId: CHAT, document: 'https://example.com/a.pdf' },
});

describe('telegram', () => {
  let store: SandboxStore;
  let emulator: TelegramEmulator;
  let operations: TelegramOperations;

  beforeEach(async () => {
    operations = createTelegramOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startTelegramEmulator({ store, host: '127.0.0.1', port: 0 });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const send = (input: Partial<SendMessageInput> = {}) =>
    operations.sendMessage.execute(
      sendMessageInputSchema.parse({ chatId: CHAT, text: TEXT, ...input }),
      testContext({ credential: emulator.credential }),
    );
  const received = async () => (await store.list({ connector: 'telegram' }))[0];
  const failWith = (code: number, description: string): Promise<unknown> => {
    emulator.injectWhere(() => true, { kind: 'reply', reply: refusal(code, description) });
    return failureOf(send());
  };

  test('a message goes out as the Bot API takes it', async () => {
    const output = await send({
      parseMode: 'HTML',
      buttons: [
        [
          { text: 'نعم', callbackData: 'yes' },
          { text: 'Web', url: 'https://e.com/' },
        ],
      ],
      silent: true,
      replyToMessageId: 7,
      topicId: 3,
      linkPreview: false,
    });
    expect(output).toMatchObject({ chatId: CHAT, messageId: expect.any(Number) });
    expect(await received()).toMatchObject({
      operation: 'send-message',
      executionId: 'execution-1',
      nodeId: 'node-1',
      to: String(CHAT),
    });
    expect((await received())?.message).toEqual({
      chat_id: CHAT,
      text: TEXT,
      parse_mode: 'HTML',
      disable_notification: true,
      message_thread_id: 3,
      link_preview_options: { is_disabled: true },
      reply_parameters: { message_id: 7 },
      reply_markup: {
        inline_keyboard: [
          [
            { text: 'نعم', callback_data: 'yes' },
            { text: 'Web', url: 'https://e.com/' },
          ],
        ],
      },
    });
  });

  test('a channel is written to by its name', async () => {
    await send({ chatId: '@masar_news' });
    expect((await received())?.to).toBe('@masar_news');
  });

  test.each([
    ['no text', { text: '' }],
    ['a text over 4096 characters', { text: 'a'.repeat(4_097) }],
    ['a chat that is a phone number', { chatId: '+971501234567' }],
    ['a button without effect', { buttons: [[{ text: 'a' }]] }],
    ['a button with 65 bytes', { buttons: [[{ text: 'a', callbackData: 'س'.repeat(33) }]] }],
    ['an unknown field', { message: 'a' }],
  ])('the schema refuses %s', (_title, input) => {
    const parsed = sendMessageInputSchema.safeParse({ chatId: CHAT, text: 'a', ...input });
    expect(parsed.success).toBe(false);
  });

  test.each([
    [403, 'Forbidden: bot was blocked by the user', 'recipient_blocked', 'bot_blocked'],
    [403, 'Forbidden: user is deactivated', 'undeliverable', 'user_deactivated'],
    [403, "Forbidden: bot can't initiate conversation with a user", 'undeliverable', 'not_started'],
    [403, 'Forbidden: bot was kicked from the group chat', 'permission_denied', 'not_a_member'],
    [403, 'Forbidden: something new', 'permission_denied', undefined],
    [400, 'Bad Request: chat not found', 'not_found', 'chat_not_found'],
    [
      400,
      'Bad Request: group chat was upgraded to a supergroup chat',
      'not_found',
      'chat_migrated',
    ],
    [400, "Bad Request: can't parse entities: Unsupported start tag", 'rejected', undefined],
    [400, 'Bad Request: message is too long', 'too_large', undefined],
    [400, 'Bad Request: failed to get HTTP URL content', 'rejected', undefined],
    [400, 'Bad Request: BUTTON_DATA_INVALID', 'rejected', undefined],
    [400, 'Bad Request: something new', 'rejected', undefined],
    [401, 'Unauthorized', 'credential_rejected', undefined],
    [404, 'Not Found', 'credential_rejected', undefined],
    [413, 'Request Entity Too Large', 'too_large', undefined],
  ])('%i %s is %s', async (status, description, code, providerCode) => {
    expect(await failWith(status, description)).toMatchObject({
      code,
      providerCode,
      status,
      effect: 'none',
      permanent: true,
    });
  });

  test('a 5xx leaves the send in doubt, from Telegram or from before it', async () => {
    const inDoubt = { code: 'unavailable', effect: 'possible', permanent: false };
    expect(await failWith(500, 'Internal Server Error: restart')).toMatchObject(inDoubt);
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: { status: 502, body: '<html>Bad Gateway' },
    });
    expect(await failureOf(send())).toMatchObject(inDoubt);
  });

  test('a rate limit waits as long as Telegram says, at most guessing from the header', async () => {
    emulator.injectWhere(
      () => true,
      { kind: 'reply', reply: refusal(429, 'Too Many Requests', { retry_after: 35 }) },
      { kind: 'reply', reply: { status: 429, headers: { 'retry-after': '4' }, body: 'slow' } },
    );
    expect((await failureOf(send())).retryAfterMs).toBe(35_000);
    expect((await failureOf(send())).retryAfterMs).toBe(4_000);
  });

  test("Telegram's explanation is passed on without what was written", async () => {
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: refusal(400, `Bad Request: can't parse entities: "${TEXT}" at byte 12`),
    });
    const { message } = await failureOf(send());
    expect(message).toContain('at byte 12');
    expect(message).not.toContain(TEXT);
  });

  test('a wrong token is refused, and is told to nobody', async () => {
    const botToken = '42:AAHwrongwrongwrongwrongwrong';
    const error = await failureOf(
      operations.sendMessage.execute(
        { chatId: CHAT, text: 'a' },
        testContext({ credential: { ...emulator.credential, botToken } }),
      ),
    );
    expect(error.code).toBe('credential_rejected');
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('AAHwrong');
    expect(await received()).toBeUndefined();
  });

  test('in live mode a credential can’t point into a private network', async () => {
    const context = testContext({ credential: emulator.credential, mode: 'live' });
    expect(
      await failureOf(operations.sendMessage.execute({ chatId: CHAT, text: 'a' }, context)),
    ).toMatchObject({ code: 'blocked_destination', effect: 'none' });
  });

  test('the credential comes from the environment', () => {
    const { credential } = telegramManifest;
    expect(credential?.fromEnvironment?.({})).toBeUndefined();
    const botToken = '100:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
    const built = credential?.fromEnvironment?.({ TELEGRAM_BOT_TOKEN: botToken });
    expect(credential?.schema.parse(built)).toEqual({ botToken });
  });
});
