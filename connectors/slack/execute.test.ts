import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { OperationContext, SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { refusal, type SlackEmulator, startSlackEmulator } from './emulator.ts';
import { createSlackOperations, type SlackOperations } from './execute.ts';
import { slackManifest } from './manifest.ts';
import {
  credentialSchema,
  type SendInput,
  type SlackCredential,
  sendInputSchema,
} from './schema.ts';

const CHANNEL = 'C0123456789';
const TEXT = 'ليلى سجّلت :tada:';

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

const suites = [
  {
    name: 'slack by a bot that may read',
    idempotency: 'queryable',
    input: { channel: CHANNEL, text: TEXT },
    credential: (credential: SlackCredential) => credential,
  },
  {
    name: 'slack by a bot that may not',
    idempotency: 'blind',
    input: { channel: CHANNEL, text: TEXT },
    credential: (credential: SlackCredential) => ({ ...credential, readHistory: false }),
  },
  {
    name: 'slack by a webhook',
    idempotency: 'blind',
    input: { text: TEXT },
    credential: ({ webhookUrl }: SlackCredential) => ({ webhookUrl }),
  },
] as const;

for (const suite of suites) {
  describeConnector<SendInput, unknown, SlackCredential>({
    ...suite,
    manifest: slackManifest,
    startEmulator: startSlackEmulator,
    operation: () => {
      const { send, close } = createSlackOperations({ outbound });
      return { operation: send, close };
    },
    personalData: [CHANNEL, 'ليلى'],
  });
}

describe('slack send', () => {
  let store: SandboxStore;
  let emulator: SlackEmulator;
  let operations: SlackOperations;

  beforeEach(async () => {
    operations = createSlackOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startSlackEmulator({ store, host: '127.0.0.1', port: 0 });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const contextOf = (
    credential: SlackCredential = emulator.credential,
    overrides: Partial<OperationContext<SlackCredential>> = {},
  ) => testContext({ ...overrides, credential });
  const send = (input: SendInput, credential?: SlackCredential) =>
    operations.send.execute(sendInputSchema.parse(input), contextOf(credential));
  const received = async () => (await store.list({ connector: 'slack' }))[0];

  test('a bot writes to a channel, with all that a message can have', async () => {
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*ليلى*' } }];
    const output = await send({
      channel: CHANNEL,
      text: TEXT,
      blocks,
      threadTs: '1700000000.000100',
      replyBroadcast: true,
      unfurlLinks: false,
      username: 'Masar',
      iconEmoji: ':tada:',
    });
    expect(output).toEqual({ via: 'bot', channel: CHANNEL, ts: expect.any(String) });
    expect(await received()).toMatchObject({
      executionId: 'execution-1',
      nodeId: 'node-1',
      to: CHANNEL,
      message: {
        channel: CHANNEL,
        text: TEXT,
        blocks,
        thread_ts: '1700000000.000100',
        reply_broadcast: true,
        unfurl_links: false,
        username: 'Masar',
        icon_emoji: ':tada:',
        metadata: { event_type: 'masar_message', event_payload: { key: expect.any(String) } },
      },
    });
  });

  test('without a channel the webhook is used', async () => {
    expect(await send({ text: TEXT })).toEqual({ via: 'webhook' });
    expect(await received()).toMatchObject({ to: '#webhook', message: { text: TEXT } });
  });

  test.each([
    ['a channel, with a webhook only', { channel: CHANNEL }, ['webhookUrl'], '/channel'],
    ['no channel, with a bot only', {}, ['botToken'], '/channel'],
    ['a name for a webhook', { username: 'a' }, ['webhookUrl'], '/username'],
    ['an icon for a webhook', { iconEmoji: ':a:' }, ['webhookUrl'], '/iconEmoji'],
  ])('%s is refused before anything is sent', async (_title, input, names, pointer) => {
    const credential = credentialSchema.parse({
      ...Object.fromEntries(
        Object.entries(emulator.credential).filter(([name]) => names.includes(name)),
      ),
      baseUrl: emulator.url,
    });
    expect(await failureOf(send({ text: 'a', ...input }, credential))).toMatchObject({
      code: 'invalid_config',
      effect: 'none',
      permanent: true,
      pointer,
    });
    expect(await received()).toBeUndefined();
  });

  test.each([
    ['nothing to say', {}],
    ['a broadcast of what is no reply', { text: 'a', replyBroadcast: true }],
    ['a thread that is no ts', { text: 'a', threadTs: 'yesterday' }],
    ['an unknown field', { text: 'a', message: 'b' }],
  ])('the schema refuses %s', (_title, input) => {
    expect(sendInputSchema.safeParse(input).success).toBe(false);
  });

  test.each([
    ['C0123456789', true, 'queryable'],
    ['G0123456789', true, 'queryable'],
    ['D0123456789', true, 'queryable'],
    ['C0123456789', false, 'blind'],
    ['U0123456789', true, 'blind'],
    ['#general', true, 'blind'],
  ])('%s with readHistory %s is %s', (channel, readHistory, idempotency) => {
    const credential = { ...emulator.credential, readHistory };
    expect(operations.send.classify?.({ channel, text: 'a' }, credential)).toBe(idempotency);
  });

  describe('the look-up', () => {
    const lookup = (input: SendInput, overrides: Partial<OperationContext<SlackCredential>> = {}) =>
      operations.send.lookup?.(input, contextOf(undefined, overrides));

    test('finds a message among those of a thread, and only there', async () => {
      const reply = { channel: CHANNEL, text: 'a', threadTs: '1700000000.000100' };
      const sent = await send(reply);
      expect(await lookup(reply)).toEqual({ found: true, output: sent });
      expect(await lookup({ channel: CHANNEL, text: 'a' })).toEqual({ found: false });
    });

    test('reads on to older pages', async () => {
      const input = { channel: CHANNEL, text: 'a' };
      const sent = await send(input);
      for (let count = 0; count < 250; count += 1) {
        await store.add({
          connector: 'slack',
          operation: 'send',
          to: CHANNEL,
          message: { channel: CHANNEL, ts: '1700000000.000100', text: 'chatter' },
        });
      }
      expect(await lookup(input)).toEqual({ found: true, output: sent });
    });

    test('looks no further back than to the first attempt', async () => {
      const input = { channel: CHANNEL, text: 'a' };
      await send(input);
      const hour = 3_600_000;
      const since = (ms: number) => ({ inDoubtSince: new Date(Date.now() + ms) });
      expect(await lookup(input, since(-hour))).toMatchObject({ found: true });
      expect(await lookup(input, since(hour))).toEqual({ found: false });
    });

    test('never says "not sent" when it could not see everything', async () => {
      emulator.injectWhere(
        () => true,
        ...Array.from({ length: 25 }, (_, page) => ({
          kind: 'reply' as const,
          reply: {
            status: 200,
            body: { ok: true, messages: [], response_metadata: { next_cursor: `${page + 1}` } },
          },
        })),
      );
      const endless = lookup({ channel: CHANNEL, text: 'a' });
      expect(await failureOf(Promise.resolve(endless))).toMatchObject({ permanent: true });
      emulator.injectWhere(() => true, {
        kind: 'reply',
        reply: {
          status: 200,
          body: { ok: false, error: 'missing_scope', needed: 'channels:history' },
        },
      });
      const error = await failureOf(Promise.resolve(lookup({ channel: CHANNEL, text: 'a' })));
      expect(error).toMatchObject({ code: 'permission_denied', providerCode: 'missing_scope' });
      expect(error.message).toContain('channels:history');
    });
  });

  test.each([
    ['invalid_auth', 'credential_rejected', true, 'none'],
    ['token_expired', 'credential_rejected', true, 'none'],
    ['account_inactive', 'credential_rejected', true, 'none'],
    ['missing_scope', 'permission_denied', true, 'none'],
    ['not_in_channel', 'permission_denied', true, 'none'],
    ['restricted_action', 'permission_denied', true, 'none'],
    ['channel_not_found', 'not_found', true, 'none'],
    ['is_archived', 'rejected', true, 'none'],
    ['msg_too_long', 'too_large', true, 'none'],
    ['no_text', 'rejected', true, 'none'],
    ['invalid_blocks', 'rejected', true, 'none'],
    ['something_new', 'rejected', true, 'none'],
    ['ratelimited', 'rate_limited', false, 'none'],
    ['team_added_to_org', 'unavailable', false, 'none'],
    ['service_unavailable', 'unavailable', false, 'none'],
    ['fatal_error', 'unavailable', false, 'possible'],
    ['internal_error', 'unavailable', false, 'possible'],
  ])('ok: false with %s is %s', async (error, code, permanent, effect) => {
    emulator.injectWhere(() => true, { kind: 'reply', reply: refusal(error) });
    expect(await failureOf(send({ channel: CHANNEL, text: TEXT }))).toMatchObject({
      code,
      permanent,
      effect,
      status: 200,
      providerCode: error,
    });
  });

  test.each([
    [400, 'invalid_payload', 'rejected', true, 'none'],
    [403, 'action_prohibited', 'permission_denied', true, 'none'],
    [404, 'no_service', 'credential_rejected', true, 'none'],
    [404, 'channel_not_found', 'not_found', true, 'none'],
    [410, 'channel_is_archived', 'rejected', true, 'none'],
    [429, '', 'rate_limited', false, 'none'],
    [500, 'rollup_error', 'unavailable', false, 'possible'],
    [502, '<html>Bad Gateway', 'unavailable', false, 'possible'],
    [302, '', 'invalid_response', true, 'none'],
    [200, 'fine', 'invalid_response', false, 'possible'],
  ])('a webhook’s %i %s is %s', async (status, body, code, permanent, effect) => {
    emulator.injectWhere(() => true, { kind: 'reply', reply: { status, body } });
    expect(await failureOf(send({ text: TEXT }))).toMatchObject({
      code,
      permanent,
      effect,
      status,
    });
  });

  test('a webhook’s address is a secret and is told to nobody', async () => {
    const webhookUrl = `${emulator.url}/services/T1/B1/verysecret`;
    const error = await failureOf(send({ text: 'a' }, { webhookUrl }));
    expect(error).toMatchObject({ code: 'credential_rejected', providerCode: 'no_service' });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('verysecret');
  });

  test('in live mode a credential can’t point into a private network', async () => {
    const live = contextOf(undefined, { mode: 'live' });
    for (const input of [{ text: 'a' }, { channel: CHANNEL, text: 'a' }]) {
      expect(await failureOf(operations.send.execute(input, live))).toMatchObject({
        code: 'blocked_destination',
        effect: 'none',
      });
    }
  });

  test('the credential comes from the environment', () => {
    const { credential } = slackManifest;
    const from = (env: Record<string, string>) => {
      const built = credential?.fromEnvironment?.(env);
      return built === undefined ? undefined : credential?.schema.parse(built);
    };
    expect(from({})).toBeUndefined();
    expect(from({ SLACK_BOT_TOKEN: 'xoxb-1-a', SLACK_READ_HISTORY: 'true' })).toEqual({
      botToken: 'xoxb-1-a',
      readHistory: true,
    });
    const webhookUrl = 'https://hooks.slack.com/services/T1/B1/x';
    expect(from({ SLACK_WEBHOOK_URL: webhookUrl })).toEqual({ webhookUrl });
    expect(credentialSchema.safeParse({ readHistory: true }).success).toBe(false);
  });
});
