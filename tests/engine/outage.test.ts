/** Parts that go away for a while, without anything being killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { connectClient } from '../../temporal/connection.ts';
import type { DefinitionInput } from '../../workflows/graph/definition.ts';
import { startTestEmulators, type TestEmulators } from '../support/emulators.ts';
import type { RoleProcess } from '../support/roles.ts';
import { type Execution, type Stack, startStack, temporalAddress } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { type Reply, startWebApi, type WebApi } from '../support/web-api.ts';

let web: WebApi;
let stack: Stack;
let emulators: TestEmulators;
let toDatabase: TcpProxy;
let toTemporal: TcpProxy;
let worker: RoleProcess;
let client: Client;

/** Starts a worker whose lines to PostgreSQL and Temporal the test can cut. */
function startWorker(): Promise<RoleProcess> {
  const url = new URL(stack.env.DATABASE_URL ?? '');
  url.host = toDatabase.address;
  return stack.startWorker({ DATABASE_URL: url.href, TEMPORAL_ADDRESS: toTemporal.address });
}

beforeAll(async () => {
  web = await startWebApi();
  stack = await startStack({
    worker: false,
    emulators: false,
    env: { MASAR_ALLOW_HOSTS: web.host },
  });
  emulators = await startTestEmulators(stack.database);
  toDatabase = await startTcpProxy(new URL(stack.env.DATABASE_URL ?? '').host);
  toTemporal = await startTcpProxy(temporalAddress());
  worker = await startWorker();
  client = await connectClient({ address: temporalAddress(), namespace: stack.namespace });
}, 60_000);

afterAll(async () => {
  await client.connection.close();
  await stack.stop();
  await Promise.all([toDatabase.close(), toTemporal.close(), emulators.close(), web.close()]);
}, 60_000);

type Node = DefinitionInput['nodes'][number];

function keyed(id: string, path: string, reply: () => Promise<Reply>): Node {
  return {
    id,
    type: 'http',
    config: {
      method: 'POST',
      url: web.on(path, reply, { status: 200, body: { again: true } }),
      body: {},
      idempotencyHeader: 'Idempotency-Key',
    },
  };
}
const wa: Node = {
  id: 'wa',
  type: 'whatsapp',
  config: { to: '+971501234567', text: 'Hello' },
};
const code: Node = { id: 'code', type: 'code', config: { code: 'return 1;' } };

async function run(workflowId: string, ...nodes: Node[]): Promise<string> {
  const connections = nodes
    .slice(1)
    .map(({ id }, index) => ({ from: nodes[index]?.id ?? '', to: id }));
  await stack.publish({ workflowId, name: workflowId, nodes, connections });
  return stack.start(workflowId);
}

function attempts({ nodes }: Execution): Record<string, number> {
  return Object.fromEntries(nodes.map(({ nodeId, attempts: count }) => [nodeId, count]));
}

test('the database goes away between the answer and its record: the run goes on when it is back', async () => {
  const executionId = await run(
    'database-away',
    keyed('post', '/database-away', async () => {
      toDatabase.cut();
      return { status: 201, body: { first: true } };
    }),
    code,
  );
  await stack.until('the answer was given', async () => web.asked('/database-away').length === 1);
  // Longer than an attempt tries to record what it did.
  await sleep(9_000);
  expect((await stack.execution(executionId)).status).toBe('running');
  expect(web.asked('/database-away')).toHaveLength(1);
  toDatabase.mend();
  const execution = await stack.ended(executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  // In doubt, the request was repeated under its key.
  expect(attempts(execution)).toEqual({ post: 2, code: 1 });
  expect(web.asked('/database-away')).toHaveLength(2);
}, 90_000);

test('Temporal goes away while nodes run: they count once', async () => {
  const executionId = await run(
    'temporal-away',
    wa,
    keyed('post', '/temporal-away', async () => {
      toTemporal.cut();
      return { status: 201, body: { first: true } };
    }),
    code,
  );
  await stack.until('the answer was given', async () => web.asked('/temporal-away').length === 1);
  // Longer than Temporal waits for a workflow task, so that the nodes are begun anew.
  await sleep(11_000);
  toTemporal.mend();
  const execution = await stack.ended(executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  expect(attempts(execution)).toEqual({ wa: 1, post: 1, code: 1 });
  expect(web.asked('/temporal-away')).toHaveLength(1);
  // Our table knew of the end before Temporal did; the repeated run came to the same one.
  await stack.until('Temporal agrees', async () => {
    const { status } = await client.workflow.getHandle(executionId).describe();
    expect(['RUNNING', 'COMPLETED']).toContain(status.name);
    return status.name === 'COMPLETED';
  });
}, 90_000);

test('a worker that is asked to stop finishes what it has begun', async () => {
  let finish: (reply: Reply) => void = () => undefined;
  const answered = new Promise<Reply>((resolve) => {
    finish = resolve;
  });
  const executionId = await run(
    'drained',
    keyed('post', '/drained', () => answered),
    code,
  );
  await stack.until('the node runs', async () => web.asked('/drained').length === 1);
  const stopped = worker.stop();
  await sleep(1_000);
  finish({ status: 201, body: { first: true } });
  expect(await stopped).toBe(0);
  worker = await startWorker();
  const execution = await stack.ended(executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  expect(attempts(execution)).toEqual({ post: 1, code: 1 });
  expect(web.asked('/drained')).toHaveLength(1);
}, 90_000);

test('a worker sleeps while a message is sent and wakes up late: its success is taken', async () => {
  let answer: (reply: Reply) => void = () => undefined;
  const answered = new Promise<Reply>((resolve) => {
    answer = resolve;
  });
  const post: Node = {
    id: 'post',
    type: 'http',
    config: { method: 'POST', url: web.on('/slept', () => answered), body: {} },
    // Longer than the worker sleeps, or its first thought would be that its time is up.
    timeout: '10m',
  };
  const executionId = await run('slept', post, code);
  await stack.until('the node runs', async () => web.asked('/slept').length === 1);
  worker.sleep();
  // Its line breaks, as it does in time, or Temporal would go on handing work to the sleeper.
  toTemporal.cut();
  toTemporal.mend();
  answer({ status: 201, body: { id: 7 } });
  const other = await startWorker();
  await stack.until(
    'the other worker doesn’t know what became of it',
    async () => (await stack.execution(executionId)).status === 'unknown',
    60_000,
  );
  worker.wake();
  // The reconciler looks at it every 15 s.
  const execution = await stack.ended(executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  expect(execution.nodes[0]).toMatchObject({ status: 'succeeded', output: { body: { id: 7 } } });
  expect(web.asked('/slept')).toHaveLength(1);
  await other.stop();
}, 150_000);
