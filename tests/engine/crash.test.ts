/** Whatever dies, a run goes on where it was, and nobody gets the same message twice. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { EmulatorFault } from '../../connectors/contract.ts';
import { isSheetsAppend } from '../../connectors/google-sheets/emulator.ts';
import type { EmulatedRequest, HttpEmulator } from '../../connectors/http-emulator.ts';
import { startTestEmulators, type TestEmulators } from '../support/emulators.ts';
import { startForgetfulWorker } from '../support/forgetful-worker.ts';
import type { RoleProcess } from '../support/roles.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let emulators: TestEmulators;
let api: RoleProcess;
let worker: RoleProcess;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  stack = await startStack({ worker: false, api: false, emulators: false });
  emulators = await startTestEmulators(stack.database);
  [api, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
}, 60_000);

afterAll(async () => {
  await stack.stop();
  await emulators.close();
}, 60_000);

async function crashWorker(): Promise<void> {
  await worker.kill();
  worker = await stack.startWorker();
}

const mail = {
  id: 'mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'مرحباً {{ lead.name }}', text: 'Welcome' },
};
const wa = {
  id: 'wa',
  type: 'whatsapp',
  config: { to: '{{ lead.phone }}', text: 'مرحباً {{ lead.name }}' },
};
const row = {
  id: 'row',
  type: 'google-sheets',
  config: { spreadsheetId: 'leads', range: 'Leads!A:B', values: ['{{ lead.id }}', 'new'] },
};
const http = {
  id: 'http',
  type: 'http',
  config: {
    method: 'POST',
    url: 'https://crm.example.com/leads',
    body: { id: '{{ lead.id }}' },
    idempotencyHeader: 'Idempotency-Key',
  },
};

function chained(...nodes: { readonly id: string; readonly type: string }[]) {
  return {
    nodes,
    connections: nodes.slice(1).map(({ id }, index) => ({ from: nodes[index]?.id ?? '', to: id })),
  };
}

function lead(id: string) {
  return { id, name: 'نور الهدى', email: `${id}@example.com`, phone: '+971501234567' };
}

/** @returns how many messages each node of the execution sent, as the providers count them */
async function messagesOf(executionId: string): Promise<Record<string, number>> {
  const rows: { node_id: string; count: string }[] = await stack
    .database('sandbox_messages')
    .where({ execution_id: executionId })
    .groupBy('node_id')
    .select('node_id')
    .count();
  return Object.fromEntries(rows.map(({ node_id, count }) => [node_id, Number(count)]));
}

async function statusOf(executionId: string, nodeId: string): Promise<string | undefined> {
  const { nodes } = await stack.execution(executionId);
  return nodes.find((node) => node.nodeId === nodeId)?.status;
}

/** @returns how many log rows each node of the execution has */
async function rowsOf(executionId: string): Promise<Record<string, number>> {
  const rows: { node_id: string; count: string }[] = await stack
    .database('execution_logs')
    .where({ execution_id: executionId })
    .groupBy('node_id')
    .select('node_id')
    .count();
  return Object.fromEntries(rows.map(({ node_id, count }) => [node_id, Number(count)]));
}

/** The next request that matches meets the fault. @returns whether it has */
function strike(
  emulator: Pick<HttpEmulator, 'injectWhere'>,
  matches: (request: EmulatedRequest) => boolean,
  kind: (EmulatorFault & { kind: 'hang' | 'hangAfterAccept' })['kind'],
): () => boolean {
  let struck = false;
  emulator.injectWhere(
    (request) => {
      const hit = matches(request);
      struck ||= hit;
      return hit;
    },
    { kind },
  );
  return () => struck;
}

