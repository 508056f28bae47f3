/** Executions with more rows than one answer holds: forEach over thousands of items. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLedger } from '../../db/ledger.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const ITEMS = 10_000;

let api: TestApi;
let path: string;

beforeAll(async () => {
  api = await startTestApi();
  const set = (id: string) => ({ id, type: 'set', config: { values: { a: 1 } } });
  await api.send('POST', '/api/workflows', {
    workflowId: 'many',
    name: 'Many',
    nodes: [
      set('first'),
      {
        id: 'loop',
        type: 'forEach',
        config: { items: '{{input.list}}', body: { nodes: [set('one')] } },
      },
      set('last'),
    ],
    connections: [
      { from: 'first', to: 'loop' },
      { from: 'loop', to: 'last' },
    ],
  });
  await api.send('POST', '/api/workflows/many/publish');
  const { body } = await api.send('POST', '/api/workflows/many/executions', {
    input: { list: [] },
  });
  path = `/api/executions/${body.executionId}`;
  const record = (nodeId: string, iteration: string, failed = false) => ({
    nodeId,
    nodeName: nodeId,
    iteration,
    type: nodeId === 'loop' ? 'forEach' : 'set',
    status: failed ? ('failed' as const) : ('succeeded' as const),
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:01.000Z',
    input: {},
    output: { a: 1 },
    port: 'success',
    error: null,
  });
  const ledger = createLedger(api.store.database);
  await ledger.record(body.executionId, [
    record('first', ''),
    ...Array.from({ length: ITEMS }, (_, index) => record('one', String(index), index === 7_777)),
    record('loop', ''),
    record('last', ''),
  ]);
  const result = { last: 1 };
  await ledger.end(body.executionId, { status: 'succeeded', result, error: null });
}, 60_000);
afterAll(() => api.stop());

interface Shown {
  readonly nodeId: string;
  readonly iteration: string;
}

test('the execution shows every outermost node, and the first of a body with the way to the rest', async () => {
  const { body } = await api.send('GET', path);
  const outer = body.nodes.filter(({ iteration }: Shown) => iteration === '');
  expect(outer.map((node: Shown & { status: string }) => [node.nodeId, node.status])).toEqual([
    ['first', 'succeeded'],
    ['loop', 'succeeded'],
    ['last', 'succeeded'],
  ]);
  expect(body.nodes).toHaveLength(1_003);

  const seen = body.nodes.map(({ nodeId, iteration }: Shown) => `${nodeId} ${iteration}`);
  let next: string | null = body.nextNodes;
  while (next !== null) {
    const page: { body: { items: Shown[]; nextCursor: string | null } } = await api.send(
      'GET',
      next.includes('limit') ? next : `${next}&limit=200`,
    );
    seen.push(...page.body.items.map(({ nodeId, iteration }) => `${nodeId} ${iteration}`));
    next = page.body.nextCursor === null ? null : `${path}/nodes?cursor=${page.body.nextCursor}`;
  }
  expect(seen).toHaveLength(ITEMS + 3);
  expect(new Set(seen).size).toBe(seen.length);
}, 60_000);

test('its nodes are listed and filtered', async () => {
  const all = await api.send('GET', `${path}/nodes?limit=2`);
  expect(all.body.items.map(({ nodeId }: Shown) => nodeId)).toEqual(['first', 'one']);
  const failed = await api.send('GET', `${path}/nodes?status=failed,unknown`);
  expect(failed.body).toMatchObject({
    items: [{ nodeId: 'one', iteration: '7777' }],
    nextCursor: null,
  });
  const item = await api.send('GET', `${path}/nodes?nodeId=one&iteration=9999`);
  expect(item.body.items).toHaveLength(1);
  expect((await api.send('GET', '/api/executions/none/nodes')).status).toBe(404);
  expect((await api.send('GET', `${path}/nodes?status=lost`)).status).toBe(400);
});

test('its events have ids that never go back, and resuming after any misses nothing', async () => {
  const read = async (lastEventId?: string) => {
    const response = await fetch(`${api.url}${path}/events`, {
      headers: {
        'x-api-key': api.key,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
    });
    const text = await response.text();
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    return { ids, nodes: (text.match(/^event: node$/gm) ?? []).length };
  };
  const whole = await read();
  expect(whole.nodes).toBe(ITEMS + 3);
  expect(whole.ids).toEqual(whole.ids.toSorted((a, b) => a - b));
  // Nothing is lost from the first event on; after the last, only what changed shortly before it.
  const resumed = await read(String(whole.ids[0]));
  expect(resumed.nodes).toBe(ITEMS + 3);
  const late = await read(String((whole.ids.at(-1) ?? 0) + 60_000));
  expect(late.nodes).toBe(0);
  expect(late.ids).toHaveLength(1);
}, 60_000);
