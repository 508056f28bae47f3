import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import PostalMime, { type Email } from 'postal-mime';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { Emulator, SandboxStore } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createHostGuard } from '../outbound-sockets.ts';
import { startEmailEmulator } from './emulator.ts';
import { createEmailOperations, type EmailDeps, type EmailOperations } from './execute.ts';
import { emailManifest } from './manifest.ts';
import { type SendInput, type SmtpCredential, sendInputSchema } from './schema.ts';

const noAttachments: EmailDeps = {
  guardHost: createHostGuard({ allowHosts: [] }),
  sentCopySettleMs: 0,
  fetchBytes: async () => {
    throw new ConnectorError('not_found', 'The address answered with 404.', {
      effect: 'possible',
      permanent: true,
      status: 404,
    });
  },
};

const operationUnderTest = (): {
  operation: EmailOperations['send'];
  close: () => Promise<void>;
} => {
  const { send, close } = createEmailOperations(noAttachments);
  return { operation: send, close };
};

const mailInput: SendInput = {
  to: 'ليلى <layla@customer.test>',
  subject: 'مرحباً',
  body: 'أهلاً وسهلاً',
};

const smtpDifferences = {
  // SMTP has no Retry-After: the policy of the node decides when to come back.
  rateLimited: { retryAfterMs: undefined },
  serverError: { effect: 'none' },
  garbage: { effect: 'possible' },
} as const;

describeConnector({
  name: 'email with a folder of sent mail',
  manifest: emailManifest,
  startEmulator: startEmailEmulator,
  operation: operationUnderTest,
  input: mailInput,
  expect: smtpDifferences,
  personalData: ['layla', 'customer.test', 'أهلاً'],
});

describeConnector({
  name: 'email without a folder of sent mail',
  manifest: emailManifest,
  startEmulator: startEmailEmulator,
  operation: operationUnderTest,
  input: mailInput,
  credential: ({ imap: _imap, ...smtp }) => smtp,
  idempotency: 'blind',
  expect: smtpDifferences,
});

