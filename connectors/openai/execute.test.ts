import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { Json, SandboxStore } from '../contract.ts';
import type { EmulatedReply } from '../http-emulator.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { startRecordingServer } from '../recording-server.ts';
import { type OpenaiEmulator, refusal, startOpenaiEmulator } from './emulator.ts';
import { createOpenaiOperations, type OpenaiOperations } from './execute.ts';
import { openaiManifest } from './manifest.ts';
import {
  type ChatInput,
  chatInputSchema,
  chatOutputSchema,
  credentialSchema,
  type ModerateInput,
  type OpenaiCredential,
} from './schema.ts';

const PROMPT = 'قيّم ليلى';
const SCHEMA = {
  type: 'object',
  properties: {
    tier: { type: 'string', enum: ['gold', 'silver'] },
    score: { type: 'integer', minimum: 10, maximum: 100 },
    tags: { type: 'array', items: { $ref: '#/$defs/Tag' } },
    code: { type: 'string', pattern: '^(a+)+$' },
  },
  required: ['tier', 'score', 'tags', 'code'],
  additionalProperties: false,
  $defs: { Tag: { type: 'string' } },
};

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

const suite = {
  manifest: openaiManifest,
  startEmulator: startOpenaiEmulator,
  personalData: ['ليلى'],
} as const;
describeConnector<ChatInput, unknown, OpenaiCredential>({
  ...suite,
  name: 'openai chat',
  operationName: 'chat',
  operation: () => {
    const { chat, close } = createOpenaiOperations({ outbound });
    return { operation: chat, close };
  },
  input: { model: 'gpt-5-mini', prompt: PROMPT },
});
describeConnector<ModerateInput, unknown, OpenaiCredential>({
  ...suite,
  name: 'openai moderate',
  operationName: 'moderate',
  operation: () => {
    const { moderate, close } = createOpenaiOperations({ outbound });
    return { operation: moderate, close };
  },
  input: { model: 'omni-moderation-latest', text: PROMPT },
});

