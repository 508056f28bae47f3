import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import PostalMime from 'postal-mime';
import { failureOf, testContext } from '../connector-suite.ts';
import type { Emulator, SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound, type Outbound } from '../outbound.ts';
import { type Answer, type RecordingServer, startRecordingServer } from '../recording-server.ts';
import { MAX_ATTACHMENT_BYTES } from './compose.ts';
import { startEmailEmulator } from './emulator.ts';
import { createEmailOperations, type EmailOperations } from './execute.ts';
import { type SendInput, type SmtpCredential, sendInputSchema } from './schema.ts';

describe('attachments that lie on a web server', () => {
  let store: SandboxStore;
  let emulator: Emulator<SmtpCredential>;
  let web: RecordingServer;
  let answer: Answer;
  let outbound: Outbound;
  let operations: EmailOperations;

  beforeEach(async () => {
    store = createMemorySandboxStore();
    emulator = await startEmailEmulator({ store, host: '127.0.0.1', port: 0 });
    web = await startRecordingServer((request, response) => answer(request, response));
    outbound = createOutbound({ allowHosts: [web.host] });
    operations = createEmailOperations({
      fetchBytes: outbound.fetchBytes,
      guardHost: outbound.guardHost,
    });
  });

  afterEach(async () => {
    await operations.close();
    await outbound.close();
    await web.close();
    await emulator.close();
  });

  const send = (
    attachments: SendInput['attachments'],
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ) =>
    operations.send.execute(
      sendInputSchema.parse({ to: 'a@customer.test', subject: 's', body: 'b', attachments }),
      testContext({ credential: emulator.credential, ...options }),
    );
  const received = async () => {
    const [message] = await store.list({});
    return PostalMime.parse(Buffer.from(String(message?.message.raw), 'base64'));
  };

  test('its bytes and its type arrive', async () => {
    const bytes = Buffer.from([0, 1, 2, 255, 13, 10, 46, 13, 10]);
    answer = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/pdf' }).end(bytes);
    await send([{ filename: 'offer.pdf', url: `${web.url}/offer?id=1` }]);
    const [attachment] = (await received()).attachments;
    expect(attachment).toMatchObject({ filename: 'offer.pdf', mimeType: 'application/pdf' });
    const content = attachment?.content;
    if (content === undefined || typeof content === 'string') throw new Error('it is not binary');
    expect(Buffer.from(new Uint8Array(content))).toEqual(bytes);
    expect(web.seen.map(({ path }) => path)).toEqual(['/offer?id=1']);
  });

  test('a type with parameters from the server cannot add header lines', async () => {
    answer = (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'text/csv; charset=utf-8; x="a b"' })
        .end('a,b');
    await send([{ filename: 'list.csv', url: web.url }]);
    expect((await received()).attachments[0]).toMatchObject({ mimeType: 'text/csv' });
  });

  test('one in a private network is not fetched, and nothing is sent', async () => {
    const error = await failureOf(
      send([{ filename: 'a', url: 'http://169.254.169.254/latest/meta-data' }]),
    );
    expect(error).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
      permanent: true,
      pointer: '/attachments/0/url',
    });
    expect(await store.list({})).toHaveLength(0);
  });

  test('a redirect into a private network is not followed', async () => {
    answer = (_request, response) =>
      void response.writeHead(302, { location: 'http://10.0.0.1/' }).end();
    expect(await failureOf(send([{ filename: 'a', url: web.url }]))).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
    });
  });

  test('one larger than the limit is cut off while it is read', async () => {
    let written = 0;
    answer = (_request, response) => {
      const block = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        if (response.destroyed || written > 4 * MAX_ATTACHMENT_BYTES) return;
        written += block.length;
        response.write(block, more);
      };
      more();
    };
    const error = await failureOf(send([{ filename: 'a', url: web.url }]));
    expect(error).toMatchObject({ code: 'too_large', effect: 'none', permanent: true });
    expect(written).toBeLessThan(2 * MAX_ATTACHMENT_BYTES);
  });

  test('what several take together counts', async () => {
    answer = (_request, response) => void response.end(Buffer.alloc(MAX_ATTACHMENT_BYTES / 2 + 1));
    const error = await failureOf(
      send([
        { filename: 'a', url: web.url },
        { filename: 'b', url: web.url },
      ]),
    );
    expect(error).toMatchObject({
      code: 'too_large',
      effect: 'none',
      permanent: true,
      pointer: '/attachments/1/url',
    });
    expect(await store.list({})).toHaveLength(0);
  });

  test.each([
    [404, 'not_found', true],
    [403, 'permission_denied', true],
    [429, 'rate_limited', false],
    [503, 'unavailable', false],
  ] as const)('a server that answers %i', async (status, code, permanent) => {
    answer = (_request, response) => void response.writeHead(status, { 'retry-after': '3' }).end();
    const error = await failureOf(send([{ filename: 'a', url: web.url }]));
    expect(error).toMatchObject({ code, permanent, effect: 'none', pointer: '/attachments/0/url' });
    if (!permanent) expect(error.retryAfterMs).toBe(3_000);
  });

  test('a server that never answers: the attempt times out, and nothing was sent', async () => {
    answer = () => undefined;
    const error = await failureOf(send([{ filename: 'a', url: web.url }], { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'timeout', effect: 'none', permanent: false });
    expect(await store.list({})).toHaveLength(0);
  });
});
