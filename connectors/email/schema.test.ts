import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { htmlToText, isHtml } from './html-to-text.ts';
import { emailManifest } from './manifest.ts';
import { sendInputSchema, smtpCredentialFromEnvironment, smtpCredentialSchema } from './schema.ts';

describe('the credential from the environment', () => {
  test('is absent without SMTP_HOST', () => {
    expect(smtpCredentialFromEnvironment({ SMTP_PORT: '25' })).toBeUndefined();
  });

  test('takes SMTP and IMAP variables; the IMAP login is the SMTP one where left out', () => {
    const credential = smtpCredentialFromEnvironment({
      SMTP_HOST: 'smtp.example.com',
      SMTP_PORT: '465',
      SMTP_SECURE: 'true',
      SMTP_USER: 'team@example.com',
      SMTP_PASSWORD: 'secret',
      SMTP_FROM: 'مسار <team@example.com>',
      IMAP_HOST: 'imap.example.com',
    });
    expect(smtpCredentialSchema.parse(credential)).toEqual({
      host: 'smtp.example.com',
      port: 465,
      secure: true,
      user: 'team@example.com',
      password: 'secret',
      from: 'مسار <team@example.com>',
      imap: { host: 'imap.example.com', port: 993, user: 'team@example.com', password: 'secret' },
    });
  });

  test('port 587 where none is given; what cannot be read is named', () => {
    const parse = (env: Record<string, string>) =>
      smtpCredentialSchema.safeParse(smtpCredentialFromEnvironment(env));
    expect(parse({ SMTP_HOST: 'localhost' }).data?.port).toBe(587);
    expect(parse({ SMTP_HOST: 'a', SMTP_PORT: 'x' }).error?.issues[0]?.path).toEqual(['port']);
    expect(parse({ SMTP_HOST: 'a', SMTP_SECURE: 'maybe' }).error?.issues[0]?.path).toEqual([
      'secure',
    ]);
  });
});

test('the schemas can be shown as JSON Schema, for the builder’s forms', () => {
  const { input, output } = emailManifest.operations[0];
  expect(z.toJSONSchema(input, { io: 'input' })).toMatchObject({ type: 'object' });
  expect(z.toJSONSchema(output)).toMatchObject({ type: 'object' });
  expect(z.toJSONSchema(smtpCredentialSchema, { io: 'input' })).toMatchObject({ type: 'object' });
});

describe('text of HTML', () => {
  test.each([
    ['<p>أهلاً</p><p>ليلى</p>', 'أهلاً\n\nليلى'],
    ['a<br>b<br/>c', 'a\nb\nc'],
    ['<ul><li>one</li><li>two</li></ul>', '- one\n- two'],
    ['<a href="https://x.test/a?b=1&amp;c=2">here</a>', 'here (https://x.test/a?b=1&c=2)'],
    ['<a href="https://x.test">https://x.test</a>', 'https://x.test'],
    ['<a href="javascript:alert(1)">here</a>', 'here'],
    ['<head><style>p{}</style></head><body>x<!-- y --></body>', 'x'],
    ['&lt;b&gt; &#x1F600; &#1605; &unknown; &#xffffff;', '<b> 😀 م &unknown; &#xffffff;'],
    ['', ''],
  ])('%s', (html, text) => {
    expect(htmlToText(html)).toBe(text);
  });

  test.each([
    ['<p>x</p>', true],
    ['line<br>line', true],
    ['<!DOCTYPE html><html></html>', true],
    ['1 < 2 > 0', false],
    ['Layla <layla@example.com>', false],
    ['use <name> here', false],
  ])('%s has tags: %s', (body, expected) => {
    expect(isHtml(body)).toBe(expected);
  });

  test('takes a time in proportion to its length', () => {
    const started = performance.now();
    htmlToText('<a href="'.repeat(20_000));
    htmlToText('<style'.repeat(20_000));
    htmlToText('<!--'.repeat(20_000));
    isHtml('<p '.repeat(20_000));
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

const file = { filename: 'a.txt', contentBase64: 'YQ==' };

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_each, index) => `lead-${index}@customer.test`);

const mailInput = { to: 'ليلى <layla@customer.test>', subject: 'مرحباً', body: 'أهلاً' };

describe('the input of a send', () => {
  test('the input that the others differ from is fine', () => {
    expect(sendInputSchema.safeParse(mailInput).error).toBeUndefined();
  });

  test.each([
    ['a line break in the subject', { subject: 'Hi\r\nBcc: everyone@customer.test' }],
    ['a line break in a recipient', { to: 'a@customer.test\nBcc: b@customer.test' }],
    ['a line break in the sender', { from: 'X\r\n <a@customer.test>' }],
    ['no address', { to: 'Layla' }],
    ['an empty list', { to: [] }],
    ['a group', { to: 'Team: a@customer.test, b@customer.test;' }],
    ['a path as file name', { attachments: [{ filename: '../a', contentBase64: 'YQ==' }] }],
    [
      'an attachment of two origins',
      { attachments: [{ filename: 'a', contentBase64: 'YQ==', url: 'https://a.test/' }] },
    ],
    ['a body of five megabytes', { body: 'x'.repeat(5_000_001) }],
    [
      'more than 500 recipients together',
      { to: addresses(300), cc: addresses(150), bcc: addresses(51) },
    ],
    ['a cid that the HTML does not use', { attachments: [{ ...file, cid: 'logo' }] }],
    [
      'one cid for two files',
      {
        body: '<img src="cid:a">',
        attachments: [
          { ...file, cid: 'a' },
          { ...file, cid: 'a' },
        ],
      },
    ],
    ['a line break in a cid', { attachments: [{ ...file, cid: 'a>\r\nX: y' }] }],
    ['a line break in a file name', { attachments: [{ ...file, filename: 'a\r\nX: y' }] }],
    ['a line break in a media type', { attachments: [{ ...file, contentType: 'a/b\r\nX: y' }] }],
    ['a line break in replyTo', { replyTo: 'a@customer.test\r\nX: y' }],
    ['a line break in cc', { cc: ['a@customer.test\r\nX: y'] }],
    ['no body', { body: undefined }],
    ['body beside html', { html: '<p>x</p>' }],
  ])('refused by the input schema: %s', (_title, wrong) => {
    expect(sendInputSchema.safeParse({ ...mailInput, ...wrong }).success).toBe(false);
  });

  test('HTML without the picture is what is wrong, since it may be filled in later', () => {
    const { error } = sendInputSchema.safeParse({
      ...mailInput,
      body: '<p>x</p>',
      attachments: [{ ...file, cid: 'logo' }],
    });
    expect(error?.issues.map(({ path }) => path)).toEqual([['body']]);
  });
});
