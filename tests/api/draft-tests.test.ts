/** Tests of drafts on the real servers: single nodes, whole drafts, pinned outputs. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
}, 60_000);
afterAll(() => stack.stop());

const lead = { id: 'l1', name: 'ليلى', email: 'layla@example.com', score: 80 };

/** Looks something up, names a value of it, decides, and sends a mail about it. */
const draft = (workflowId: string, extra: object = {}) => ({
  workflowId,
  name: 'Draft',
  nodes: [
    { id: 'look', type: 'code', config: { code: 'return { city: "Dubai" }' } },
    { id: 'named', type: 'set', config: { values: { place: '{{ nodes.look.output.city }}' } } },
    {
      id: 'hot',
      type: 'condition',
      config: { left: '{{ lead.score }}', operator: 'gt', right: 50 },
    },
    {
      id: 'mail',
      type: 'email',
      config: {
        to: '{{ lead.email }}',
        subject: '{{ vars.place }}: {{ trigger.data.offer }}',
        text: '{{ nodes.look.output.city }} {{ nodes.hot.output.result }}',
      },
    },
  ],
  connections: [
    { from: 'look', to: 'named' },
    { from: 'named', to: 'hot' },
    { from: 'hot', output: 'false', to: 'mail' },
  ],
  ...extra,
});

async function save(definition: { readonly workflowId: string }): Promise<string> {
  const saved = await stack.call('PUT', `/api/workflows/${definition.workflowId}`, definition);
  expect(saved.status).toBe(201);
  return `/api/workflows/${definition.workflowId}`;
}

async function outbox(executionId: string) {
  const { body } = await stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
  return body.items;
}

describe('the test of one node', () => {
  test('takes what is given, then what is pinned, and runs nothing else', async () => {
    const path = await save(draft('one'));
    const pinned = { output: { city: 'Sharjah' } };
    const pin = await stack.call('PUT', `${path}/pins/look`, pinned);
    expect(pin.body).toMatchObject({ nodeId: 'look', outputPort: 'success', ...pinned });
    const request = { lead, trigger: { data: { offer: 'villa' } } };
    const tested = await stack.call('POST', `${path}/nodes/mail/test`, request);
    expect(tested).toMatchObject({
      status: 200,
      body: {
        status: 'succeeded',
        node: {
          nodeId: 'mail',
          status: 'succeeded',
          input: { to: lead.email, subject: 'Sharjah: villa', text: 'Sharjah true' },
          output: { accepted: [lead.email] },
        },
        assumed: [
          { nodeId: 'look', source: 'pin', ...pinned },
          { nodeId: 'hot', source: 'sample', output: { result: true } },
        ],
      },
    });
    const { executionId } = tested.body;
    expect(await outbox(executionId)).toHaveLength(1);
    const execution = await stack.execution(executionId);
    expect(execution).toMatchObject({
      version: 0,
      mode: 'sandbox',
      trigger: { type: 'test', nodeId: 'mail', pinned: ['look', 'hot'] },
    });
    const given = { ...request, pins: { look: { output: { city: 'Ajman' } } } };
    const again = await stack.call('POST', `${path}/nodes/mail/test`, given);
    expect(again.body.node.input.subject).toBe('Ajman: villa');
    expect(again.body.assumed[0]).toMatchObject({ nodeId: 'look', source: 'request' });
    const unknownLead = await stack.call('GET', '/api/leads/l1');
    expect(unknownLead.status).toBe(404);
  });

  test('says what went wrong, after one attempt', async () => {
    const path = await save(draft('wrong'));
    const earlier = await stack.call('POST', `${path}/nodes/mail/test`, { lead });
    expect(earlier).toMatchObject({
      status: 200,
      body: { status: 'failed', node: { status: 'skipped' }, error: { nodeId: 'named' } },
    });
    const pins = { look: { output: { city: 'Dubai' } } };
    const nameless = await stack.call('POST', `${path}/nodes/mail/test`, { lead, pins });
    expect(nameless).toMatchObject({
      status: 200,
      body: { status: 'failed', node: { status: 'failed', error: { code: 'unknown_name' } } },
    });
    expect(nameless.body.node.error.message).toContain('trigger.data');
    const crash = { id: 'crash', type: 'code', config: { code: 'throw new Error("no")' } };
    await save(draft('crash', { nodes: [crash], connections: [] }));
    const crashed = await stack.call('POST', '/api/workflows/crash/nodes/crash/test', {});
    expect(crashed.body.node).toMatchObject({ status: 'failed', attempts: 1 });
  });

  test('is refused for a node that can’t run or isn’t there, not for another’s problems', async () => {
    const broken = { id: 'broken', type: 'email', config: { to: 'a@b.example' } };
    const fine = { id: 'fine', type: 'code', config: { code: 'return 1' } };
    const inner = { nodes: [{ id: 'inner', type: 'set', config: { values: {} } }] };
    const loop = {
      id: 'loop',
      type: 'forEach',
      config: { items: '{{ input.list }}', body: inner },
    };
    const path = await save(
      draft('part', { nodes: [broken, fine, loop], connections: [{ from: 'broken', to: 'fine' }] }),
    );
    const refused = await stack.call('POST', `${path}/nodes/broken/test`);
    expect(refused).toMatchObject({ status: 422, body: { error: 'invalid_definition' } });
    expect(refused.body.message).toContain('"subject" of "broken" is missing');
    expect((await stack.call('POST', `${path}/nodes/fine/test`)).body.node.output).toBe(1);
    const looped = await stack.call('POST', `${path}/nodes/loop/test`, { input: { list: [1, 2] } });
    expect(looped.body.node.output).toMatchObject({ failed: 0, results: [{}, {}] });
    const inside = await stack.call('POST', `${path}/nodes/inner/test`);
    expect(inside).toMatchObject({ status: 404, body: { error: 'node_not_found' } });
    expect(inside.body.message).toContain('inside the forEach "loop"');
    const nobody = await stack.call('POST', '/api/workflows/nowhere/nodes/x/test');
    expect(nobody.body.error).toBe('workflow_not_found');
  });

  test('is live only if asked, and then needs credentials', async () => {
    const path = await save(draft('live'));
    const live = await stack.call('POST', `${path}/nodes/mail/test`, { lead, mode: 'live' });
    expect(live).toMatchObject({ status: 422, body: { error: 'credentials_missing' } });
  });
});