describe('openai', () => {
  let store: SandboxStore;
  let emulator: OpenaiEmulator;
  let operations: OpenaiOperations;

  beforeEach(async () => {
    operations = createOpenaiOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startOpenaiEmulator({ store, host: '127.0.0.1', port: 0 });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const ask = (input: Readonly<Record<string, unknown>> = { prompt: PROMPT }) =>
    operations.chat.execute(
      chatInputSchema.parse({ model: 'gpt-5-mini', ...input }),
      testContext({ credential: emulator.credential }),
    );
  const replyOnce = (reply: EmulatedReply) =>
    emulator.injectWhere(() => true, { kind: 'reply', reply });
  const completion = (message: Json, finishReason = 'stop', more: Record<string, Json> = {}) =>
    replyOnce({
      status: 200,
      body: { id: 'c1', model: 'm', choices: [{ finish_reason: finishReason, message }], ...more },
    });

  test('an answer as text, with what it cost', async () => {
    completion({ content: 'مرحباً' }, 'stop', {
      usage: {
        prompt_tokens: 9,
        completion_tokens: 3,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    });
    expect(await ask()).toEqual({
      text: 'مرحباً',
      model: 'm',
      completionId: 'c1',
      usage: {
        inputTokens: 9,
        outputTokens: 3,
        totalTokens: 12,
        cachedInputTokens: 4,
        reasoningTokens: 2,
      },
    });
  });

  test('the outbox shows what was asked and what the sandbox made up', async () => {
    const { text } = await ask({ system: 'Rate leads.', prompt: PROMPT });
    expect((await store.list({ connector: 'openai' }))[0]).toMatchObject({
      operation: 'chat',
      executionId: 'execution-1',
      nodeId: 'node-1',
      to: 'gpt-5-mini',
      message: {
        model: 'gpt-5-mini',
        messages: [
          { role: 'system', content: 'Rate leads.' },
          { role: 'user', content: PROMPT },
        ],
        answer: text,
      },
    });
  });

  test('with a schema the answer is data; the sandbox follows it too', async () => {
    const sandboxed = await ask({ prompt: PROMPT, schema: SCHEMA });
    expect(sandboxed.data).toEqual({ tier: 'gold', score: 10, tags: ['sandbox'], code: 'sandbox' });
    const answer = { tier: 'silver', score: 50, tags: [], code: `${'a'.repeat(40)}!` };
    completion({ content: JSON.stringify(answer) });
    const output = await ask({ prompt: PROMPT, schema: SCHEMA });
    expect(output.data).toEqual(answer);
    expect(chatOutputSchema.safeParse(output).success).toBe(true);
  });

  test.each([
    ['no JSON', 'Sure! {', 'not JSON'],
    ['a value outside the list', '{"tier":"ليلى","score":50,"tags":[],"code":""}', 'tier'],
    ['a property too many', '{"tier":"gold","score":50,"tags":[],"code":"","x":1}', 'x'],
    ['one too few', '{"tier":"gold","score":50,"tags":[]}', 'code'],
    ['a wrong type inside', '{"tier":"gold","score":50,"tags":[1],"code":""}', 'tags.0'],
  ])(
    'an answer with %s is no answer, and may be asked for again',
    async (_name, content, words) => {
      completion({ content });
      const error = await failureOf(ask({ prompt: PROMPT, schema: SCHEMA }));
      expect(error).toMatchObject({ code: 'invalid_response', permanent: false });
      expect(error.message).toContain(words);
      expect(error.message).not.toContain('ليلى');
    },
  );

  test.each([
    ['a refusal', { content: null, refusal: 'I can’t talk about ليلى' }, 'stop', 'refusal'],
    ['an answer cut off', { content: 'مرح' }, 'length', 'length'],
    ['a content filter', { content: 'x' }, 'content_filter', 'content_filter'],
  ])('%s is an error of its own', async (_name, message, reason, providerCode) => {
    completion(message, reason);
    const error = await failureOf(ask());
    expect(error).toMatchObject({ code: 'rejected', permanent: true, providerCode });
    expect(error.message).not.toContain('ليلى');
  });

  test('an empty answer is none', async () => {
    completion({ content: '' });
    expect(await failureOf(ask())).toMatchObject({ code: 'invalid_response', permanent: false });
  });

  test.each([
    [401, 'invalid_request_error', 'invalid_api_key', 'credential_rejected', true],
    [401, 'invalid_request_error', null, 'credential_rejected', true],
    [403, 'x', 'unsupported_country_region_territory', 'permission_denied', true],
    [404, 'invalid_request_error', 'model_not_found', 'not_found', true],
    [404, 'x', null, 'not_found', true],
    [400, 'invalid_request_error', 'context_length_exceeded', 'too_large', true],
    [400, 'x', 'content_filter', 'rejected', true],
    [400, 'invalid_request_error', null, 'rejected', true],
    [413, 'x', null, 'too_large', true],
    [429, 'requests', 'rate_limit_exceeded', 'rate_limited', false],
    [429, 'x', null, 'rate_limited', false],
    [429, 'insufficient_quota', 'insufficient_quota', 'permission_denied', true],
    [429, 'insufficient_quota', null, 'permission_denied', true],
    [409, 'x', null, 'unavailable', false],
    [500, 'server_error', null, 'unavailable', false],
    [503, 'x', null, 'unavailable', false],
  ])('%i %s %s is %s', async (status, type, name, code, permanent) => {
    replyOnce(refusal(status, type, 'Something', name));
    expect(await failureOf(ask())).toMatchObject({ code, permanent, status });
    expect(await store.list({})).toEqual([]);
  });

  test('each refusal is one request: nothing repeats behind Temporal’s back', async () => {
    emulator.injectWhere(
      () => true,
      { kind: 'reply', reply: { status: 500, body: '' } },
      { kind: 'reply', reply: { status: 500, body: '' } },
    );
    await failureOf(ask());
    await failureOf(ask());
    expect((await ask()).text).not.toBe('');
  });

  test('the wait is taken from either header', async () => {
    replyOnce({ ...refusal(429, 'x', 'slow'), headers: { 'retry-after-ms': '1500' } });
    expect((await failureOf(ask())).retryAfterMs).toBe(1_500);
    replyOnce({ ...refusal(503, 'x', 'slow'), headers: { 'retry-after': '3' } });
    expect((await failureOf(ask())).retryAfterMs).toBe(3_000);
  });

  test("the provider's explanation is passed on without what was asked", async () => {
    replyOnce(
      refusal(400, 'x', `Invalid schema for '${PROMPT}': no`, null, 'response_format.json_schema'),
    );
    const error = await failureOf(ask());
    expect(error.pointer).toBe('/schema');
    expect(error.message).toContain('Invalid schema for');
    expect(error.message).not.toContain(PROMPT);
  });

  test('what goes out, and that other servers get max_tokens', async () => {
    const server = await startRecordingServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"choices":[{"message":{"content":"yes"}}]}');
    });
    const open = createOutbound({ allowHosts: [server.host] });
    const { chat, close } = createOpenaiOperations({ outbound: open });
    const credential = credentialSchema.parse({ apiKey: 'k', baseUrl: `${server.url}/v1/` });
    const input = chatInputSchema.parse({
      model: 'local',
      system: 'Be brief.',
      messages: [
        { role: 'assistant', content: 'Hello' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', url: 'https://example.com/a.png' },
          ],
        },
      ],
      temperature: 0,
      maxTokens: 50,
      reasoningEffort: 'low',
      schema: { type: 'object', properties: {} },
      schemaName: 'thing',
      strictSchema: false,
    });
    const failure = failureOf(chat.execute(input, testContext({ mode: 'live', credential })));
    expect((await failure).code).toBe('invalid_response');
    const { schema, ...plain } = input;
    expect(await chat.execute(plain, testContext({ mode: 'live', credential }))).toEqual({
      text: 'yes',
      model: 'local',
      completionId: '',
    });
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer k' },
    });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      model: 'local',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'assistant', content: 'Hello' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          ],
        },
      ],
      temperature: 0,
      max_tokens: 50,
      reasoning_effort: 'low',
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'thing', schema, strict: false },
      },
    });
    await close();
    await open.close();
    await server.close();
  });

  test.each([
    ['neither prompt nor messages', {}],
    ['both', { prompt: 'a', messages: [{ role: 'user', content: 'a' }] }],
    [
      'a picture by the assistant',
      { messages: [{ role: 'assistant', content: [{ type: 'image', url: 'https://e.com/a' }] }] },
    ],
    ['a schema of a list', { prompt: 'a', schema: { type: 'array' } }],
    [
      'a schema of unknown types',
      { prompt: 'a', schema: { type: 'object', properties: { a: { type: 'x' } } } },
    ],
    [
      'a reference to nothing',
      { prompt: 'a', schema: { type: 'object', properties: { a: { $ref: '#/$defs/A' } } } },
    ],
    ['an unknown field', { prompt: 'a', text: 'b' }],
  ])('the schema refuses %s', (_name, input) => {
    expect(chatInputSchema.safeParse({ model: 'm', ...input }).success).toBe(false);
  });

  test('moderation names the categories that apply', async () => {
    replyOnce({
      status: 200,
      body: {
        results: [
          {
            flagged: true,
            categories: { hate: true, violence: false, illicit: null },
            category_scores: { hate: 0.9, violence: 0.1, illicit: null },
          },
        ],
      },
    });
    const output = await operations.moderate.execute(
      { text: 'x', model: 'm' },
      testContext({ credential: emulator.credential }),
    );
    expect(output).toEqual({
      flagged: true,
      categories: ['hate'],
      scores: { hate: 0.9, violence: 0.1, illicit: 0 },
    });
  });

  test('in live mode a credential can’t point into a private network', async () => {
    const context = testContext({ credential: emulator.credential, mode: 'live' });
    const input = chatInputSchema.parse({ model: 'm', prompt: 'a' });
    expect(await failureOf(operations.chat.execute(input, context))).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
    });
  });

  test('the credential comes from the environment', () => {
    const { credential } = openaiManifest;
    expect(credential?.fromEnvironment?.({})).toBeUndefined();
    const built = credential?.fromEnvironment?.({
      OPENAI_API_KEY: 'sk-1',
      OPENAI_BASE_URL: 'http://localhost:11434/v1',
    });
    expect(credential?.schema.parse(built)).toEqual({
      apiKey: 'sk-1',
      baseUrl: 'http://localhost:11434/v1',
    });
  });
});
