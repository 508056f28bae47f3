/** What every variant does: three sends to a provider, and a step of custom code. */

import { WORKFLOW_ID } from './protocol.ts';

export const SCORE_CODE = "return { tier: input.lead.score > 80 ? 'gold' : 'silver' }";

export const LEAD = { name: 'نور', email: 'noor@example.com', score: 87 } as const;

/** Each execution makes so many requests. */
export const SENDS_PER_EXECUTION = 3;

/** The graph as it is posted to the API. */
export function benchmarkDefinition(stubUrl: string): unknown {
  const send = (id: string, path: string, body: unknown): unknown => ({
    id,
    type: 'http',
    config: {
      method: 'POST',
      url: `${stubUrl}/${path}`,
      body,
      idempotencyHeader: 'Idempotency-Key',
    },
  });
  return {
    workflowId: WORKFLOW_ID,
    name: 'Benchmark',
    nodes: [
      send('mail', 'email', { to: '{{lead.email}}', subject: 'مرحباً {{lead.name}}' }),
      send('wa', 'whatsapp', { to: '{{lead.email}}', text: 'Hello {{lead.name}}' }),
      send('row', 'sheet', { values: ['{{lead.name}}', '{{nodes.mail.output.body.id}}'] }),
      { id: 'score', type: 'code', config: { code: SCORE_CODE } },
    ],
    connections: [
      { from: 'mail', to: 'wa' },
      { from: 'wa', to: 'row' },
      { from: 'row', to: 'score' },
    ],
  };
}
