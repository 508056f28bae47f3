/** Every example, played by `masar demo` on the real servers: what its receivers got is checked. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { executionSchema, outboxMessageSchema } from '../../cli/api-schemas.ts';
import { DEMOS } from '../../cli/demos/demos.ts';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { type Stack, startStack } from '../support/stack.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

const playedSchema = z.object({
  demo: z.string(),
  asExpected: z.boolean(),
  scenes: z.array(z.object({ execution: executionSchema, outbox: z.array(outboxMessageSchema) })),
});
type Scene = z.infer<typeof playedSchema>['scenes'][number];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
}, 120_000);
afterAll(() => stack.stop());

function masar(...args: string[]): Promise<CommandResult> {
  return runCommand(args, { env: { MASAR_URL: stack.apiUrl, MASAR_API_KEY: stack.apiKey } });
}

/** Plays a demo, which must end as it should. */
async function play(name: string): Promise<Scene[]> {
  const result = await masar('demo', name, '--json');
  expect(result.err).toBe('');
  const played = playedSchema.parse(result.json());
  expect(played).toMatchObject({ demo: name, asExpected: true });
  expect(result.code).toBe(0);
  for (const { execution } of played.scenes) expect(execution.mode).toBe('sandbox');
  return played.scenes;
}

const sent = ({ outbox }: Scene): string[] =>
  outbox.map(({ connector, nodeId, to }) => `${connector} ${nodeId} ${to}`);
const states = ({ execution }: Scene): Record<string, string> =>
  Object.fromEntries(
    execution.nodes
      .filter(({ iteration }) => iteration === '')
      .map(({ nodeId, status }) => [nodeId, status]),
  );

test('every file in examples/ belongs to a demo and validates without a single issue', async () => {
  const files = readdirSync(EXAMPLES).toSorted();
  expect(DEMOS.flatMap((demo) => demo.files).toSorted()).toEqual(files);
  const paths = files.map((file) => `${EXAMPLES}/${file}`);
  const result = await masar('workflow', 'validate', ...paths, '--json');
  expect(result.json()).toEqual({
    valid: true,
    files: paths.map((file) => ({ file, valid: true, issues: [] })),
  });
  expect(result.code).toBe(0);
});

