import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
}, 60_000);

afterAll(() => stack.stop());

test('an email node followed by a WhatsApp node, started for a lead named in Arabic, ends with exactly two log rows, email then whatsapp, both succeeded', async () => {
  await stack.publish({
    workflowId: 'email-then-whatsapp',
    name: 'Email, then WhatsApp',
    nodes: [
      {
        id: 'mail',
        type: 'email',
        config: {
          to: '{{ lead.email }}',
          subject: 'مرحباً {{ lead.name }}',
          body: 'أهلاً {{ lead.name }}، شكراً لتسجيلك.',
        },
      },
      {
        id: 'wa',
        type: 'whatsapp',
        config: { to: '{{ lead.phone }}', text: 'مرحباً {{ lead.name }}' },
      },
    ],
    connections: [{ from: 'mail', to: 'wa' }],
  });

  const lead = {
    id: 'lead-1',
    name: 'نور الهدى',
    email: 'nour@example.com',
    phone: '+971501234567',
  };
  const started = await stack.call('POST', '/api/workflows/email-then-whatsapp/executions', {
    lead,
  });
  expect(started.status).toBe(202);
  const execution = await stack.ended(started.body.executionId);
  expect(execution).toMatchObject({
    status: 'succeeded',
    leadId: 'lead-1',
    version: 1,
    mode: 'sandbox',
  });

  const logs = await stack.call('GET', '/api/automation/workflow/email-then-whatsapp/logs');
  expect(logs.body.items).toHaveLength(2);
  expect(logs.body.items).toMatchObject([
    {
      nodeId: 'mail',
      connectorType: 'email',
      status: 'succeeded',
      retryCount: 0,
      leadId: 'lead-1',
    },
    {
      nodeId: 'wa',
      connectorType: 'whatsapp',
      status: 'succeeded',
      retryCount: 0,
      leadId: 'lead-1',
    },
  ]);

  const outbox = await stack.call(
    'GET',
    `/api/sandbox/outbox?executionId=${execution.executionId}`,
  );
  const [whatsapp, mail] = outbox.body.items;
  expect(outbox.body.items).toHaveLength(2);
  expect(mail.message.subject).toBe('مرحباً نور الهدى');
  expect(mail.message.text).toContain('أهلاً نور الهدى، شكراً لتسجيلك.');
  expect(whatsapp.message.text.body).toBe('مرحباً نور الهدى');
}, 60_000);
