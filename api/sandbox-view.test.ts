import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../connectors/contract.ts';
import { renderSandboxPage } from './sandbox-view.ts';

const page = (connector: string, message: JsonObject): string =>
  renderSandboxPage([
    { id: '1', receivedAt: '2026-01-01T00:00:00.000Z', connector, operation: 'send', message },
  ]);

describe('the outbox shows what the reader would see', () => {
  test('a Telegram message with its buttons', () => {
    const shown = page('telegram', {
      chat_id: 1,
      text: 'مرحباً ليلى',
      reply_markup: { inline_keyboard: [[{ text: 'نعم', callback_data: 'y' }]] },
    });
    expect(shown).toContain('مرحباً ليلى</div>');
    expect(shown).toMatch(/class="button"[^>]*><bdi>نعم</);
    expect(shown).not.toContain('chat_id');
  });

  test('a Telegram picture by name, not loaded', () => {
    const shown = page('telegram', { photo: 'https://example.com/a.jpg', caption: 'صورة' });
    expect(shown).toContain('<bdi>https://example.com/a.jpg</bdi>');
    expect(shown).toContain('صورة');
    expect(shown).not.toContain('<img');
  });

  test('a Slack text, and blocks instead of the text', () => {
    expect(page('slack', { text: 'New lead' })).toContain('>New lead</div>');
    const shown = page('slack', {
      text: 'fallback',
      thread_ts: '1700000000.000100',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: 'Leads' } },
        { type: 'section', fields: [{ type: 'mrkdwn', text: 'Layla' }] },
        {
          type: 'actions',
          elements: [{ type: 'button', text: { type: 'plain_text', text: 'Call' } }],
        },
        { type: 'divider' },
        { type: 'carousel' },
      ],
    });
    for (const part of ['<b>Leads</b>', 'Layla', 'Call', '<hr>', 'carousel', '1700000000.000100']) {
      expect(shown).toContain(part);
    }
    expect(shown).not.toContain('fallback');
  });

  test('what a model was asked, and that the answer is made up', () => {
    const shown = page('openai', {
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'Score Layla' }],
      answer: '{"score":1}',
    });
    expect(shown).toContain('Score Layla');
    expect(shown).toContain('made up by the sandbox');
    expect(shown).toContain('{&quot;score&quot;:1}');
  });

  test.each([
    ['slack', {}, '*New* _lead_: <https://e.com|see> &amp; `a*b*`'],
    [
      'telegram',
      { parse_mode: 'HTML' },
      '<b>New</b> <i>lead</i>: <a href="https://e.com">see</a> &amp; <code>a*b*</code>',
    ],
    ['telegram', { parse_mode: 'MarkdownV2' }, '*New* _lead_: [see](https://e.com) & `a*b*`'],
  ])('the formatting of %s %j', (connector, more, text) => {
    const shown = page(connector, { ...more, text });
    for (const part of ['<b>New</b>', '<i>lead</i>', 'see', '&amp;', '<code>a*b*</code>']) {
      expect(shown).toContain(part);
    }
    expect(shown).not.toContain('href="https://e.com"');
  });

  test('plain text stays as it was written', () => {
    const text = 'snake_case_name *not bold* 2 < 3 \\.';
    expect(page('telegram', { text })).toContain('snake_case_name *not bold* 2 &lt; 3 \\.');
    expect(page('slack', { text: 'snake_case_name 5*' })).toContain('snake_case_name 5*');
    expect(page('telegram', { text: 'Hi\\.', parse_mode: 'MarkdownV2' })).toContain('Hi.</div>');
  });

  test.each([
    ['telegram', { parse_mode: 'HTML', text: '<b onclick="x">a</b><script>alert(1)</script>' }],
    ['telegram', { parse_mode: 'MarkdownV2', text: '*<script>alert(1)</script>*' }],
    ['telegram', { parse_mode: 'HTML', text: '&lt;script&gt;alert(1)' }],
    ['slack', { text: '*<script>alert(1)</script>* <javascript:alert(1)|&lt;script&gt;>' }],
    ['telegram', { text: '<script>alert(1)</script>' }],
    ['slack', { text: '<script>alert(1)</script>' }],
    ['slack', { blocks: [{ type: 'section', text: { text: '<script>alert(1)</script>' } }] }],
    ['telegram', { something: '<script>alert(1)</script>' }],
  ])('nothing in a message is markup (%s, %#)', (connector, message) => {
    expect(page(connector, message)).not.toMatch(/<script|onclick="x"|href="javascript/);
  });
});
