/** Telegram, Slack, models and HTTP in whole runs: what interrupted attempts come to. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { refusal } from '../../connectors/telegram/emulator.ts';
import {
  type Node,
  nodeOf,
  startWorkbench,
  statuses,
  type Workbench,
} from '../support/workbench.ts';

let bench: Workbench;

beforeAll(async () => {
  bench = await startWorkbench();
}, 60_000);

afterAll(() => bench.stop(), 60_000);

const SOON = { maximumAttempts: 3, initialInterval: '100ms' };

const tg: Node = {
  id: 'tg',
  type: 'telegram',
  config: { operation: 'send-message', chatId: 42, text: 'مرحباً {{ lead.name }}' },
  retry: SOON,
};
const slack: Node = {
  id: 'slack',
  type: 'slack',
  config: { channel: 'C0123456789', text: 'New lead: {{ lead.name }}' },
  retry: SOON,
};
const ask: Node = {
  id: 'ask',
  type: 'openai',
  config: {
    operation: 'chat',
    model: 'gpt-5-mini',
    prompt: 'Rate {{ lead.name }}',
    schema: {
      type: 'object',
      properties: { tier: { type: 'string', enum: ['gold', 'silver'] } },
      required: ['tier'],
      additionalProperties: false,
    },
  },
  retry: SOON,
};

test('a run through all of them in the sandbox, each output at hand for the next', async () => {
  const pages: Node = {
    id: 'pages',
    type: 'http',
    config: {
      url: 'https://api.example.com/leads',
      pagination: { mode: 'page', itemsPath: 'data' },
    },
  };
  const tell: Node = {
    id: 'tell',
    type: 'slack',
    config: {
      text: '{{ nodes.ask.output.data.tier }} {{ nodes.tg.output.chatId }} {{ nodes.pages.output.body.size }}',
    },
  };
  const executionId = await bench.run('messengers', {
    nodes: [tg, ask, pages, tell],
    connections: [
      { from: 'tg', to: 'ask' },
      { from: 'ask', to: 'pages' },
      { from: 'pages', to: 'tell' },
    ],
  });
  const execution = await bench.stack.ended(executionId);
  expect(statuses(execution)).toEqual({
    tg: 'succeeded',
    ask: 'succeeded',
    pages: 'succeeded',
    tell: 'succeeded',
  });
  expect(nodeOf(execution, 'tell').input).toMatchObject({ text: 'gold 42 1' });
  const outbox = await bench.stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
  const shown = outbox.body.items.map(({ connector }: { connector: string }) => connector);
  expect(shown.sort()).toEqual(['http', 'openai', 'slack', 'telegram']);
}, 60_000);

test('Slack posted and the answer was lost: the message is found, not posted again', async () => {
  bench.emulators.slack.inject({ kind: 'dropAfterAccept' });
  const executionId = await bench.run('slack-lost', { nodes: [slack] });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'slack')).toMatchObject({
    status: 'succeeded',
    attempts: 2,
    output: { via: 'bot', channel: 'C0123456789', ts: expect.any(String) },
  });
  expect(await bench.sent(executionId)).toBe(1);
}, 60_000);

test('Telegram can’t be asked: the node is unknown until a person decides', async () => {
  bench.emulators.telegram.inject({ kind: 'dropAfterAccept' });
  const executionId = await bench.run('telegram-lost', { nodes: [tg] });
  await bench.untilNode(executionId, 'tg', 'unknown');
  const { status } = await bench.stack.call(
    'POST',
    `/api/executions/${executionId}/nodes/tg/resolve`,
    {
      outcome: 'sent',
    },
  );
  expect(status).toBeLessThan(300);
  expect((await bench.stack.ended(executionId)).status).toBe('succeeded');
  expect(await bench.sent(executionId)).toBe(1);
}, 60_000);

test('a user who blocked the bot is a way of its own through the graph', async () => {
  bench.emulators.telegram.injectWhere(() => true, {
    kind: 'reply',
    reply: refusal(403, 'Forbidden: bot was blocked by the user'),
  });
  const executionId = await bench.run('telegram-blocked', {
    nodes: [
      { ...tg, onError: 'error' },
      {
        id: 'note',
        type: 'set',
        config: { values: { why: '{{ nodes.tg.error.code }}' } },
      },
    ],
    connections: [{ from: 'tg', output: 'error', to: 'note' }],
  });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'note').output).toEqual({ why: 'recipient_blocked' });
  expect(nodeOf(execution, 'tg').attempts).toBe(1);
}, 60_000);

test('a model whose answer was lost is asked again', async () => {
  bench.emulators.openai.inject({ kind: 'dropAfterAccept' });
  const executionId = await bench.run('model-lost', { nodes: [ask] });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'ask')).toMatchObject({
    status: 'succeeded',
    attempts: 2,
    output: { data: { tier: 'gold' } },
  });
}, 60_000);

test.each([
  ['after an attempt in doubt it is done', 502, 'succeeded', 2],
  ['after one that certainly did nothing it is an error', 503, 'failed', 2],
])(
  'a DELETE that finds nothing: %s',
  async (_name, first, status, attempts) => {
    const path = `/deleted-${first}`;
    const url = bench.web.on(path, { status: first }, { status: 404 });
    const executionId = await bench.run(`delete-${first}`, {
      nodes: [{ id: 'drop', type: 'http', config: { method: 'DELETE', url }, retry: SOON }],
    });
    const execution = await bench.stack.ended(executionId);
    expect(execution.status).toBe(status);
    expect(nodeOf(execution, 'drop')).toMatchObject({ status, attempts });
    expect(bench.web.asked(path)).toHaveLength(2);
  },
  60_000,
);
