/** What the emulators accepted, on the page of the outbox. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testContext } from '../connectors/connector-suite.ts';
import type { Emulator, SandboxStore } from '../connectors/contract.ts';
import { startEmailEmulator } from '../connectors/email/emulator.ts';
import { createEmailOperations, type EmailOperations } from '../connectors/email/execute.ts';
import { type SmtpCredential, sendInputSchema } from '../connectors/email/schema.ts';
import { createMemorySandboxStore } from '../connectors/memory-sandbox-store.ts';
import { unguardedHost } from '../connectors/outbound-sockets.ts';
import { judgeMessage } from '../connectors/whatsapp/emulator-messages.ts';
import { renderSandboxPage } from './sandbox-view.ts';

/** The page's text as a browser would show it, without tags. */
const read = (page: string): string =>
  page
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/\s+/g, ' ');

describe('a mail', () => {
  let store: SandboxStore;
  let emulator: Emulator<SmtpCredential>;
  let operations: EmailOperations;

  beforeAll(async () => {
    store = createMemorySandboxStore();
    emulator = await startEmailEmulator({ store, host: '127.0.0.1', port: 0 });
    operations = createEmailOperations({
      fetchBytes: () => Promise.reject(new Error('no attachment is fetched here')),
      guardHost: unguardedHost,
    });
  });
  afterAll(async () => {
    await operations.close();
    await emulator.close();
  });

  const shown = async (input: object): Promise<string> => {
    await operations.send.execute(
      sendInputSchema.parse({ to: 'ليلى <layla@customer.test>', subject: 'مرحباً', ...input }),
      testContext({ credential: emulator.credential }),
    );
    return renderSandboxPage(await store.list({ limit: 1 }));
  };

  test('has everyone who got it, blind ones too, and its files', async () => {
    const page = await shown({
      body: 'السلام عليكم\nشكراً',
      cc: 'cc@customer.test',
      bcc: 'bcc@customer.test',
      replyTo: 'help@masar.test',
      attachments: [{ filename: 'عرض.pdf', contentBase64: 'AAAA', contentType: 'application/pdf' }],
    });
    const text = read(page);
    for (const part of [
      'From Masar <sandbox@masar.test>',
      'To ليلى <layla@customer.test>',
      'Cc cc@customer.test',
      'Bcc bcc@customer.test',
      'Reply to help@masar.test',
      'Subject مرحباً',
      'عرض.pdf application/pdf, 3 bytes',
    ]) {
      expect(text).toContain(part);
    }
    expect(page).toContain('<pre class="mail" dir="auto">السلام عليكم\nشكراً');
  });

  test('in HTML is in a frame that may do nothing, with its inline image', async () => {
    const gif = 'R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==';
    const page = await shown({
      html: '<p onclick="x()">أهلاً <img src="cid:logo"><img src="https://tracker.test/p.gif"></p><script>steal()</script>"></iframe><script>escape()</script>',
      attachments: [{ filename: 'logo.gif', contentBase64: gif, cid: 'logo' }],
    });
    const frame = /<iframe sandbox="" title="Mail body" srcdoc="([^"]*)">/.exec(page)?.[1] ?? '';
    expect(frame).toContain(`data:image/gif;base64,${gif}`);
    expect(frame).toContain('default-src &#39;none&#39;');
    expect(frame).toContain('escape()');
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toContain('logo.gif');
    expect(page).toContain('<summary>Text alternative</summary>');
  });
});

