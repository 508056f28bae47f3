import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { refusal, startWhatsappEmulator, type WhatsappEmulator } from './emulator.ts';
import { callbackData, createWhatsappOperations, type WhatsappOperations } from './execute.ts';
import { whatsappManifest } from './manifest.ts';
import { type SendInput, sendInputSchema, type WhatsappCredential } from './schema.ts';

const TO = '+971501234567';
const TEXT = 'مرحباً ليلى 👋';

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

describeConnector<SendInput, unknown, WhatsappCredential>({
  name: 'whatsapp',
  manifest: whatsappManifest,
  startEmulator: startWhatsappEmulator,
  operation: () => {
    const { send, close } = createWhatsappOperations({ outbound });
    return { operation: send, close };
  },
  input: { to: TO, text: TEXT },
  personalData: [TO, TO.slice(1), 'ليلى'],
});

describe('whatsapp send', () => {
  let store: SandboxStore;
  let emulator: WhatsappEmulator;
  let operations: WhatsappOperations;

  beforeEach(async () => {
    operations = createWhatsappOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startWhatsappEmulator({ store, host: '127.0.0.1', port: 0 });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const send = (input: SendInput, attempt = 1) =>
    operations.send.execute(
      sendInputSchema.parse(input),
      testContext({ credential: emulator.credential, attempt }),
    );
  const received = async () => (await store.list({ connector: 'whatsapp' }))[0];

  test('an Arabic text arrives as it was written, traced and recognisable', async () => {
    const output = await send({ to: '00971 50 123-4567', text: TEXT });
    expect(output).toEqual({ messageId: expect.stringMatching(/^wamid\./), to: TO });
    expect(await received()).toMatchObject({
      connector: 'whatsapp',
      operation: 'send',
      executionId: 'execution-1',
      nodeId: 'node-1',
      iteration: '',
      to: TO,
      lookupKey: callbackData('execution-1/node-1/'),
      message: {
        messaging_product: 'whatsapp',
        recipient_type: 'individual',
        type: 'text',
        text: { body: TEXT, preview_url: false },
      },
    });
  });

  test('a template goes out with its language and components', async () => {
    const components = [
      { type: 'body', parameters: [{ type: 'text', text: 'ليلى' }] },
      { type: 'button', sub_type: 'url', index: '0', parameters: [{ type: 'text', text: 'x' }] },
    ];
    await send({ to: TO, template: { name: 'welcome', language: 'ar', components } });
    expect((await received())?.message).toMatchObject({
      type: 'template',
      template: { name: 'welcome', language: { code: 'ar' }, components },
    });
  });

  test('a file and buttons go out as the API takes them', async () => {
    await send({
      to: TO,
      media: { type: 'image', link: 'https://example.com/a.jpg', caption: 'صورة' },
    });
    expect((await received())?.message).toMatchObject({
      type: 'image',
      image: { link: 'https://example.com/a.jpg', caption: 'صورة' },
    });
    const interactive = {
      type: 'button' as const,
      body: { text: 'نعم أم لا؟' },
      action: { buttons: [{ type: 'reply' as const, reply: { id: 'y', title: 'نعم' } }] },
    };
    await send({ to: TO, interactive });
    expect((await received())?.message).toMatchObject({ type: 'interactive', interactive });
  });

  test.each([
    ['nothing to send', {}],
    ['two kinds at once', { text: 'a', template: { name: 'b', language: 'ar' } }],
    ['a file by link and by id', { media: { type: 'image', id: '1', link: 'https://e.com/a' } }],
    ['a sticker with a caption', { media: { type: 'sticker', id: '1', caption: 'a' } }],
    ['a location beside a text', { text: 'a', location: { latitude: 1, longitude: 1 } }],
    ['a link preview without a text', { media: { type: 'image', id: '1' }, previewUrl: true }],
    ['a text over 4096 characters', { text: 'a'.repeat(4097) }],
    ['an unknown field', { text: 'a', body: 'b' }],
  ])('the schema refuses %s', (_title, content) => {
    expect(sendInputSchema.safeParse({ to: TO, ...content }).success).toBe(false);
  });

  test('a number without country code is refused before anything is sent', async () => {
    const error = await failureOf(send({ to: '0501234567', text: 'a' }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', pointer: '/to' });
    expect(await received()).toBeUndefined();
  });

  test.each([
    // Meta code, HTTP status, our code, permanent, effect
    [0, 401, 'credential_rejected', true, 'none'],
    [190, 401, 'credential_rejected', true, 'none'],
    [3, 500, 'permission_denied', true, 'none'],
    [10, 403, 'permission_denied', true, 'none'],
    [200, 403, 'permission_denied', true, 'none'],
    [299, 403, 'permission_denied', true, 'none'],
    [368, 403, 'permission_denied', true, 'none'],
    [4, 400, 'rate_limited', false, 'none'],
    [80007, 400, 'rate_limited', false, 'none'],
    [130429, 400, 'rate_limited', false, 'none'],
    [131048, 400, 'rate_limited', false, 'none'],
    [131056, 400, 'rate_limited', false, 'none'],
    [1, 400, 'unavailable', false, 'possible'],
    [2, 503, 'unavailable', false, 'none'],
    [131000, 500, 'unavailable', false, 'none'],
    [131016, 500, 'unavailable', false, 'none'],
    [33, 400, 'not_found', true, 'none'],
    [100, 400, 'rejected', true, 'none'],
    [131026, 400, 'undeliverable', true, 'none'],
    [131047, 400, 'window_closed', true, 'none'],
    [131049, 400, 'rejected', true, 'none'],
    [132000, 400, 'rejected', true, 'none'],
    [132001, 404, 'rejected', true, 'none'],
    [132015, 400, 'rejected', true, 'none'],
    [132999, 400, 'rejected', true, 'none'],
    [999999, 418, 'rejected', true, 'none'],
    [999999, 500, 'unavailable', false, 'possible'],
  ] as const)('Meta code %i with HTTP %i is %s', async (code, status, ours, permanent, effect) => {
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: refusal(status, code, `(#${code}) Something`),
    });
    expect(await failureOf(send({ to: TO, text: TEXT }))).toMatchObject({
      code: ours,
      permanent,
      effect,
      status,
      providerCode: String(code),
    });
  });

  test('outside the 24 hours the message says to use a template', async () => {
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: refusal(400, 131047, '(#131047) Re-engagement message'),
    });
    const { message } = await failureOf(send({ to: TO, text: TEXT }));
    expect(message).toMatch(/24 hours.*template/);
  });

  test("Meta's explanation is passed on without what was written", async () => {
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: refusal(
        400,
        100,
        '(#100) Invalid parameter',
        'OAuthException',
        `Param text['body'] "${TEXT}" to ${TO.slice(1)} is not valid`,
      ),
    });
    const { message } = await failureOf(send({ to: TO, text: TEXT }));
    expect(message).toContain("Param text['body']");
    expect(message).not.toContain(TEXT);
    expect(message).not.toContain(TO.slice(1));
  });

  test('without Retry-After it waits as Meta documents', async () => {
    const pairLimit = { kind: 'reply', reply: refusal(400, 131056, '(#131056) Pair') } as const;
    emulator.injectWhere(() => true, pairLimit, pairLimit, {
      kind: 'reply',
      reply: {
        ...refusal(400, 80007, '(#80007) Limit'),
        headers: {
          'x-business-use-case-usage': JSON.stringify({
            '1': [{ type: 'messages', estimated_time_to_regain_access: 3 }],
          }),
        },
      },
    });
    expect((await failureOf(send({ to: TO, text: 'a' }, 1))).retryAfterMs).toBe(1_000);
    expect((await failureOf(send({ to: TO, text: 'a' }, 3))).retryAfterMs).toBe(16_000);
    expect((await failureOf(send({ to: TO, text: 'a' }))).retryAfterMs).toBe(180_000);
  });

  test('a 5xx from something before Meta leaves the send in doubt', async () => {
    emulator.injectWhere(() => true, {
      kind: 'reply',
      reply: { status: 502, body: '<html>Bad Gateway</html>' },
    });
    expect(await failureOf(send({ to: TO, text: 'a' }))).toMatchObject({
      code: 'unavailable',
      effect: 'possible',
      permanent: false,
    });
  });

  test('the emulator refuses what Meta refuses', async () => {
    const { send: operation } = operations;
    const wrongToken = { ...emulator.credential, accessToken: 'EAAwrong' };
    const wrongNumber = { ...emulator.credential, phoneNumberId: '42' };
    const input = { to: TO, text: 'a' };
    expect(
      await failureOf(operation.execute(input, testContext({ credential: wrongToken }))),
    ).toMatchObject({ code: 'credential_rejected', providerCode: '190' });
    expect(
      await failureOf(operation.execute(input, testContext({ credential: wrongNumber }))),
    ).toMatchObject({ code: 'rejected', providerCode: '100' });
    expect(await received()).toBeUndefined();
  });

  test('in live mode a credential cannot point into a private network', async () => {
    const context = testContext({ credential: emulator.credential, mode: 'live' });
    expect(await failureOf(operations.send.execute({ to: TO, text: 'a' }, context))).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
      permanent: true,
    });
    expect(await received()).toBeUndefined();
  });

  test('the credential comes from the environment', () => {
    const { credential } = whatsappManifest;
    expect(credential?.fromEnvironment?.({})).toBeUndefined();
    const built = credential?.fromEnvironment?.({
      WHATSAPP_ACCESS_TOKEN: 'EAAtoken',
      WHATSAPP_PHONE_NUMBER_ID: '42',
      WHATSAPP_API_VERSION: 'v25.0',
    });
    expect(credential?.schema.parse(built)).toEqual({
      accessToken: 'EAAtoken',
      phoneNumberId: '42',
      apiVersion: 'v25.0',
    });
  });
});
