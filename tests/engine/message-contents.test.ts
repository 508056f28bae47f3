/** Messages of every kind, from a definition through the engine to the outbox. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
}, 60_000);
afterAll(() => stack.stop(), 60_000);

const lead = {
  id: 'layla',
  name: 'ليلى',
  email: 'layla@customer.test',
  phone: '+971 50 123 4567',
  place: { latitude: 25.1972, longitude: '55.2744' },
};

/** What the outbox has of a node. */
async function received(executionId: string, nodeId: string) {
  const { body } = await stack.call('GET', `/api/sandbox/outbox?executionId=${executionId}`);
  return body.items.find((item: { nodeId?: string }) => item.nodeId === nodeId);
}

describe('messages', () => {
  test('of every kind arrive with the values of the lead', async () => {
    await stack.publish({
      workflowId: 'kinds',
      name: 'Kinds',
      nodes: [
        {
          id: 'mail',
          type: 'email',
          config: {
            to: '{{ lead.name }} <{{ lead.email }}>',
            bcc: 'archive@masar.test',
            subject: 'مرحباً {{ lead.name }}',
            html: '<p>أهلاً {{ lead.name }} <img src="cid:logo"></p>',
            attachments: [
              { filename: 'logo.gif', contentBase64: 'R0lGODlhAQABAAAAACw=', cid: 'logo' },
            ],
          },
        },
        {
          id: 'list',
          type: 'whatsapp',
          config: {
            to: '{{ lead.phone }}',
            interactive: {
              type: 'list',
              body: { text: 'ماذا تريد يا {{ lead.name }}؟' },
              action: {
                button: 'اختر',
                sections: [{ rows: [{ id: 'gold-{{ lead.id }}', title: 'ذهبي' }] }],
              },
            },
          },
        },
        {
          id: 'place',
          type: 'whatsapp',
          config: {
            to: '{{ lead.phone }}',
            location: {
              latitude: '{{ lead.place.latitude }}',
              longitude: '{{ lead.place.longitude }}',
              name: 'برج خليفة',
            },
          },
        },
        {
          id: 'template',
          type: 'whatsapp',
          config: {
            to: '{{ lead.phone }}',
            template: {
              name: 'welcome',
              language: 'ar',
              components: [
                { type: 'body', parameters: [{ type: 'text', text: '{{ lead.name }}' }] },
              ],
            },
          },
        },
        {
          id: 'read',
          type: 'whatsapp',
          config: { operation: 'mark-read', messageId: '{{ input.messageId }}' },
        },
      ],
    });
    const executionId = await stack.start('kinds', {
      lead,
      input: { messageId: 'wamid.HBgLMTY1MDM4Nzk0MzkVAgA=' },
    });
    const execution = await stack.ended(executionId);
    expect(execution.nodes.map(({ error }) => error)).toEqual([null, null, null, null, null]);
    expect(execution.status).toBe('succeeded');

    const to = '+971501234567';
    expect(await received(executionId, 'mail')).toMatchObject({
      to: 'layla@customer.test, archive@masar.test',
      message: { subject: 'مرحباً ليلى', attachments: [{ contentId: 'logo' }] },
    });
    expect(await received(executionId, 'list')).toMatchObject({
      to,
      message: { interactive: { action: { sections: [{ rows: [{ id: 'gold-layla' }] }] } } },
    });
    expect(await received(executionId, 'place')).toMatchObject({
      to,
      message: { location: { latitude: 25.1972, longitude: 55.2744 } },
    });
    expect(await received(executionId, 'template')).toMatchObject({
      to,
      message: { template: { components: [{ parameters: [{ text: 'ليلى' }] }] } },
    });
    expect(await received(executionId, 'read')).toMatchObject({
      operation: 'mark-read',
      message: { status: 'read', message_id: 'wamid.HBgLMTY1MDM4Nzk0MzkVAgA=' },
    });
    const page = await (await fetch(`${stack.apiUrl}/sandbox?executionId=${executionId}`)).text();
    for (const part of ['cid:logo', 'ماذا تريد يا ليلى؟', 'برج خليفة', 'marked as read']) {
      expect([part, page.includes(part)]).toEqual([part, part !== 'cid:logo']);
    }
  }, 60_000);

  test('a closed conversation leads to another way to reach the lead', async () => {
    await stack.publish({
      workflowId: 'window',
      name: 'Window',
      nodes: [
        {
          id: 'wa',
          type: 'whatsapp',
          onError: 'error',
          config: { to: '+15550131047', text: 'أهلاً' },
        },
        {
          id: 'mail',
          type: 'email',
          config: {
            to: '{{ lead.email }}',
            subject: '{{ nodes.wa.error.code }}',
            body: '{{ nodes.wa.error.message }}',
          },
        },
      ],
      connections: [{ from: 'wa', output: 'error', to: 'mail' }],
    });
    const executionId = await stack.start('window', { lead });
    const execution = await stack.ended(executionId);
    expect(execution).toMatchObject({
      status: 'succeeded',
      nodes: [
        { nodeId: 'wa', status: 'failed', attempts: 1, error: { code: 'window_closed' } },
        { nodeId: 'mail', status: 'succeeded' },
      ],
    });
    expect(await received(executionId, 'mail')).toMatchObject({
      message: { subject: 'window_closed', text: expect.stringContaining('24 hours') },
    });
  }, 30_000);
});