describe('email.send', () => {
  let store: SandboxStore;
  let emulator: Emulator<SmtpCredential>;
  let operations: EmailOperations;
  let deps: EmailDeps;

  beforeEach(async () => {
    store = createMemorySandboxStore();
    emulator = await startEmailEmulator({ store, host: '127.0.0.1', port: 0 });
    deps = noAttachments;
    operations = createEmailOperations({
      ...noAttachments,
      fetchBytes: (url, options) => deps.fetchBytes(url, options),
    });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const send = (input: SendInput, overrides: { key?: string; credential?: SmtpCredential } = {}) =>
    operations.send.execute(
      sendInputSchema.parse(input),
      testContext({ credential: emulator.credential, ...overrides }),
    );

  const received = async (): Promise<Email> => {
    const [message] = await store.list({ connector: 'email', limit: 1 });
    const raw = message?.message.raw;
    if (typeof raw !== 'string') throw new Error('no mail was received');
    return PostalMime.parse(Buffer.from(raw, 'base64'));
  };

  describe('Arabic and other scripts arrive as they were written', () => {
    test('subject, display names and text', async () => {
      await send({
        to: 'ليلى الأحمد <layla@customer.test>',
        from: 'شركة مسار <team@masar.test>',
        replyTo: 'الدعم <help@masar.test>',
        subject: 'مرحباً ليلى، تم استلام طلبك',
        text: 'السلام عليكم،\nشكراً لتواصلكم معنا.\n',
      });
      const mail = await received();
      expect(mail.subject).toBe('مرحباً ليلى، تم استلام طلبك');
      expect(mail.to).toEqual([{ name: 'ليلى الأحمد', address: 'layla@customer.test' }]);
      expect(mail.from).toEqual({ name: 'شركة مسار', address: 'team@masar.test' });
      expect(mail.replyTo).toEqual([{ name: 'الدعم', address: 'help@masar.test' }]);
      expect(mail.text).toBe('السلام عليكم،\nشكراً لتواصلكم معنا.\n');
    });

    test.each([
      [
        'a long Arabic subject',
        'عرض خاص لعملائنا الكرام بمناسبة افتتاح الفرع الجديد '.repeat(12).trim(),
      ],
      ['emoji', '🎉 أهلاً 👨‍👩‍👧‍👦 Ω ß 漢字 — “quoted”'],
      ['a subject of one long word', 'ب'.repeat(500)],
    ])('%s', async (_title, subject) => {
      await send({ ...mailInput, subject });
      expect((await received()).subject).toBe(subject);
    });

    test('the header lines stay within what servers take', async () => {
      await send({ ...mailInput, subject: 'سطر طويل '.repeat(100).trim() });
      const [message] = await store.list({ connector: 'email' });
      const raw = Buffer.from(String(message?.message.raw), 'base64').toString('latin1');
      // RFC 5322 §2.1.1
      for (const line of raw.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
      // RFC 5321 §2.3.1 without 8BITMIME: every octet is ASCII.
      expect(Buffer.from(raw, 'latin1').every((octet) => octet < 128)).toBe(true);
    });
  });

  describe('bodies', () => {
    test('a body with tags is HTML and gets a text alternative', async () => {
      await send({
        ...mailInput,
        body: '<h1>مرحباً</h1><p>زر <a href="https://masar.test/x">موقعنا</a></p>',
      });
      const mail = await received();
      expect(mail.html).toContain('<h1>مرحباً</h1>');
      expect(mail.text?.trim()).toBe('مرحباً\n\nزر موقعنا (https://masar.test/x)');
      expect(mail.headers.find(({ key }) => key === 'content-type')?.value).toMatch(
        /^multipart\/alternative/,
      );
    });

    test('a body without tags is text only', async () => {
      await send({ ...mailInput, body: '1 < 2 and <someone@customer.test>' });
      const mail = await received();
      expect(mail.text?.trim()).toBe('1 < 2 and <someone@customer.test>');
      expect(mail.headers.find(({ key }) => key === 'content-type')?.value).toMatch(/^text\/plain/);
    });

    test('given text and html are both kept', async () => {
      const { body: _body, ...rest } = mailInput;
      await send({ ...rest, text: 'plain', html: '<b>bold</b>' });
      const mail = await received();
      expect(mail.text?.trim()).toBe('plain');
      expect(mail.html?.trim()).toBe('<b>bold</b>');
    });

    test('a line with a single dot does not end the message', async () => {
      await send({ ...mailInput, body: 'before\n.\n..\nafter' });
      expect((await received()).text?.trim()).toBe('before\n.\n..\nafter');
    });
  });

  describe('attachments', () => {
    test('by content and by address, with an Arabic file name', async () => {
      const bytes = Buffer.from([0, 255, 13, 10, 46, 13, 10, 128]);
      deps = { ...noAttachments, fetchBytes: async () => ({ bytes, contentType: 'image/png' }) };
      await send({
        ...mailInput,
        attachments: [
          {
            filename: 'عرض الأسعار.pdf',
            contentBase64: bytes.toString('base64'),
            contentType: 'application/pdf',
          },
          { filename: 'logo.png', url: 'https://files.masar.test/logo.png' },
        ],
      });
      const { attachments } = await received();
      expect(attachments.map(({ filename, mimeType }) => [filename, mimeType])).toEqual([
        ['عرض الأسعار.pdf', 'application/pdf'],
        ['logo.png', 'image/png'],
      ]);
      for (const { content } of attachments) {
        if (typeof content === 'string') throw new Error('the content is not binary');
        expect(Buffer.from(new Uint8Array(content)).equals(bytes)).toBe(true);
      }
      const [stored] = await store.list({ connector: 'email' });
      expect(stored?.message.attachments).toEqual([
        { filename: 'عرض الأسعار.pdf', contentType: 'application/pdf', size: 8 },
        { filename: 'logo.png', contentType: 'image/png', size: 8 },
      ]);
    });

    test('an image with a cid is part of the HTML', async () => {
      const pixel = Buffer.from('R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==', 'base64');
      await send({
        ...mailInput,
        body: '<p>شعارنا <img src="cid:logo@masar"></p>',
        attachments: [
          { filename: 'logo.gif', contentBase64: pixel.toString('base64'), cid: 'logo@masar' },
          { filename: 'terms.txt', contentBase64: 'eA==' },
        ],
      });
      const [logo, terms] = (await received()).attachments;
      expect(logo).toMatchObject({
        contentId: '<logo@masar>',
        disposition: 'inline',
        related: true,
        mimeType: 'image/gif',
      });
      expect(terms).toMatchObject({ filename: 'terms.txt', disposition: 'attachment' });
      const [stored] = await store.list({ connector: 'email' });
      expect(stored?.message.attachments).toMatchObject([
        { contentId: 'logo@masar', contentBase64: pixel.toString('base64') },
        { filename: 'terms.txt', size: 1 },
      ]);
    });

    test('one that cannot be fetched: nothing is sent', async () => {
      const error = await failureOf(
        send({ ...mailInput, attachments: [{ filename: 'a', url: 'https://files.masar.test/a' }] }),
      );
      expect(error).toMatchObject({
        code: 'not_found',
        effect: 'none',
        permanent: true,
        pointer: '/attachments/0/url',
      });
      expect(await store.list({})).toHaveLength(0);
    });

    test('too large ones are refused before anything is sent', async () => {
      deps = {
        ...noAttachments,
        fetchBytes: async () => ({ bytes: Buffer.alloc(20 * 1024 * 1024) }),
      };
      const error = await failureOf(
        send({ ...mailInput, attachments: [{ filename: 'a', url: 'https://files.masar.test/a' }] }),
      );
      expect(error).toMatchObject({ code: 'too_large', effect: 'none', permanent: true });
    });
  });

  describe('recipients and headers', () => {
    test('every recipient is in the envelope once, blind ones in no header', async () => {
      const output = await send({
        ...mailInput,
        to: ['a@customer.test', 'B <b@customer.test>, a@customer.test'],
        cc: 'c@customer.test',
        bcc: 'secret@customer.test',
      });
      expect(output.accepted).toEqual([
        'a@customer.test',
        'b@customer.test',
        'c@customer.test',
        'secret@customer.test',
      ]);
      expect(output.rejected).toEqual([]);
      const [stored] = await store.list({ connector: 'email' });
      expect(stored?.to).toBe(output.accepted.join(', '));
      const raw = Buffer.from(String(stored?.message.raw), 'base64').toString('utf8');
      expect(raw).not.toContain('secret@');
    });

    test('the message says which node it came from', async () => {
      await send(mailInput);
      const [stored] = await store.list({ executionId: 'execution-1' });
      expect(stored).toMatchObject({ nodeId: 'node-1', iteration: '', operation: 'send' });
    });

    test('the Message-ID follows from the key alone and carries the sender’s domain', async () => {
      const first = await send(mailInput, { key: 'e/1/' });
      const again = await send({ ...mailInput, subject: 'another' }, { key: 'e/1/' });
      const other = await send(mailInput, { key: 'e/2/' });
      expect(first.messageId).toMatch(/^<[0-9a-f]{40}@masar\.test>$/);
      expect(again.messageId).toBe(first.messageId);
      expect(other.messageId).not.toBe(first.messageId);
      const mail = await received();
      expect(mail.messageId).toBe(other.messageId);
      expect(other.messageId).toContain(
        mail.headers.find(({ key }) => key === 'x-masar-key')?.value ?? 'missing',
      );
    });

    test('a second mail with the same Message-ID is kept too, as a real server does', async () => {
      await send(mailInput);
      await send(mailInput);
      expect(await store.list({ connector: 'email' })).toHaveLength(2);
    });

    test('no sender anywhere', async () => {
      const { from: _from, user: _user, ...credential } = emulator.credential;
      expect(await failureOf(send(mailInput, { credential }))).toMatchObject({
        code: 'invalid_config',
        effect: 'none',
        permanent: true,
        pointer: '/from',
      });
    });
  });

  describe('lookup', () => {
    const lookup = (credential: SmtpCredential, key?: string) =>
      operations.send.lookup?.(
        mailInput,
        testContext({ credential, ...(key === undefined ? {} : { key }) }),
      );

    test('finds the message in the folder of sent mail, with the same Message-ID', async () => {
      const output = await send(mailInput);
      expect(await lookup(emulator.credential)).toEqual({ found: true, output });
      expect(await lookup(emulator.credential, 'other/node/')).toEqual({ found: false });
    });

    test('finds it by its key where the server replaced the Message-ID', async () => {
      await send(mailInput);
      const [stored] = await store.list({ connector: 'email' });
      if (stored === undefined) throw new Error('no mail was received');
      const rewritten = createMemorySandboxStore();
      await rewritten.add({ ...stored, lookupKey: '<server-made@masar.test>' });
      const exchange = await startEmailEmulator({ store: rewritten, host: '127.0.0.1', port: 0 });
      try {
        expect(await lookup(exchange.credential)).toMatchObject({ found: true });
        expect(await lookup(exchange.credential, 'other/node/')).toEqual({ found: false });
      } finally {
        await exchange.close();
      }
    });

    test('waits for the copy that is on its way', async () => {
      const patient = createEmailOperations({ ...noAttachments, sentCopySettleMs: 1_000 });
      setTimeout(() => void send(mailInput), 200);
      expect(
        await patient.send.lookup?.(mailInput, testContext({ credential: emulator.credential })),
      ).toMatchObject({ found: true });
      await patient.close();
    });

    test('a server that never speaks ends in a time-out', async () => {
      const silent = createServer((socket) => void socket.on('error', () => socket.destroy()));
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const address = silent.address();
      const { imap } = emulator.credential;
      if (imap === undefined || address === null || typeof address === 'string') {
        throw new Error('no IMAP port');
      }
      const credential = { ...emulator.credential, imap: { ...imap, port: address.port } };
      const started = performance.now();
      const error = await failureOf(
        Promise.resolve(
          operations.send.lookup?.(mailInput, testContext({ credential, timeoutMs: 300 })),
        ),
      );
      expect(error).toMatchObject({ code: 'timeout', effect: 'possible', permanent: false });
      expect(performance.now() - started).toBeLessThan(2_000);
      await new Promise((resolve) => silent.close(resolve));
    });

    test.each([
      ['a wrong password', { password: 'wrong' }, 'credential_rejected', true],
      ['a folder that does not exist', { sentMailbox: 'Gesendet' }, 'not_found', true],
      ['a server that is away', { port: 1 }, 'unavailable', false],
    ])('%s proves nothing about the message', async (_title, wrong, code, permanent) => {
      const { imap } = emulator.credential;
      if (imap === undefined) throw new Error('the emulator speaks IMAP');
      const error = await failureOf(
        Promise.resolve(lookup({ ...emulator.credential, imap: { ...imap, ...wrong } })),
      );
      expect(error).toMatchObject({ code, permanent, effect: 'possible' });
    });
  });
});