describe('masar demo', () => {
  test('welcome-lead greets by mail and WhatsApp, and notes the lead in a sheet', async () => {
    const [scene, ...others] = await play('welcome-lead');
    expect(others).toEqual([]);
    expect(scene && sent(scene)).toEqual([
      'email mail nour@example.com',
      'whatsapp wa +12025550143',
      'google-sheets row 1welcomeLeadExampleSpreadsheet00000000000000',
    ]);
    expect(scene?.outbox[0]?.message).toMatchObject({ subject: 'مرحباً نور الهاشمي' });
    const code = scene?.execution.nodes.find(({ nodeId }) => nodeId === 'score');
    expect(code).toMatchObject({ output: { tier: 'gold', mailed: true } });
  }, 60_000);

  test('approval sends the offer that was approved, and not the one that was rejected', async () => {
    const [approved, rejected] = await play('approval');
    expect(approved && sent(approved)).toEqual(['email offer nour@example.com']);
    expect(approved?.outbox[0]?.message).toMatchObject({ subject: 'عرض خاص لك يا نور الهاشمي' });
    expect(rejected && states(rejected)).toEqual({
      ask: 'succeeded',
      offer: 'skipped',
      tell: 'succeeded',
    });
    expect(rejected && sent(rejected)).toEqual(['email tell sales@example.com']);
    expect(rejected?.outbox[0]?.message).toMatchObject({
      subject: 'Not sent: the offer for عمر الفارسي',
    });
  }, 60_000);

  test('lead-scoring takes the branch of the tier', async () => {
    const [gold, silver, bronze] = await play('lead-scoring');
    expect(gold && sent(gold).toSorted()).toEqual([
      'email seller sales@example.com',
      'whatsapp call +12025550143',
    ]);
    expect(silver && sent(silver)).toEqual(['email brochure omar@example.com']);
    expect(bronze && sent(bronze)).toEqual([
      'google-sheets later 1leadScoringExampleSpreadsheet00000000000000',
    ]);
    const scores = [gold, silver, bronze].map(
      (scene) => scene?.execution.nodes.find(({ nodeId }) => nodeId === 'score')?.output,
    );
    expect(scores).toEqual([
      { score: 95, tier: 'gold' },
      { score: 42, tier: 'silver' },
      { score: 2, tier: 'bronze' },
    ]);
  }, 60_000);

  test('nightly-digest adds up the sheet, in which each lead has one row however often it comes', async () => {
    await play('nightly-digest');
    const [filled, told] = await play('nightly-digest');
    expect(filled?.outbox.filter(({ operation }) => operation === 'append')).toEqual([]);
    const sum = told?.execution.nodes.find(({ nodeId }) => nodeId === 'sum');
    expect(sum?.output).toEqual({
      leads: 3,
      value: 24_500,
      cities: [
        { city: 'دبي', leads: 2 },
        { city: 'بيروت', leads: 1 },
      ],
    });
    expect(told?.outbox.at(-1)).toMatchObject({
      connector: 'email',
      to: 'team@example.com',
      message: { subject: 'ملخص اليوم، عدد العملاء المحتملين: 3' },
    });
  }, 60_000);

  test('broadcast reaches everybody with a number, and counts who has none', async () => {
    const [scene] = await play('broadcast');
    const messages = scene?.outbox.filter(({ connector }) => connector === 'whatsapp') ?? [];
    expect(messages.map(({ to }) => to).toSorted()).toEqual([
      '+12025550117',
      '+12025550143',
      '+12025550162',
      '+12025550188',
    ]);
    const failed = scene?.execution.nodes.filter(({ status }) => status === 'failed');
    expect(failed).toMatchObject([{ nodeId: 'message', iteration: '2' }]);
    expect(scene?.outbox.at(-1)).toMatchObject({
      nodeId: 'report',
      message: { subject: 'Broadcast: 4 of 5 sent' },
    });
  }, 60_000);

  test('webhook-answer answers the caller with the price, or with what is missing', async () => {
    const seen = await masar('demo', 'webhook-answer');
    expect(seen.out).toMatch(/answered 200: .*"total":960/);
    expect(seen.out).toMatch(/answered 422: .*number of seats/);
    const [answered, refused] = await play('webhook-answer');
    expect(answered?.execution.trigger.type).toBe('webhook');
    expect(answered && sent(answered)).toEqual(['email quote nour@example.com']);
    expect(refused && sent(refused)).toEqual([]);
    expect(refused && states(refused)).toMatchObject({ refuse: 'succeeded', quote: 'skipped' });
  }, 60_000);

  test('saga takes the bookings back, the latest first, only when the card is refused', async () => {
    const [booked, undone] = await play('saga');
    const requests = (scene: Scene | undefined): string[] =>
      (scene?.outbox ?? [])
        .filter(({ connector }) => connector === 'http')
        .map(({ message }) => `${message.method} ${new URL(String(message.url)).hostname}`);
    const both = ['PUT flights.example.com', 'PUT hotels.example.com'];
    expect(requests(booked)).toEqual(both);
    expect(booked?.outbox.at(-1)).toMatchObject({ connector: 'email', to: 'nour@example.com' });
    expect(undone?.execution).toMatchObject({
      status: 'failed',
      error: { message: 'The credit of 100 does not cover the price of 900.' },
    });
    expect(requests(undone)).toEqual([
      ...both,
      'DELETE hotels.example.com',
      'DELETE flights.example.com',
    ]);
    // The booking that is taken back is the one that was made.
    expect(new Set(undone?.outbox.map(({ to }) => to?.split('/').at(-1))).size).toBe(1);
  }, 60_000);

  test('an example that was changed here is played as it is, until --reset', async () => {
    await play('saga');
    const { body } = await stack.call('GET', '/api/workflows/saga');
    // Nobody asked for it to go on taking orders.
    expect(body.isActive).toBe(false);
    const nodes = body.nodes.filter(({ id }: { id: string }) => id !== 'confirm');
    const connections = body.connections.filter(({ to }: { to: string }) => to !== 'confirm');
    await stack.publish({ workflowId: 'saga', name: 'Mine', nodes, connections });
    const changed = await masar('demo', 'saga');
    expect(changed.out).toContain('was changed here');
    expect(changed.out).not.toContain('Confirm the trip');
    const reset = await masar('demo', 'saga', '--reset', '--keep');
    expect(reset.out).toContain('Confirm the trip');
    expect(reset.code).toBe(0);
    const kept = await stack.call('GET', '/api/workflows/saga');
    expect(kept.body).toMatchObject({ name: 'Book a trip', isActive: true });
  }, 60_000);

  test('the list names all, and a wrong name the nearest', async () => {
    const list = await masar('demo');
    for (const { name } of DEMOS) expect(list.out).toContain(name);
    const wrong = await masar('demo', 'aproval');
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('Did you mean approval?');
  }, 30_000);
});