describe('a WhatsApp message', () => {
  const page = (content: object): string => {
    const judged = judgeMessage({
      messaging_product: 'whatsapp',
      ...('status' in content ? {} : { to: '971501234567' }),
      ...content,
    });
    if (judged.kind === 'refused') throw new Error(judged.refusal.details);
    return renderSandboxPage([
      {
        id: '1',
        receivedAt: '2026-01-01T00:00:00.000Z',
        connector: 'whatsapp',
        operation: 'send',
        message: judged.message,
      },
    ]);
  };

  test('of text has the marks of WhatsApp and links', () => {
    const shown = page({
      type: 'text',
      text: {
        body: '*مرحباً _ليلى_* ~old~ ```code``` https://masar.test/?a=1&b=2 snake_case_word <b>',
      },
    });
    expect(shown).toContain(
      '<b>مرحباً <i>ليلى</i></b> <s>old</s> <code>code</code> <a href="https://masar.test/?a=1&amp;b=2"',
    );
    expect(shown).toContain('snake_case_word &lt;b&gt;');
  });

  test.each([
    ['image', { link: 'https://e.test/dir/a.png?x=1', caption: 'صورة' }, ['a.png', 'صورة']],
    ['document', { id: '42', filename: 'offer.pdf' }, ['offer.pdf']],
    ['audio', { id: '42' }, ['uploaded file 42', 'audio']],
  ])('with a file (%s) names it and loads nothing', (type, file, parts) => {
    const shown = page({ type, [type]: file });
    for (const part of parts) expect(read(shown)).toContain(part);
    expect(shown).not.toMatch(/<(img|video|audio)/);
  });

  test('with a location leads to a map', () => {
    const shown = page({
      type: 'location',
      location: { latitude: 25.2, longitude: 55.3, name: 'برج خليفة', address: 'دبي' },
    });
    expect(shown).toContain('mlat=25.2&amp;mlon=55.3');
    expect(read(shown)).toMatch(/25\.2, 55\.3.*برج خليفة.*دبي/);
  });

  test('with buttons has them below', () => {
    const shown = page({
      type: 'interactive',
      interactive: {
        type: 'button',
        header: { type: 'text', text: 'Offer' },
        body: { text: 'Shall we?' },
        footer: { text: 'Masar' },
        action: {
          buttons: [
            { type: 'reply', reply: { id: 'y', title: 'نعم' } },
            { type: 'reply', reply: { id: 'n', title: '<لا>' } },
          ],
        },
      },
    });
    expect(read(shown)).toMatch(/Offer.*Shall we\?.*Masar.*نعم.*<لا>/);
    expect(shown.match(/class="button"/g)).toHaveLength(2);
  });

  test('with a list has its sections and rows', () => {
    const shown = page({
      type: 'interactive',
      interactive: {
        type: 'list',
        body: { text: 'Choose' },
        action: {
          button: 'Open',
          sections: [
            { title: 'Plans', rows: [{ id: '1', title: 'Gold', description: 'All of it' }] },
          ],
        },
      },
    });
    expect(read(shown)).toMatch(/Choose.*Open.*Plans.*Gold.*All of it/);
  });

  test('of a template has its name and what was filled in', () => {
    const shown = page({
      type: 'template',
      template: {
        name: 'order_shipped',
        language: { code: 'ar' },
        components: [
          {
            type: 'header',
            parameters: [{ type: 'image', image: { link: 'https://e.test/a.png' } }],
          },
          {
            type: 'body',
            parameters: [
              { type: 'text', text: 'ليلى' },
              { type: 'text', parameter_name: 'order', text: '42' },
            ],
          },
          {
            type: 'button',
            sub_type: 'quick_reply',
            index: '0',
            parameters: [{ type: 'payload', payload: 'yes' }],
          },
        ],
      },
    });
    expect(read(shown)).toMatch(
      /a\.png.*order_shipped.*\(ar\).*\{\{ ?1 ?\}\} ليلى.*\{\{ ?order ?\}\} 42.*quick_reply yes/,
    );
  });

  test('that was marked as read says so', () => {
    expect(read(page({ status: 'read', message_id: 'wamid.A' }))).toContain('marked as read');
  });
});

test('rows of a sheet stand under the letters of their columns', () => {
  const shown = renderSandboxPage([
    {
      id: '1',
      receivedAt: '2026-01-01T00:00:00.000Z',
      connector: 'google-sheets',
      operation: 'append',
      message: { sheet: 'Leads', rows: [['ليلى', 80], ['=SUM(A1)']] },
    },
  ]);
  expect(shown).toContain('<tr><th>A</th><th>B</th></tr>');
  expect(shown).toContain('<td dir="auto">ليلى</td><td class="number">80</td>');
  expect(shown).toContain('<td dir="auto">=SUM(A1)</td><td dir="auto"></td>');
});
