/** Google Sheets, BigQuery and PostgreSQL in whole runs and as single nodes. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isSheetsAppend } from '../../connectors/google-sheets/emulator.ts';
import {
  lead,
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

const SOON = { maximumAttempts: 4, initialInterval: '100ms' };
const sheets = (id: string, config: Node['config']): Node => ({
  id,
  type: 'google-sheets',
  config: { spreadsheetId: 'crm', range: 'Leads!A:D', ...config },
  retry: SOON,
});
const chain = (nodes: readonly Node[]) =>
  nodes.slice(1).map((node, at) => ({ from: nodes[at]?.id ?? '', to: node.id }));

test('a sheet is made, filled, looked up, changed and read, each output at hand for the next', async () => {
  const nodes: Node[] = [
    {
      id: 'tab',
      type: 'google-sheets',
      config: {
        operation: 'create-sheet',
        spreadsheetId: 'crm',
        title: 'Leads',
        headers: ['Name', 'Email', 'Score', 'Tier'],
      },
    },
    sheets('row', {
      operation: 'append',
      values: ['{{ lead.name }}', '{{ lead.email }}', '{{ lead.score }}'],
    }),
    sheets('find', { operation: 'lookup', keyColumn: 'Email', value: '{{ lead.email }}' }),
    sheets('tier', {
      operation: 'update',
      range: 'Leads!D{{ nodes.find.output.row }}',
      values: ['{{ nodes.find.output.object.Score | plus: 1 }}'],
    }),
    sheets('score', {
      operation: 'upsert',
      keyColumn: 'Email',
      values: { Email: '{{ lead.email }}', Score: 99 },
    }),
    sheets('all', { operation: 'read' }),
  ];
  const executionId = await bench.run('sheet', { nodes, connections: chain(nodes) });
  const execution = await bench.stack.ended(executionId);
  expect(new Set(Object.values(statuses(execution)))).toEqual(new Set(['succeeded']));
  expect(nodeOf(execution, 'find').output).toMatchObject({ found: true, row: 2 });
  expect(nodeOf(execution, 'all').output).toMatchObject({
    rows: [{ Name: lead.name, Email: lead.email, Score: 99, Tier: 81 }],
  });
  const page = await bench.stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
  expect(page.body.items.map(({ operation }: { operation: string }) => operation)).toContain(
    'create-sheet',
  );
}, 60_000);

test('an upsert whose answer is lost adds one row', async () => {
  bench.emulators.google.injectWhere(isSheetsAppend, { kind: 'dropAfterAccept' });
  const nodes = [
    sheets('put', {
      operation: 'upsert',
      range: 'Once!A:B',
      keyColumn: 'Email',
      values: { Email: '{{ lead.email }}', Name: '{{ lead.name }}' },
    }),
    sheets('all', { operation: 'read', range: 'Once!A:B' }),
  ];
  const executionId = await bench.run('upsert', { nodes, connections: chain(nodes) });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'put')).toMatchObject({ status: 'succeeded', attempts: 2 });
  expect(nodeOf(execution, 'all').output).toMatchObject({
    rows: [{ Email: lead.email, Name: lead.name }],
  });
}, 60_000);

test.each([
  ['append', { values: ['{{ lead.id }}'] }, { store: 'sheets', rows: 1 }],
  ['update', { range: 'Single!B1', values: ['x'] }, { updatedCells: 1 }],
  ['read', { header: false }, { rows: [['lead-1', 'x']], rowCount: 1 }],
  ['lookup', { keyColumn: 'A', value: 'nobody' }, { found: false, row: null }],
])(
  'POST /api/automation/google-sheets/process does "%s"',
  async (operation, config, output) => {
    const { status, body } = await bench.stack.call(
      'POST',
      '/api/automation/google-sheets/process',
      {
        leadId: 'lead-1',
        workflowId: 'builder-flow',
        nodeId: `sheet-${operation}`,
        config: { operation, spreadsheetId: 'single', range: 'Single!A:B', ...config },
      },
    );
    expect(status).toBe(202);
    const execution = await bench.stack.ended(body.executionId);
    expect(nodeOf(execution, `sheet-${operation}`)).toMatchObject({ status: 'succeeded', output });
  },
  60_000,
);

test('rows go into BigQuery once although an answer is lost, and a query reads them', async () => {
  const row = { email: '{{ lead.email }}', score: '{{ lead.score }}' };
  const insert: Node = {
    id: 'insert',
    type: 'bigquery',
    config: { operation: 'insert', dataset: 'crm', table: 'leads', row, keyColumn: 'masar_key' },
    retry: SOON,
  };
  const query: Node = {
    id: 'query',
    type: 'bigquery',
    config: {
      operation: 'query',
      sql: 'SELECT * FROM crm.leads WHERE email = @email',
      parameters: { email: '{{ lead.email }}' },
    },
  };
  bench.emulators.bigQuery.inject({ kind: 'dropAfterAccept' });
  const nodes = [insert, query];
  const executionId = await bench.run('bigquery', { nodes, connections: chain(nodes) });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'insert')).toMatchObject({ status: 'succeeded', attempts: 2 });
  expect(nodeOf(execution, 'query').output).toMatchObject({
    rows: [{ email: lead.email, score: 80, masar_key: `${executionId}/insert/` }],
    truncated: false,
  });
}, 60_000);

const change = (id: string, more: object = {}): Node => ({
  id,
  type: 'postgres',
  config: {
    operation: 'execute',
    sql: 'INSERT INTO customers (email) VALUES ($1) -- {{ not an expression }}',
    parameters: ['{{ lead.email }}'],
    ...more,
  },
  retry: SOON,
});

test('a statement on PostgreSQL takes effect once with a table of effects', async () => {
  bench.emulators.postgres.inject({ kind: 'dropAfterAccept' });
  const nodes = [change('put', { effectsTable: 'masar_effects' })];
  const executionId = await bench.run('postgres', { nodes, connections: [] });
  const execution = await bench.stack.ended(executionId);
  expect(nodeOf(execution, 'put')).toMatchObject({
    status: 'succeeded',
    attempts: 2,
    output: { rowCount: 1 },
  });
  const page = await bench.stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
  expect(page.body.items).toMatchObject([
    {
      connector: 'postgres',
      nodeId: 'put',
      message: {
        sql: 'INSERT INTO customers (email) VALUES ($1) -- {{ not an expression }}',
        parameters: [lead.email],
      },
    },
  ]);
}, 60_000);

test('without one, a lost COMMIT is unknown until a person decides', async () => {
  bench.emulators.postgres.inject({ kind: 'dropAfterAccept' });
  const executionId = await bench.run('postgres-blind', {
    nodes: [change('put')],
    connections: [],
  });
  await bench.untilNode(executionId, 'put', 'unknown');
  await bench.stack.call('POST', `/api/executions/${executionId}/nodes/put/resolve`, {
    outcome: 'sent',
  });
  expect((await bench.stack.ended(executionId)).status).toBe('succeeded');
  expect(await bench.sent(executionId)).toBe(1);
}, 60_000);
