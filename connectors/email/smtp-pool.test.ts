import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import { unguardedHost } from '../outbound-sockets.ts';
import { createEmailOperations } from './execute.ts';
import type { SendInput, SmtpCredential } from './schema.ts';

/** Answers by command verb, `BODY` being the end of the message; a function may break the socket. */
type Script = Readonly<
  Record<string, string | ((socket: Socket, line: string) => string | undefined)>
>;

const WELL: Script = {
  CONNECT: '220 ready',
  EHLO: '250-hello\r\n250-8BITMIME\r\n250 AUTH PLAIN',
  AUTH: '235 2.7.0 accepted',
  MAIL: '250 2.1.0 ok',
  RCPT: '250 2.1.5 ok',
  DATA: '354 go on',
  BODY: '250 2.0.0 queued',
  QUIT: '221 bye',
};

interface ScriptedServer {
  readonly credential: SmtpCredential;
  /** Verbs in the order they came, over all connections. */
  readonly heard: string[];
  readonly sockets: Socket[];
  readonly close: () => Promise<void>;
}

async function startScripted(script: Script): Promise<ScriptedServer> {
  const answers = { ...WELL, ...script };
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    let inData = false;
    let buffered = '';
    const hear = (verb: string, line: string): void => {
      heard.push(verb);
      const answer = answers[verb] ?? '500 unknown';
      const text = typeof answer === 'string' ? answer : answer(socket, line);
      if (text === undefined) return;
      inData = verb === 'DATA' && text.startsWith('354');
      socket.write(`${text}\r\n`);
    };
    socket.on('data', (chunk) => {
      buffered += chunk.toString('latin1');
      for (;;) {
        const end = buffered.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + (inData ? 5 : 2));
        const verb = inData ? 'BODY' : (line.split(' ')[0] ?? '').toUpperCase();
        inData = false;
        hear(verb, line);
      }
    });
    hear('CONNECT', '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    credential: {
      host: '127.0.0.1',
      port: address.port,
      user: 'team@masar.test',
      password: 'correct horse',
    },
    heard,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

const message: SendInput = { to: 'layla@customer.test', subject: 'x', body: 'y' };

