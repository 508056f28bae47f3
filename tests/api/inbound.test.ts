/** Messages that come in start automations, each once, for the lead that has the number. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';
import { chain } from '../support/definitions.ts';

let api: TestApi;
let path: string;
const settings = { appSecret: 'secret-of-the-app', verifyToken: 'verify-me-please' };

beforeAll(async () => {
  api = await startTestApi();
  const triggers = [
    {
      type: 'inbound',
      connector: 'whatsapp',
      filter: { left: '{{ trigger.text | downcase }}', operator: 'contains', right: 'price' },
    },
  ];
  await api.send('POST', '/api/workflows', chain('asks-price', 1, { triggers }));
  await api.send('POST', '/api/workflows/asks-price/publish');
  const everything = [{ type: 'inbound', connector: 'whatsapp' }];
  await api.send('POST', '/api/workflows', chain('hears-all', 1, { triggers: everything }));
  await api.send('POST', '/api/workflows/hears-all/publish');
  path = (await api.send('PUT', '/api/inbound/whatsapp', settings)).body.path;
});
afterAll(() => api.stop());

/** A delivery in the form of Meta's documentation. */
function delivery(...messages: object[]): string {
  return JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: '8856996819413533',
        changes: [
          {
            field: 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: {
                display_phone_number: '16505553333',
                phone_number_id: '27681414235104944',
              },
              contacts: [{ profile: { name: 'Layla' }, wa_id: '971501234567' }],
              messages,
            },
          },
        ],
      },
    ],
  });
}

function text(id: string, body: string, from = '971501234567') {
  return { from, id, timestamp: '1603059201', type: 'text', text: { body } };
}

async function deliver(body: string, signature?: string, to = path) {
  const right = `sha256=${createHmac('sha256', settings.appSecret).update(body).digest('hex')}`;
  const response = await fetch(api.url + to, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature ?? right },
    body,
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an answer has
  const answer: any = await response.json();
  return { status: response.status, body: answer };
}

const rows = (where: object) => api.store.database('executions').where(where).orderBy('queued_at');

describe('the address', () => {
  test('is verified by who knows the token', async () => {
    const ask = async (token: string) =>
      fetch(
        `${api.url}${path}?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1158201444`,
      );
    const right = await ask(settings.verifyToken);
    expect([right.status, await right.text()]).toEqual([200, '1158201444']);
    expect(right.headers.get('content-type')).toContain('text/plain');
    expect((await ask('wrong')).status).toBe(401);
  });

  test('is not there without its token, and takes nothing that Meta did not sign', async () => {
    const body = delivery(text('wamid.forged', 'price?'));
    expect((await deliver(body, undefined, `/api/inbound/whatsapp/${'x'.repeat(43)}`)).status).toBe(
      404,
    );
    for (const signature of ['', 'sha256=', `sha256=${'0'.repeat(64)}`]) {
      expect((await deliver(body, signature)).status).toBe(401);
    }
    expect(await rows({})).toEqual([]);
  });

  test('stays when the secrets change; nobody sees them again', async () => {
    const { body } = await api.send('PUT', '/api/inbound/whatsapp', settings);
    expect(body.path).toBe(path);
    const shown = await api.send('GET', '/api/inbound/whatsapp');
    expect(JSON.stringify(shown.body)).not.toContain(settings.appSecret);
    const wrong = await api.send('PUT', '/api/inbound/whatsapp', { appSecret: 'x' });
    expect(wrong.status).toBe(422);
    expect((await api.send('PUT', '/api/inbound/fax', {})).body.error).toBe('channel_not_found');
    expect((await api.send('DELETE', '/api/inbound/telegram')).status).toBe(404);
  });
});

describe('a message', () => {
  test('starts what its words match, for the lead that has the number', async () => {
    await api.send('POST', '/api/leads', { id: 'layla', name: 'ليلى', phone: '+971 50 123-4567' });
    const body = delivery(text('wamid.1', 'What is the PRICE?'), text('wamid.2', 'Hello'));
    expect(await deliver(body)).toEqual({ status: 200, body: { received: 2 } });
    expect(await rows({ workflow_id: 'asks-price' })).toMatchObject([
      {
        lead_id: 'layla',
        lead: { id: 'layla', name: 'ليلى' },
        trigger: {
          type: 'inbound',
          connector: 'whatsapp',
          messageId: 'wamid.1',
          from: '+971501234567',
          text: 'What is the PRICE?',
          message: { type: 'text' },
        },
      },
    ]);
    expect(await rows({ workflow_id: 'hears-all' })).toHaveLength(2);
  });

  test('that is delivered again starts nothing', async () => {
    const body = delivery(text('wamid.1', 'What is the PRICE?'), text('wamid.3', 'new price'));
    await Promise.all([deliver(body), deliver(body), deliver(body)]);
    expect(await rows({ workflow_id: 'asks-price' })).toHaveLength(2);
    expect(await rows({ workflow_id: 'hears-all' })).toHaveLength(3);
  });

  test('of somebody new makes one lead, also when two come at once', async () => {
    const from = '4915112345678';
    await Promise.all([
      deliver(delivery(text('wamid.10', 'price', from))),
      deliver(delivery(text('wamid.11', 'price', from))),
    ]);
    const leads = await api.store.database('leads').whereRaw("data ->> 'phone' = ?", [`+${from}`]);
    expect(leads).toHaveLength(1);
  });

  test('of a button tells its title; what is no message is taken and starts nothing', async () => {
    const button = {
      from: '971501234567',
      id: 'wamid.20',
      type: 'interactive',
      interactive: { type: 'button_reply', button_reply: { id: 'p', title: 'Price list' } },
    };
    await deliver(delivery(button));
    const found = await rows({ workflow_id: 'asks-price' });
    expect(found.at(-1)).toMatchObject({ trigger: { text: 'Price list' } });
    const statuses = JSON.stringify({
      object: 'whatsapp_business_account',
      entry: [{ id: '1', changes: [{ field: 'messages', value: { statuses: [{ id: 'x' }] } }] }],
    });
    expect(await deliver(statuses)).toEqual({ status: 200, body: { received: 0 } });
    expect((await deliver('[]')).status).toBe(200);
  });

  test('can be simulated, in sandbox mode', async () => {
    const { status, body } = await api.send('POST', '/api/inbound/whatsapp/simulate', {
      from: '+971501234567',
      text: 'Your price please',
    });
    expect([status, body.leadId]).toEqual([202, 'layla']);
    const started = body.executions.map((each: { workflowId: string }) => each.workflowId);
    expect(started).toEqual(['asks-price', 'hears-all']);
    const [row] = await rows({ id: body.executions[0].executionId });
    expect(row).toMatchObject({ mode: 'sandbox', trigger: { text: 'Your price please' } });
  });

  test('nothing comes in once the channel is deleted', async () => {
    await api.send('DELETE', '/api/inbound/whatsapp');
    expect((await deliver(delivery(text('wamid.30', 'price')))).status).toBe(404);
  });
});
