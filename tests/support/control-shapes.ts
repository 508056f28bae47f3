/** Shapes whose runs go through control nodes, or are paused, or take effects back. */
import type { Shape } from './shape.ts';
import { mail, row, wa } from './shape-nodes.ts';

const each = { id: 'each', type: 'forEach' } as const;
const waThenRow = [{ from: 'wa', to: 'row' }];
const SCRIPTED = { code: 'scripted', message: 'The script lets this attempt fail.' };

export const CONTROL_SHAPES: readonly Shape[] = [
  {
    name: 'switch',
    definition: {
      nodes: [
        {
          id: 'tier',
          type: 'switch',
          config: {
            value: '{{ lead.score }}',
            cases: [
              { equals: 10, output: 'low' },
              { equals: 80, output: 'high' },
            ],
          },
        },
        mail,
        wa,
        row,
      ],
      connections: [
        { from: 'tier', output: 'low', to: 'mail' },
        { from: 'tier', output: 'high', to: 'wa' },
        { from: 'tier', output: 'default', to: 'row' },
      ],
    },
    ends: {
      status: 'COMPLETED',
      with: { wa: {} },
      nodes: { tier: 'succeeded', mail: 'skipped', wa: 'succeeded', row: 'skipped' },
    },
  },
  {
    name: 'for-each',
    definition: {
      nodes: [
        {
          ...each,
          config: { items: [1, 2, 3], body: { nodes: [wa, row], connections: waThenRow } },
        },
        mail,
      ],
      connections: [{ from: 'each', to: 'mail' }],
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { each: 'succeeded', mail: 'succeeded' },
    },
  },
  {
    // The first items end last, so each lane takes its next item at another moment.
    name: 'for-each-in-parallel',
    definition: {
      nodes: [
        {
          ...each,
          config: {
            items: [1, 2, 3, 4, 5],
            concurrency: 2,
            onItemError: 'continue',
            body: { nodes: [wa, row], connections: waThenRow },
          },
        },
      ],
      connections: [],
    },
    script: {
      wa: [{ output: {}, afterMs: 400 }, { output: {} }, { verdict: 'failed' }, { output: {} }],
    },
    ends: {
      status: 'COMPLETED',
      with: {
        each: {
          results: [{}, {}, { error: SCRIPTED }, {}, {}],
          failed: 1,
        },
      },
      nodes: { each: 'succeeded' },
    },
  },
  {
    name: 'wait',
    definition: {
      nodes: [
        { id: 'pause', type: 'wait', config: { for: '300ms' } },
        { id: 'past', type: 'wait', config: { until: '2020-01-01T09:00', timezone: 'Asia/Dubai' } },
        mail,
      ],
      connections: [
        { from: 'pause', to: 'past' },
        { from: 'past', to: 'mail' },
      ],
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { pause: 'succeeded', past: 'succeeded', mail: 'succeeded' },
    },
  },
  {
    name: 'wait-for-event',
    definition: {
      nodes: [
        { id: 'paid', type: 'wait', config: { event: 'paid', timeout: '7d' } },
        { id: 'shipped', type: 'wait', config: { event: 'shipped', timeout: '200ms' } },
        mail,
      ],
      connections: [
        { from: 'paid', to: 'shipped' },
        { from: 'shipped', output: 'timeout', to: 'mail' },
      ],
    },
    during: async ({ until, signal }) => {
      await until('paid', 'waiting');
      await signal({ event: 'paid', data: { sum: 5 } });
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { paid: 'succeeded', shipped: 'succeeded', mail: 'succeeded' },
    },
  },
  {
    name: 'approval',
    definition: {
      nodes: [
        { id: 'ask', type: 'approval', config: { message: 'Send it?', timeout: '7d' } },
        mail,
        wa,
      ],
      connections: [
        { from: 'ask', output: 'approved', to: 'mail' },
        { from: 'ask', output: 'rejected', to: 'wa' },
      ],
    },
    during: async ({ until, approve }) => {
      await until('ask', 'waiting');
      await approve('ask');
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { ask: 'succeeded', mail: 'succeeded', wa: 'skipped' },
    },
  },
  {
    name: 'subworkflow-refused',
    definition: {
      nodes: [{ id: 'call', type: 'subworkflow', config: { workflowId: 'nowhere' } }, mail],
      connections: [{ from: 'call', output: 'error', to: 'mail' }],
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { call: 'failed', mail: 'succeeded' },
    },
  },
  {
    name: 'undo-on-failure',
    definition: {
      nodes: [
        { ...mail, undo: 'unmail' },
        { ...row, undo: 'unrow' },
        wa,
        { ...mail, id: 'unmail' },
        { ...row, id: 'unrow' },
      ],
      connections: [
        { from: 'mail', to: 'row' },
        { from: 'row', to: 'wa' },
      ],
    },
    script: { wa: [{ verdict: 'failed' }] },
    ends: {
      status: 'FAILED',
      with: 'scripted',
      nodes: {
        mail: 'succeeded',
        row: 'succeeded',
        wa: 'failed',
        unmail: 'succeeded',
        unrow: 'succeeded',
      },
    },
  },
  {
    name: 'paused-and-resumed',
    definition: {
      nodes: [{ id: 'paid', type: 'wait', config: { event: 'paid' } }, mail],
      connections: [{ from: 'paid', to: 'mail' }],
    },
    during: async ({ until, pause, resume, signal }) => {
      await until('paid', 'waiting');
      await pause();
      await signal({ event: 'paid', data: null });
      await until('paid', 'succeeded');
      await resume();
    },
    ends: {
      status: 'COMPLETED',
      with: { mail: {} },
      nodes: { paid: 'succeeded', mail: 'succeeded' },
    },
  },
];
