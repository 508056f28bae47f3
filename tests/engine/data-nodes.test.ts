/** Nodes that call nobody: code with its console and helpers, CSV, JSON and XML, and filters. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nodeOf, startWorkbench, type Workbench } from '../support/workbench.ts';

let desk: Workbench;

beforeAll(async () => {
  desk = await startWorkbench();
}, 60_000);

afterAll(() => desk.stop());

test('a table goes through CSV, JSON, code and XML, with Arabic intact', async () => {
  const executionId = await desk.run('data-nodes', {
    nodes: [
      {
        id: 'table',
        type: 'csv',
        config: { text: 'الاسم;score\nليلى;90\nعمر;40\n', numbers: true },
      },
      {
        id: 'hot',
        type: 'json',
        config: {
          operation: 'query',
          data: '{{ nodes.table.output.rows }}',
          path: '[?score >= {{ 50 | plus: 0 }}].الاسم',
        },
      },
      {
        id: 'code',
        type: 'code',
        config: {
          code: "console.log('rows', input.nodes.table.output.count); console.warn('مرحبا'); return { id: helpers.uuid(), odd: 'a\\0b\\ud800' }",
        },
      },
      {
        id: 'xml',
        type: 'xml',
        config: {
          operation: 'build',
          document: {
            leads: {
              '@for': '{{ lead.phone | phone: "971" }}',
              name: '{{ nodes.hot.output.value }}',
            },
          },
          declaration: false,
        },
      },
    ],
    connections: [
      { from: 'table', to: 'hot' },
      { from: 'hot', to: 'code' },
      { from: 'code', to: 'xml' },
    ],
  });
  const execution = await desk.stack.ended(executionId);
  expect(execution.error).toBeNull();
  expect(nodeOf(execution, 'hot').output).toEqual({ value: ['ليلى'] });
  const code = nodeOf(execution, 'code');
  expect(code.output).toMatchObject({ odd: 'a\ufffdb\ufffd' });
  expect(code.logs).toEqual([
    { level: 'info', text: 'rows 2' },
    { level: 'warn', text: 'مرحبا' },
  ]);
  expect(nodeOf(execution, 'xml').output).toEqual({
    text: '<leads for="+971501234567"><name>ليلى</name></leads>',
  });
  expect(nodeOf(execution, 'xml').logs).toEqual([]);
}, 60_000);

test('code that fails says its line, column and what stands there, and keeps its console', async () => {
  const executionId = await desk.run('failing-code', {
    nodes: [
      {
        id: 'code',
        type: 'code',
        config: { code: "console.error('about to fail')\n  input.lead.address.city.trim()" },
      },
    ],
    connections: [],
  });
  const execution = await desk.stack.ended(executionId);
  expect(execution.status).toBe('failed');
  expect(nodeOf(execution, 'code')).toMatchObject({
    status: 'failed',
    attempts: 1,
    error: {
      code: 'code_error',
      details: { line: 2, source: 'input.lead.address.city.trim()' },
    },
    logs: [{ level: 'error', text: 'about to fail' }],
  });
  const logs = await desk.stack.call('GET', '/api/automation/workflow/failing-code/logs');
  expect(logs.body.items).toMatchObject([{ logs: [{ level: 'error', text: 'about to fail' }] }]);
}, 60_000);
