/** Results of megabytes: an execution gets through with them, or says which is too large. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { createPayloadStore } from '../../db/payload-store.ts';
import { connectClient } from '../../temporal/connection.ts';
import { createDataConverter } from '../../temporal/large-payloads.ts';
import { temporalAddress } from '../support/stack.ts';
import { startWorkbench, type Workbench } from '../support/workbench.ts';

let bench: Workbench;
let client: Client;

const large = (letter: string) => ({ status: 200, body: { text: letter.repeat(1_000_000) } });

beforeAll(async () => {
  bench = await startWorkbench();
  client = await connectClient(
    { address: temporalAddress(), namespace: bench.stack.namespace },
    createDataConverter(createPayloadStore(bench.stack.database)),
  );
}, 60_000);

afterAll(async () => {
  await client.connection.close();
  await bench.stop();
}, 30_000);

test('five answers of a megabyte in one task, and a result of five', async () => {
  const letters = ['a', 'b', 'c', 'd', 'e'];
  const executionId = await bench.run('large', {
    nodes: letters.map((letter) => bench.reads(letter, `/large/${letter}`, large(letter))),
    connections: [],
  });
  const execution = await bench.stack.ended(executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  const { result } = await client.workflow.getHandle(executionId).result();
  expect(result).toEqual(execution.result);
  for (const letter of letters) {
    expect(JSON.stringify(result[letter])).toContain(letter.repeat(1_000_000));
  }
  const { events } = await client.workflow.getHandle(executionId).fetchHistory();
  expect(JSON.stringify(events).length).toBeLessThan(200_000);
}, 90_000);

test('a large lead and large input reach the nodes', async () => {
  await bench.stack.publish({
    workflowId: 'large-input',
    name: 'large-input',
    nodes: [
      {
        id: 'echo',
        type: 'code',
        config: { code: 'return { size: input.input.text.length, last: input.input.text.at(-1) }' },
      },
    ],
  });
  const executionId = await bench.stack.start('large-input', {
    input: { text: `${'x'.repeat(600_000)}y` },
  });
  expect(await bench.stack.ended(executionId, 60_000)).toMatchObject({
    status: 'succeeded',
    result: { echo: { size: 600_001, last: 'y' } },
  });
}, 90_000);

test('a list of results that no message could carry fails its node, in the log as in Temporal', async () => {
  const executionId = await bench.run('too-large', {
    nodes: [
      {
        id: 'pages',
        type: 'forEach',
        config: {
          items: Array.from({ length: 9 }, (_, index) => index),
          concurrency: 3,
          body: { nodes: [bench.reads('page', '/page', large('p'))], connections: [] },
        },
      },
    ],
    connections: [],
  });
  const execution = await bench.stack.ended(executionId, 60_000);
  expect(execution).toMatchObject({ status: 'failed', error: { code: 'output_too_large' } });
  expect(execution.error?.message).toContain('8000000 is the limit');
  await expect(client.workflow.getHandle(executionId).result()).rejects.toThrow(
    WorkflowFailedError,
  );
}, 90_000);