test('killed in the middle of each node, a run ends right and every message is sent once', async () => {
  const code = {
    id: 'code',
    type: 'code',
    config: {
      // Busy for some time after the node before it, so that it can be interrupted once.
      code: `const until = Date.parse(input.nodes.http.output.headers.date) + 12_000;
        while (Date.now() < until);
        return { tier: 'gold' };`,
      timeout: '14s',
    },
  };
  await stack.publish({
    workflowId: 'every-node',
    name: 'Every node',
    ...chained(mail, wa, row, http, code),
  });

  // Of one execution each provider accepts the message and the worker dies before it hears of it;
  // of the other one the worker dies before the provider has accepted anything.
  emulators.email.inject({ kind: 'hangAfterAccept' });
  const heard = await stack.start('every-node', { lead: lead('heard') });
  await stack.until('the mail was accepted', async () => (await messagesOf(heard)).mail === 1);
  emulators.email.inject({ kind: 'hang' });
  const unheard = await stack.start('every-node', { lead: lead('unheard') });
  await stack.until('the other mail is on its way', async () => emulators.email.faultsLeft() === 0);

  function hangAt(
    emulator: Pick<HttpEmulator, 'injectWhere'>,
    matches = (_: EmulatedRequest) => true,
  ) {
    const of = (executionId: string) => (request: EmulatedRequest) =>
      request.trace.executionId === executionId && matches(request);
    return {
      heard: strike(emulator, of(heard), 'hangAfterAccept'),
      unheard: strike(emulator, of(unheard), 'hang'),
    };
  }
  async function inTheMiddle(nodeId: string, struck: ReturnType<typeof hangAt>): Promise<void> {
    await stack.until(
      `both executions are in the middle of ${nodeId}`,
      async () => struck.heard() && struck.unheard() && (await messagesOf(heard))[nodeId] === 1,
      60_000,
    );
    expect((await messagesOf(unheard))[nodeId]).toBeUndefined();
  }

  const atWhatsapp = hangAt(emulators.whatsapp);
  await crashWorker();
  await inTheMiddle('wa', atWhatsapp);
  expect([await messagesOf(heard), await messagesOf(unheard)]).toEqual([
    { mail: 1, wa: 1 },
    { mail: 1 },
  ]);

  const atRow = hangAt(emulators.google, isSheetsAppend);
  await crashWorker();
  for (const executionId of [heard, unheard]) {
    await stack.until(
      'the execution is held, since nobody can ask WhatsApp',
      async () => (await stack.execution(executionId)).status === 'unknown',
      60_000,
    );
    expect(await statusOf(executionId, 'wa')).toBe('unknown');
  }
  const resolve = (executionId: string, body: object) =>
    stack.call('POST', `/api/executions/${executionId}/nodes/wa/resolve`, body);
  const seen = { messageId: 'seen in the chat', to: lead('heard').phone };
  expect((await resolve(heard, { outcome: 'sent', output: seen })).status).toBe(202);
  expect((await resolve(unheard, { outcome: 'resend' })).status).toBe(202);
  await inTheMiddle('row', atRow);

  const atHttp = hangAt(emulators.http);
  await crashWorker();
  await inTheMiddle('http', atHttp);

  await crashWorker();
  await stack.until(
    'both executions are in the middle of code',
    async () =>
      (await statusOf(heard, 'code')) === 'running' &&
      (await statusOf(unheard, 'code')) === 'running',
    60_000,
  );
  await crashWorker();

  for (const executionId of [heard, unheard]) {
    const execution = await stack.ended(executionId, 60_000);
    expect(execution).toMatchObject({ status: 'succeeded', result: { code: { tier: 'gold' } } });
    expect(await messagesOf(executionId)).toEqual({ mail: 1, wa: 1, row: 1, http: 1 });
    expect(await rowsOf(executionId)).toEqual({ mail: 1, wa: 1, row: 1, http: 1, code: 1 });
    expect(
      execution.nodes.map(({ nodeId, status, attempts }) => [nodeId, status, attempts]),
    ).toEqual([
      ['mail', 'succeeded', 2],
      ['wa', 'succeeded', executionId === heard ? 2 : 3],
      ['row', 'succeeded', 2],
      ['http', 'succeeded', 2],
      ['code', 'succeeded', 2],
    ]);
  }
  const { nodes } = await stack.execution(heard);
  expect(nodes.find(({ nodeId }) => nodeId === 'wa')?.output).toEqual(seen);
}, 300_000);