describe('what an SMTP conversation proves', () => {
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  const converse = async (script: Script) => {
    const server = await startScripted(script);
    const { send, close } = createEmailOperations({
      fetchBytes: async () => ({ bytes: Buffer.alloc(0) }),
      guardHost: unguardedHost,
    });
    cleanUps.push(server.close, close);
    return {
      server,
      send: (
        input: SendInput = message,
        overrides: { timeoutMs?: number; signal?: AbortSignal; credential?: SmtpCredential } = {},
      ) => send.execute(input, testContext({ credential: server.credential, ...overrides })),
    };
  };

  test.each([
    ['CONNECT', '421 4.3.0 busy', 'unavailable', false],
    ['CONNECT', '554 5.7.1 blocked', 'unavailable', false],
    ['AUTH', '535 5.7.8 wrong', 'credential_rejected', true],
    ['AUTH', '534 5.7.9 app password needed', 'credential_rejected', true],
    ['AUTH', '454 4.7.0 too many login attempts', 'rate_limited', false],
    ['AUTH', '454 4.3.0 backend away', 'unavailable', false],
    ['MAIL', '530 5.7.0 authenticate', 'credential_rejected', true],
    ['MAIL', '421 4.7.28 unusual rate', 'rate_limited', false],
    ['MAIL', '432 4.3.2 concurrent connections', 'rate_limited', false],
    ['MAIL', '550 5.4.5 daily limit', 'rate_limited', false],
    ['MAIL', '552 5.3.4 too big', 'too_large', true],
    ['MAIL', '553 5.1.8 not your address', 'rejected', true],
    ['RCPT', '450 4.2.1 too quickly', 'rate_limited', false],
    ['RCPT', '452 4.2.2 mailbox full', 'unavailable', false],
    ['RCPT', '550 5.1.1 <layla@customer.test> unknown', 'rejected', true],
    ['DATA', '451 4.3.0 not now', 'unavailable', false],
    ['DATA', '554 5.7.1 no', 'rejected', true],
    ['BODY', '451 4.7.1 greylisted', 'unavailable', false],
    ['BODY', '421 4.3.0 shutting down', 'unavailable', false],
    ['BODY', '550 5.7.1 spam', 'rejected', true],
    ['BODY', '552 5.2.3 too large', 'too_large', true],
  ])('%s answered by "%s"', async (verb, answer, code, permanent) => {
    const { send } = await converse({ [verb]: answer });
    const error = await failureOf(send());
    expect(error).toMatchObject({
      code,
      permanent,
      effect: 'none',
      status: Number(answer.slice(0, 3)),
    });
    expect(error.message).not.toContain('layla');
    expect(error.message).not.toContain('correct horse');
  });

  const breakOff = (socket: Socket): undefined => {
    socket.destroy();
  };

  test.each([
    ['CONNECT', 'none'],
    ['EHLO', 'none'],
    ['AUTH', 'none'],
    ['MAIL', 'none'],
    ['RCPT', 'none'],
    ['DATA', 'none'],
    ['BODY', 'possible'],
  ])('the connection breaks at %s', async (verb, effect) => {
    const { send, server } = await converse({ [verb]: breakOff });
    expect(await failureOf(send())).toMatchObject({
      code: 'unavailable',
      effect,
      permanent: false,
    });
    expect(server.heard.filter((heard) => heard === verb)).toHaveLength(1);
  });

  test.each([
    ['CONNECT', 'none'],
    ['AUTH', 'none'],
    ['MAIL', 'none'],
    ['DATA', 'none'],
    ['BODY', 'possible'],
  ])('silence at %s ends in a time-out', async (verb, effect) => {
    const { send } = await converse({ [verb]: () => undefined });
    expect(await failureOf(send(message, { timeoutMs: 300 }))).toMatchObject({
      code: 'timeout',
      effect,
      permanent: false,
    });
  });

  test('cancelled in the middle of a large message: the end was never sent', async () => {
    const { send, server } = await converse({
      DATA: (socket) => {
        socket.pause();
        return '354 go on';
      },
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('cancelled')), 400);
    const error = await failureOf(
      send({ ...message, body: 'x'.repeat(30_000_000) }, { signal: controller.signal }),
    );
    expect(error.code).toBe('cancelled');
    for (const socket of server.sockets) socket.resume();
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Whatever the error says of the effect, it must not say `none` of a message that was ended.
    if (error.effect === 'none') expect(server.heard).not.toContain('BODY');
  });

  test('an answer that is no reply is an invalid response, and the message may be there', async () => {
    const { send } = await converse({ BODY: '<html>' });
    expect(await failureOf(send())).toMatchObject({ code: 'invalid_response', effect: 'possible' });
  });

  test('a message beyond the size that the server announces is not sent', async () => {
    const { send, server } = await converse({
      EHLO: '250-hello\r\n250-SIZE 1000\r\n250 AUTH PLAIN',
    });
    expect(await failureOf(send({ ...message, body: 'x'.repeat(2_000) }))).toMatchObject({
      code: 'too_large',
      effect: 'none',
      permanent: true,
    });
    expect(server.heard).not.toContain('DATA');
  });

  test('a server that never begins the TLS handshake', async () => {
    const { send, server } = await converse({ CONNECT: () => undefined });
    const credential = { ...server.credential, secure: true };
    expect(await failureOf(send(message, { credential, timeoutMs: 300 }))).toMatchObject({
      code: 'timeout',
      effect: 'none',
    });
  });

  test('some recipients refused: the message goes to the others', async () => {
    const { send } = await converse({
      RCPT: (_socket, line) => (line.includes('bad@') ? '550 5.1.1 unknown' : '250 ok'),
    });
    const output = await send({ ...message, to: 'good@customer.test, bad@customer.test' });
    expect(output).toMatchObject({
      accepted: ['good@customer.test'],
      rejected: ['bad@customer.test'],
    });
  });

  test('messages share a connection', async () => {
    const { send, server } = await converse({});
    for (let count = 0; count < 3; count += 1) await send();
    expect(server.heard.filter((verb) => verb === 'BODY')).toHaveLength(3);
    expect(server.sockets).toHaveLength(1);
  });

  test('at most three connections for a credential, and every message gets through', async () => {
    const { send, server } = await converse({});
    await Promise.all(Array.from({ length: 12 }, () => send()));
    expect(server.heard.filter((verb) => verb === 'BODY')).toHaveLength(12);
    expect(server.sockets.length).toBeLessThanOrEqual(3);
  });

  test('an idle connection that the server closed is replaced without a failure', async () => {
    const { send, server } = await converse({});
    await send();
    server.sockets[0]?.destroy();
    await send();
    expect(server.heard.filter((verb) => verb === 'BODY')).toHaveLength(2);
    expect(server.sockets).toHaveLength(2);
  });

  test('a reused connection that breaks after the message is not tried again', async () => {
    let bodies = 0;
    const { send, server } = await converse({
      BODY: (socket) => {
        bodies += 1;
        if (bodies === 1) return '250 2.0.0 queued';
        socket.destroy();
        return undefined;
      },
    });
    await send();
    expect(await failureOf(send())).toMatchObject({ code: 'unavailable', effect: 'possible' });
    expect(server.heard.filter((verb) => verb === 'BODY')).toHaveLength(2);
  });

  test('a password is not sent unencrypted beyond this machine', async () => {
    const { send, server } = await converse({});
    const { port } = server.credential;
    const credential = { ...server.credential, port, requireTls: true };
    expect(await failureOf(send(message, { credential }))).toMatchObject({
      code: 'unavailable',
      effect: 'none',
      permanent: true,
    });
    expect(server.heard).not.toContain('AUTH');
  });

  test('a host that does not exist', async () => {
    const { send, server } = await converse({});
    const credential = { ...server.credential, host: 'mail.invalid' };
    expect(await failureOf(send(message, { credential }))).toMatchObject({
      code: 'unavailable',
      effect: 'none',
      permanent: false,
    });
  });
});
