/** What control nodes go through when their worker is killed in the middle. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stack, startStack, type WrittenDefinition } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ worker: false });
}, 60_000);

afterAll(() => stack.stop(), 30_000);

async function begin(
  workflowId: string,
  graph: Pick<WrittenDefinition, 'nodes' | 'connections'>,
): Promise<string> {
  const definition = { workflowId, name: workflowId, ...graph };
  await stack.publish(definition);
  const { body } = await stack.call('POST', `/api/workflows/${workflowId}/executions`, {});
  return body.executionId;
}

async function mailsOf(executionId: string): Promise<string[]> {
  const { body } = await stack.call(
    'GET',
    `/api/sandbox/outbox?executionId=${executionId}&limit=100`,
  );
  return body.items.map((item: { message: { subject: string } }) => item.message.subject);
}

const letter = {
  id: 'letter',
  type: 'email',
  config: { to: 'a@example.com', subject: 'Number {{ item }}', text: 'Hello' },
};

test('a forEach of 50 mails and a wait, whose worker is killed, end right on the next one, with nothing sent twice', async () => {
  const numbers = Array.from({ length: 50 }, (_, index) => index);
  const first = await stack.startWorker();
  const [looping, waiting] = await Promise.all([
    begin('loop', {
      nodes: [
        {
          id: 'loop',
          type: 'forEach',
          config: { items: numbers, concurrency: 2, body: { nodes: [letter] } },
        },
      ],
    }),
    begin('wait', {
      nodes: [
        { ...letter, id: 'before', config: { ...letter.config, subject: 'before' } },
        { id: 'w', type: 'wait', config: { for: '5s' } },
        { ...letter, id: 'after', config: { ...letter.config, subject: 'after' } },
      ],
      connections: [
        { from: 'before', to: 'w' },
        { from: 'w', to: 'after' },
      ],
    }),
  ]);
  await stack.until('some mails are out', async () => (await mailsOf(looping)).length >= 5);
  await stack.until('the wait has begun', async () => {
    const { body } = await stack.call('GET', `/api/executions/${waiting}`);
    return body.nodes.some((node: { status: string }) => node.status === 'waiting');
  });
  await first.kill();
  // Otherwise it was killed too late to prove anything.
  expect((await mailsOf(looping)).length).toBeLessThan(50);
  expect((await mailsOf(waiting)).length).toBe(1);
  await stack.startWorker();
  expect(await stack.ended(looping, 90_000)).toMatchObject({ status: 'succeeded' });
  expect(await stack.ended(waiting, 60_000)).toMatchObject({ status: 'succeeded' });
  expect((await mailsOf(looping)).sort()).toEqual(numbers.map((n) => `Number ${n}`).sort());
  expect((await mailsOf(waiting)).sort()).toEqual(['after', 'before']);
}, 180_000);