describe('the test of a whole draft', () => {
  test('runs all but what is pinned, and goes the way that the pin says', async () => {
    const path = await save(draft('whole'));
    const skipped = await stack.call('POST', `${path}/test-run?wait=20s`, { lead });
    expect(skipped.body).toMatchObject({
      status: 'succeeded',
      assumed: [],
      trigger: { type: 'test' },
    });
    expect(skipped.body.nodes.at(-1)).toMatchObject({ nodeId: 'mail', status: 'skipped' });

    await stack.call('PUT', `${path}/pins/hot`, { output: { result: false }, outputPort: 'false' });
    const request = { lead, trigger: { data: { offer: 'flat' } } };
    const taken = await stack.call('POST', `${path}/test-run?wait=20s`, request);
    expect(taken).toMatchObject({ status: 200, body: { status: 'succeeded' } });
    const ran = taken.body.nodes.map((node: { nodeId: string; status: string; input: unknown }) => [
      node.nodeId,
      node.status,
      node.input !== null,
    ]);
    expect(ran).toEqual([
      ['look', 'succeeded', true],
      ['named', 'succeeded', true],
      ['hot', 'succeeded', false],
      ['mail', 'succeeded', true],
    ]);
    expect(taken.body.nodes[3].input.subject).toBe('Dubai: flat');
    expect(await outbox(taken.body.executionId)).toHaveLength(1);
  });

  test('is refused while the draft has errors', async () => {
    const path = await save(draft('errors', { nodes: [] }));
    const refused = await stack.call('POST', `${path}/test-run`);
    expect(refused).toMatchObject({ status: 422, body: { error: 'invalid_definition' } });
  });
});

describe('pins', () => {
  test('never reach a published execution', async () => {
    const path = await save(draft('published'));
    await stack.call('PUT', `${path}/pins/look`, { output: { city: 'Nowhere' } });
    expect((await stack.call('POST', `${path}/publish`)).status).toBe(200);
    const execution = await stack.ended(await stack.start('published', { lead }));
    const look = execution.nodes.find(({ nodeId }) => nodeId === 'look');
    expect(look).toMatchObject({ output: { city: 'Dubai' }, attempts: 1 });
  });

  test('are listed, replaced, removed, and fit their node', async () => {
    const path = await save(draft('pins'));
    await stack.call('PUT', `${path}/pins/look`, { output: 1 });
    await stack.call('PUT', `${path}/pins/look`, { output: null });
    const list = await stack.call('GET', `${path}/pins`);
    expect(list.body.items).toEqual([
      { nodeId: 'look', output: null, outputPort: 'success', updatedAt: expect.any(String) },
    ]);
    const port = await stack.call('PUT', `${path}/pins/hot`, { output: 1, outputPort: 'maybe' });
    expect(port).toMatchObject({ status: 422, body: { issues: [{ pointer: '/outputPort' }] } });
    expect(port.body.message).toBe('"hot" has no output "maybe". It has: true, false.');
    const named = await stack.call('PUT', `${path}/pins/named`, { output: {} });
    expect(named.status).toBe(422);
    expect((await stack.call('PUT', `${path}/pins/gone`, { output: 1 })).status).toBe(404);
    expect((await stack.call('DELETE', `${path}/pins/look`)).status).toBe(204);
    const gone = await stack.call('DELETE', `${path}/pins/look`);
    expect(gone).toMatchObject({ status: 404, body: { error: 'pin_not_found' } });
  });
});
