/** What an engine of this kind is asked for at its limits: long lists, large graphs, many at once. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stack, startStack, type WrittenDefinition } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
}, 60_000);

afterAll(() => stack.stop(), 60_000);

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

async function begin(
  workflowId: string,
  graph: Pick<WrittenDefinition, 'nodes' | 'connections'>,
  input: object = {},
): Promise<string> {
  await stack.publish({ workflowId, name: workflowId, ...graph });
  return stack.start(workflowId, { input });
}

/** @returns how many messages there are by their subjects, of all executions or of one */
async function mailCounts(executionId?: string): Promise<Map<string, number>> {
  const rows: readonly { subject: string }[] = await stack
    .database('sandbox_messages')
    .where(executionId === undefined ? {} : { execution_id: executionId })
    .select(stack.database.raw("message ->> 'subject' AS subject"));
  const counts = new Map<string, number>();
  for (const { subject } of rows) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  return counts;
}

const mail = {
  id: 'mail',
  type: 'email',
  config: { to: 'a@example.com', subject: 'Number {{ item }}', text: 'Hello' },
};

test('a forEach of 10,000 items ends, and its page still answers', async () => {
  const executionId = await begin(
    'ten-thousand',
    {
      nodes: [
        {
          id: 'each',
          type: 'forEach',
          config: {
            items: '{{ input.numbers }}',
            concurrency: 20,
            body: {
              nodes: [
                { id: 'double', type: 'set', config: { values: { n: '{{ item | times: 2 }}' } } },
              ],
            },
          },
        },
      ],
    },
    { numbers: numbers(10_000) },
  );
  await stack.until(
    'the forEach has ended',
    async () => {
      const row: { status: string } | undefined = await stack
        .database('executions')
        .where({ id: executionId })
        .first('status');
      return row?.status === 'succeeded';
    },
    90_000,
  );
  const asked = Date.now();
  const execution = await stack.execution(executionId);
  expect(Date.now() - asked).toBeLessThan(10_000);
  const { each } = execution.result as { each: { results: readonly { n: number }[] } };
  expect(each.results.map(({ n }) => n)).toEqual(numbers(10_000).map((number) => 2 * number));
  const [rows] = await stack
    .database('execution_logs')
    .where({ execution_id: executionId, node_id: 'double', status: 'succeeded' })
    .count();
  expect(Number(rows?.count)).toBe(10_000);
}, 120_000);

test('a forEach of 1,000 mails sends each once', async () => {
  const executionId = await begin('thousand-mails', {
    nodes: [
      {
        id: 'each',
        type: 'forEach',
        config: { items: numbers(1_000), concurrency: 50, body: { nodes: [mail] } },
      },
    ],
  });
  expect((await stack.ended(executionId, 90_000)).status).toBe('succeeded');
  const counts = await mailCounts(executionId);
  expect(counts.size).toBe(1_000);
  expect([...counts.values()].every((count) => count === 1)).toBe(true);
}, 120_000);

test('a graph of 500 nodes runs to its last one', async () => {
  const nodes = numbers(500).map((number) => ({
    id: `n${number}`,
    type: 'set',
    config: {
      values: { count: number === 0 ? 1 : `{{ nodes.n${number - 1}.output.count | plus: 1 }}` },
    },
  }));
  const connections = numbers(499).map((number) => ({
    from: `n${number}`,
    to: `n${number + 1}`,
  }));
  const executionId = await begin('five-hundred', { nodes, connections });
  expect(await stack.ended(executionId, 60_000)).toMatchObject({
    status: 'succeeded',
    result: { n499: { count: 500 } },
  });
}, 90_000);

test('200 executions at once all succeed, and each sends its mail once', async () => {
  await stack.publish({
    workflowId: 'at-once',
    name: 'at-once',
    nodes: [{ ...mail, config: { ...mail.config, subject: 'At once {{ input.number }}' } }],
  });
  const started = await Promise.all(
    numbers(200).map((number) => stack.start('at-once', { input: { number } })),
  );
  await stack.until(
    'all have ended',
    async () => {
      const [row] = await stack
        .database('executions')
        .whereIn('id', started)
        .where({ status: 'succeeded' })
        .count();
      return Number(row?.count) === 200;
    },
    60_000,
  );
  const counts = [...(await mailCounts())].filter(([subject]) => subject.startsWith('At once'));
  expect(counts.length).toBe(200);
  expect(counts.every(([, count]) => count === 1)).toBe(true);
}, 90_000);