test('a worker killed with 30 executions in flight: all succeed, nothing is sent twice', async () => {
  const code = { id: 'code', type: 'code', config: { code: 'return { lead: input.lead.id };' } };
  await stack.publish({ workflowId: 'fleet', name: 'Fleet', ...chained(mail, row, http, code) });
  // The third connection to the mail server, of three at most, keeps the others going.
  emulators.email.inject({ kind: 'hangAfterAccept' }, { kind: 'hang' });
  const struck = (['hangAfterAccept', 'hang'] as const).flatMap((kind) => [
    strike(emulators.google, isSheetsAppend, kind),
    strike(emulators.http, ({ trace }) => trace.nodeId === 'http', kind),
  ]);
  const decided = await startDecided();
  const executionIds = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      stack.start('fleet', { lead: lead(`fleet-${index}`) }),
    ),
  );
  await stack.until(
    'some are in the middle of each node',
    async () =>
      emulators.email.faultsLeft() === 0 && struck.every((it) => it()) && decided.inTheMiddle(),
  );
  await crashWorker();

  for (const executionId of executionIds) {
    const execution = await stack.ended(executionId, 60_000);
    expect(execution).toMatchObject({ status: 'succeeded', error: null });
    expect(await messagesOf(executionId)).toEqual({ mail: 1, row: 1, http: 1 });
    expect(await rowsOf(executionId)).toEqual({ mail: 1, row: 1, http: 1, code: 1 });
  }
  const execution = await stack.ended(decided.executionId, 60_000);
  expect(execution.status).toBe('succeeded');
  expect(execution.nodes.map(({ nodeId, status, attempts }) => [nodeId, status, attempts])).toEqual(
    [
      ['ask', 'failed', 1],
      ['yes', 'skipped', 0],
      ['no', 'succeeded', 2],
    ],
  );
  expect(await messagesOf(decided.executionId)).toEqual({ no: 1 });
}, 150_000);

/** An execution that took its error output, and would take the other one if it asked again. */
async function startDecided() {
  const posting = (id: string) => ({ ...http, id, config: { ...http.config, body: { is: id } } });
  await stack.publish({
    workflowId: 'decided',
    name: 'Decided',
    nodes: [posting('ask'), posting('yes'), posting('no')],
    connections: [
      { from: 'ask', to: 'yes' },
      { from: 'ask', output: 'error', to: 'no' },
    ],
  });
  const at = (nodeId: string) => (request: EmulatedRequest) => request.trace.nodeId === nodeId;
  emulators.http.injectWhere(at('ask'), { kind: 'reply', reply: { status: 404 } });
  const inTheMiddle = strike(emulators.http, at('no'), 'hangAfterAccept');
  return { executionId: await stack.start('decided', { lead: lead('decided') }), inTheMiddle };
}

test('what an API accepted runs, although the API was killed right after its answer', async () => {
  await stack.publish({ workflowId: 'accepted', name: 'Accepted', ...chained(mail) });
  const executionIds = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((id) =>
      stack.start('accepted', { lead: lead(`accepted-${id}`) }),
    ),
  );
  await api.kill();
  api = await stack.startApi();
  for (const executionId of executionIds) {
    // At the latest the reconciler starts it, once it has been waiting for 15 s.
    expect(await stack.ended(executionId, 60_000)).toMatchObject({ status: 'succeeded' });
    expect(await messagesOf(executionId)).toEqual({ mail: 1 });
  }
}, 90_000);

test('without the ledger’s memory the same crash sends the mail twice', async () => {
  await stack.publish({ workflowId: 'forgetful', name: 'Forgetful', ...chained(mail) });
  emulators.email.inject({ kind: 'hangAfterAccept' });
  const executionId = await stack.start('forgetful', { lead: lead('forgotten') });
  await stack.until(
    'the mail was accepted',
    async () => (await messagesOf(executionId)).mail === 1,
  );
  await worker.kill();
  const forgetful = await startForgetfulWorker(stack);
  try {
    expect(await stack.ended(executionId, 60_000)).toMatchObject({ status: 'succeeded' });
    expect(await messagesOf(executionId)).toEqual({ mail: 2 });
  } finally {
    await forgetful.stop();
    worker = await stack.startWorker();
  }
}, 90_000);
