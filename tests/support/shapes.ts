/**
 * The shapes that a run of `runAutomation` can have: small definitions whose nodes do what a script
 * says. Their histories are recorded (scripts/record-histories.ts) and replayed, and they run on
 * workers that cache nothing.
 */
import { CONNECTOR_MANIFESTS } from '../../connectors/catalog.ts';
import type { RunAutomationInput } from '../../workflows/contract.ts';
import { definitionSchema } from '../../workflows/graph/definition.ts';
import { planDefinition } from '../../workflows/graph/plan.ts';
import { CONTINUED_SHAPES } from './continued-shapes.ts';
import { CONTROL_SHAPES } from './control-shapes.ts';
import { FILTER_SHAPE } from './filter-shape.ts';
import type { Shape } from './shape.ts';
import { crm, LEAD, mail, row, score, wa } from './shape-nodes.ts';

export const SHAPES: readonly Shape[] = [
  {
    name: 'linear',
    definition: {
      nodes: [mail, wa, row, score],
      connections: [
        { from: 'mail', to: 'wa' },
        { from: 'wa', to: 'row' },
        { from: 'row', to: 'score' },
      ],
    },
    script: { score: [{ output: { tier: 'gold' } }] },
    ends: {
      status: 'COMPLETED',
      with: { score: { tier: 'gold' } },
      nodes: { mail: 'succeeded', wa: 'succeeded', row: 'succeeded', score: 'succeeded' },
    },
  },
  {
    name: 'dead-path-and-join',
    definition: {
      nodes: [
        {
          id: 'hot',
          type: 'condition',
          config: { left: '{{ lead.score }}', operator: 'gte', right: 90 },
        },
        wa,
        { id: 'keep', type: 'set', config: { values: { tier: 'cold' } } },
        { ...row, config: { ...row.config, values: ['{{ lead.id }}', '{{ vars.tier }}'] } },
      ],
      connections: [
        { from: 'hot', output: 'true', to: 'wa' },
        { from: 'hot', output: 'false', to: 'keep' },
        { from: 'wa', to: 'row' },
        { from: 'keep', to: 'row' },
      ],
    },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { hot: 'succeeded', wa: 'skipped', keep: 'succeeded', row: 'succeeded' },
      recorded: ['hot succeeded', 'wa skipped', 'keep succeeded'],
    },
  },
  {
    name: 'parallel-and-join',
    definition: {
      nodes: [mail, wa, crm, row],
      connections: [
        { from: 'mail', to: 'row' },
        { from: 'wa', to: 'row' },
        { from: 'crm', to: 'row' },
      ],
    },
    // They end in the opposite order of their starts.
    script: {
      mail: [{ output: {}, afterMs: 600 }],
      wa: [{ output: {}, afterMs: 300 }],
    },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { mail: 'succeeded', wa: 'succeeded', crm: 'succeeded', row: 'succeeded' },
    },
  },
  {
    name: 'retry-then-success',
    // A first interval above the longest one that a definition has by default.
    definition: { nodes: [{ ...mail, retry: { initialInterval: '10m' } }], connections: [] },
    script: {
      mail: [{ verdict: 'retry', retryAfterMs: 200 }, { verdict: 'retry' }, { output: {} }],
    },
    ends: { status: 'COMPLETED', with: { mail: {} }, nodes: { mail: 'succeeded' } },
  },
  {
    name: 'queued-from-the-start',
    definition: { nodes: [{ ...mail, dispatch: 'queued' }], connections: [] },
    ends: { status: 'COMPLETED', with: { mail: {} }, nodes: { mail: 'succeeded' } },
  },
  {
    name: 'error-output',
    definition: {
      nodes: [mail, wa, row],
      connections: [
        { from: 'mail', to: 'wa' },
        { from: 'mail', output: 'error', to: 'row' },
      ],
    },
    script: { mail: [{ verdict: 'failed' }] },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { mail: 'failed', wa: 'skipped', row: 'succeeded' },
      recorded: ['wa skipped'],
    },
  },
  {
    name: 'failure-ends',
    definition: {
      nodes: [mail, wa, row],
      connections: [
        { from: 'mail', to: 'wa' },
        { from: 'wa', to: 'row' },
      ],
    },
    script: { wa: [{ verdict: 'failed' }] },
    ends: {
      status: 'FAILED',
      with: 'scripted',
      nodes: { mail: 'succeeded', wa: 'failed', row: 'skipped' },
      recorded: ['row skipped'],
    },
  },
  {
    name: 'on-error-continue',
    definition: {
      nodes: [{ ...mail, onError: 'continue' }, row],
      connections: [{ from: 'mail', to: 'row' }],
    },
    script: { mail: [{ verdict: 'failed' }] },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { mail: 'failed', row: 'succeeded' },
    },
  },
  {
    name: 'attempts-lost',
    definition: {
      nodes: [{ ...mail, onError: 'continue' }, row],
      connections: [{ from: 'mail', to: 'row' }],
    },
    script: { mail: [{ reports: 'nothing' }, { reports: 'nothing' }] },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { mail: 'failed', row: 'succeeded' },
      recorded: ['mail failed'],
    },
  },
  {
    name: 'unknown-was-sent',
    definition: { nodes: [wa, row], connections: [{ from: 'wa', to: 'row' }] },
    script: { wa: [{ verdict: 'unknown' }] },
    during: async ({ until, resolve }) => {
      await until('wa', 'unknown');
      await resolve({ nodeId: 'wa', outcome: 'sent', output: { messageId: 'seen in the chat' } });
    },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { wa: 'succeeded', row: 'succeeded' },
    },
  },
  {
    name: 'unknown-is-resent',
    definition: { nodes: [wa, row], connections: [{ from: 'wa', to: 'row' }] },
    script: { wa: [{ verdict: 'unknown' }, { output: {} }] },
    during: async ({ until, resolve }) => {
      await until('wa', 'unknown');
      await resolve({ nodeId: 'wa', outcome: 'resend' });
    },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { wa: 'succeeded', row: 'succeeded' },
    },
  },
  {
    name: 'unknown-was-not-sent',
    definition: { nodes: [wa, row], connections: [{ from: 'wa', to: 'row' }] },
    script: { wa: [{ verdict: 'unknown' }] },
    during: async ({ until, resolve }) => {
      await until('wa', 'unknown');
      await resolve({ nodeId: 'wa', outcome: 'not_sent' });
    },
    ends: {
      status: 'FAILED',
      with: 'scripted',
      nodes: { wa: 'failed', row: 'skipped' },
      recorded: ['row skipped'],
    },
  },
  {
    // At once: a queued attempt, one that waits for its time, and one that is held.
    name: 'cancelled',
    definition: {
      nodes: [{ ...crm, dispatch: 'queued' }, row, wa, { ...score, id: 'last' }],
      connections: [{ from: 'crm', to: 'last' }],
      settings: { timeout: '7d' },
    },
    script: {
      crm: [{ waits: 'for cancellation' }],
      row: [{ verdict: 'retry', retryAfterMs: 3_600_000 }],
      wa: [{ verdict: 'unknown' }],
    },
    during: async ({ begun, until, cancel }) => {
      await begun('crm');
      await until('row', 'retrying');
      await until('wa', 'unknown');
      await cancel();
    },
    ends: {
      status: 'CANCELLED',
      nodes: { crm: 'cancelled', row: 'cancelled', wa: 'unknown', last: 'skipped' },
      recorded: ['last skipped'],
    },
  },
  {
    name: 'cancelled-in-a-local-attempt',
    definition: { nodes: [mail, wa], connections: [{ from: 'mail', to: 'wa' }] },
    script: { mail: [{ waits: 'for cancellation' }] },
    during: async ({ begun, cancel }) => {
      await begun('mail');
      await cancel();
    },
    ends: {
      status: 'CANCELLED',
      nodes: { mail: 'cancelled', wa: 'skipped' },
      recorded: ['wa skipped'],
    },
  },
  {
    name: 'timed-out',
    definition: {
      nodes: [mail, row],
      connections: [{ from: 'mail', to: 'row' }],
      settings: { timeout: '1s' },
    },
    script: { mail: [{ verdict: 'retry', retryAfterMs: 3_600_000 }] },
    ends: {
      status: 'FAILED',
      with: 'execution_timed_out',
      nodes: { mail: 'cancelled', row: 'skipped' },
      recorded: ['row skipped'],
    },
  },
  {
    name: 'expression-error',
    definition: {
      nodes: [
        mail,
        { ...wa, config: { to: '{{ lead.mobile }}', text: 'Hello' } },
        { ...row, join: 'any' },
      ],
      connections: [
        { from: 'mail', to: 'wa' },
        { from: 'wa', to: 'row' },
      ],
    },
    ends: {
      status: 'FAILED',
      with: 'unknown_name',
      nodes: { mail: 'succeeded', wa: 'failed', row: 'skipped' },
      recorded: ['wa failed', 'row skipped'],
    },
  },
  {
    name: 'ledger-away-then-ok',
    definition: {
      nodes: [mail, { ...row, dispatch: 'queued' }],
      connections: [{ from: 'mail', to: 'row' }],
    },
    script: {
      mail: [{ verdict: 'ledger_unavailable' }, { output: {} }],
      row: [{ verdict: 'ledger_unavailable' }, { output: {} }],
    },
    ends: {
      status: 'COMPLETED',
      with: { row: {} },
      nodes: { mail: 'succeeded', row: 'succeeded' },
    },
  },
  ...CONTROL_SHAPES,
  ...CONTINUED_SHAPES,
  FILTER_SHAPE,
];

/** What the shape's workflow is started with. */
export function inputOf(shape: Shape, executionId: string): RunAutomationInput {
  const definition = definitionSchema.parse({
    workflowId: shape.name,
    name: shape.name,
    ...shape.definition,
  });
  return {
    executionId,
    projectId: '00000000-0000-4000-8000-000000000000',
    mode: 'sandbox',
    plan: planDefinition(definition, CONNECTOR_MANIFESTS, { version: 1 }),
    leadId: LEAD.id,
    lead: LEAD,
    input: {},
    trigger: { type: 'api' },
  };
}
