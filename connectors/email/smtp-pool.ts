/**
 * Connections to one SMTP server, kept open between messages.
 *
 * nodemailer's own pool is not used because it sends a message again when a connection closes
 * under it (`maxRequeues`), and because what decides over a repetition here, whether the end of
 * the message had been sent, cannot be told from its errors.
 *
 * Invariants:
 *   P1  a message goes over a second connection only if the first one was an idle one that broke
 *       before the message's content was begun
 *   P2  `contentSent` is false only if the line that ends the message was never written, so that
 *       no server can have accepted it (RFC 5321 §4.1.1.4)
 *   P3  a connection on which anything failed is not used again
 */
import { isIP, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { BlockedDestinationError } from '../outbound-destinations.ts';
import { type GuardHost, openSocket } from '../outbound-sockets.ts';
import type { ComposedMail } from './compose.ts';
import type { SmtpCredential } from './schema.ts';

/** Exchange Online allows three connections for each mailbox. */
const MAX_CONNECTIONS = 3;
const MAX_MESSAGES_PER_CONNECTION = 100;
/** Servers may close an idle connection after five minutes (RFC 5321 §4.5.3.2.7); many are quicker. */
const IDLE_TIMEOUT_MS = 60_000;
const QUIT_TIMEOUT_MS = 500;

export interface DeliveryResult {
  readonly accepted: readonly string[];
  readonly rejected: readonly string[];
}

/** Why a message was not confirmed. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure';
  /** See P2. */
  readonly contentSent: boolean;
  /** Of nodemailer: ECONNECTION, ESOCKET, EDNS, ETLS, ETIMEDOUT, EAUTH, EENVELOPE, EMESSAGE, EPROTOCOL; or EABORT, EBLOCKED (a private network). */
  readonly code: string;
  /** The command that was answered, or CONN. */
  readonly command: string | undefined;
  readonly responseCode: number | undefined;
  /** Enhanced status code (RFC 3463), e.g. 4.2.1. */
  readonly enhancedCode: string | undefined;
  /** Node's own code of a connection that failed, e.g. ECONNREFUSED. */
  readonly systemCode: string | undefined;

  constructor(error: SmtpError, contentSent: boolean) {
    super(`SMTP ${error.command ?? ''} failed with ${error.code ?? 'an unknown error'}`);
    this.contentSent = contentSent;
    this.code = error.code ?? 'EUNKNOWN';
    this.command = error.command;
    this.responseCode = error.responseCode;
    this.enhancedCode = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(error.response ?? '')?.[1];
    this.systemCode = error.originalCode;
  }
}

/** The part of nodemailer's error that is looked at. */
interface SmtpError {
  readonly code?: string | undefined;
  readonly command?: string | undefined;
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly originalCode?: string | undefined;
}

export interface SmtpPool {
  /**
   * Hands a message to the server.
   * @param signal ends the attempt at once, with `code` EABORT
   * @throws DeliveryFailure
   */
  deliver(mail: ComposedMail, signal: AbortSignal): Promise<DeliveryResult>;
  /** Closes idle connections now and busy ones as soon as their message is done. */
  close(): Promise<void>;
}

interface Link {
  readonly connection: SMTPConnection;
  messages: number;
  broken: boolean;
  idleTimer?: NodeJS.Timeout;
}

const ABORTED: SmtpError = { code: 'EABORT' };

/** @param guard says which hosts may be connected to */
export function createSmtpPool(credential: SmtpCredential, guard: GuardHost): SmtpPool {
  const idle: Link[] = [];
  const waiting: (() => void)[] = [];
  let open = 0;
  let closed = false;

  const discard = (link: Link): void => {
    clearTimeout(link.idleTimer);
    link.connection.close();
    open -= 1;
    waiting.shift()?.();
  };

  const release = (link: Link): void => {
    if (closed || link.broken || link.messages >= MAX_MESSAGES_PER_CONNECTION) {
      void quit(link.connection);
      open -= 1;
    } else {
      link.idleTimer = setTimeout(() => {
        idle.splice(idle.indexOf(link), 1);
        open -= 1;
        void quit(link.connection);
      }, IDLE_TIMEOUT_MS).unref();
      idle.push(link);
    }
    waiting.shift()?.();
  };

  const takeIdle = (): Link | undefined => {
    for (let link = idle.pop(); link !== undefined; link = idle.pop()) {
      clearTimeout(link.idleTimer);
      if (!link.broken) return link;
      discard(link);
    }
    return undefined;
  };

  const acquire = async (signal: AbortSignal): Promise<{ link: Link; reused: boolean }> => {
    for (;;) {
      const link = takeIdle();
      if (link !== undefined) return { link, reused: true };
      if (open < MAX_CONNECTIONS) break;
      await turn(waiting, signal);
    }
    open += 1;
    try {
      const socket = await reach(credential, guard, signal);
      const link = await logIn(credential, socket, signal);
      return { link, reused: false };
    } catch (error) {
      open -= 1;
      waiting.shift()?.();
      throw error;
    }
  };

  return {
    async deliver(mail, signal) {
      for (;;) {
        if (signal.aborted) throw new DeliveryFailure(ABORTED, false);
        const { link, reused } = await acquire(signal);
        try {
          const result = await sendOver(link.connection, mail, signal);
          link.messages += 1;
          release(link);
          return result;
        } catch (error) {
          discard(link);
          if (!(reused && isStaleConnection(error))) throw error;
        }
      }
    },

    async close() {
      closed = true;
      const links = idle.splice(0);
      open -= links.length;
      for (const link of links) clearTimeout(link.idleTimer);
      await Promise.all(links.map(({ connection }) => quit(connection)));
    },
  };
}

/** P1: the server had closed the idle connection, or said 421 because it was about to. */
function isStaleConnection(error: unknown): boolean {
  return (
    error instanceof DeliveryFailure &&
    !error.contentSent &&
    error.code !== 'EABORT' &&
    (error.responseCode === undefined || error.responseCode === 421) &&
    ['ECONNECTION', 'ESOCKET', 'EENVELOPE'].includes(error.code)
  );
}

async function logIn(
  credential: SmtpCredential,
  socket: Socket,
  signal: AbortSignal,
): Promise<Link> {
  const connection = newConnection(credential, socket);
  const link: Link = { connection, messages: 0, broken: false };
  connection.on('end', () => {
    link.broken = true;
  });
  try {
    await openConnection(connection, credential, signal);
    return link;
  } catch (error) {
    // nodemailer closes only what it has begun to use.
    socket.destroy();
    throw error;
  }
}

/**
 * Connects, logs in, and asks whether the session is in order. Nothing is sent.
 * @throws DeliveryFailure
 */
export async function tryLogin(
  credential: SmtpCredential,
  guard: GuardHost,
  signal: AbortSignal,
): Promise<void> {
  const { connection } = await logIn(credential, await reach(credential, guard, signal), signal);
  await new Promise<void>((resolve, reject) => {
    const fail = (error: SmtpError): void => {
      connection.close();
      reject(new DeliveryFailure(error, false));
    };
    const onAbort = (): void => fail(ABORTED);
    signal.addEventListener('abort', onAbort, { once: true });
    // RSET does as little as NOOP (RFC 5321 §4.1.1.5), and nodemailer has it.
    connection.reset((error) => {
      signal.removeEventListener('abort', onAbort);
      if (error) return fail(error);
      resolve();
    });
  });
  await quit(connection);
}

/** Waits until a connection is given back. */
function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = (): void => {
      waiting.splice(waiting.indexOf(go), 1);
      reject(new DeliveryFailure(ABORTED, false));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    waiting.push(go);
  });
}

/** Codes of node:dns, https://nodejs.org/api/dns.html#error-codes */
const NAME_FAILURES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA']);

/**
 * Opens the TCP connection itself, because nodemailer would resolve the name without the guard.
 * @throws DeliveryFailure
 */
async function reach(
  { host, port }: SmtpCredential,
  guard: GuardHost,
  signal: AbortSignal,
): Promise<Socket> {
  try {
    return await openSocket(host, port, guard, signal);
  } catch (error) {
    if (signal.aborted) throw new DeliveryFailure(ABORTED, false);
    if (error instanceof BlockedDestinationError) {
      throw new DeliveryFailure({ code: 'EBLOCKED', command: 'CONN' }, false);
    }
    const systemCode = systemCodeOf(error);
    const isName = systemCode !== undefined && NAME_FAILURES.has(systemCode);
    throw new DeliveryFailure(
      { code: isName ? 'EDNS' : 'ESOCKET', command: 'CONN', originalCode: systemCode },
      false,
    );
  }
}

function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

// https://nodemailer.com/extras/smtp-connection/
function newConnection(credential: SmtpCredential, socket: Socket): SMTPConnection {
  const { host, port, caCertificate } = credential;
  return new SMTPConnection({
    host,
    port,
    connection: socket,
    secure: credential.secure ?? port === 465,
    requireTLS: requiresTls(credential),
    ...(caCertificate === undefined ? {} : { tls: { ca: caCertificate } }),
    // The caller's signal bounds an attempt; these end a connection nobody waits for any more.
    connectionTimeout: IDLE_TIMEOUT_MS,
    socketTimeout: 2 * IDLE_TIMEOUT_MS,
    socketCloseTimeout: 0,
    logger: false,
  });
}

/** Nobody can listen in between there. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function requiresTls({ host, port, secure, requireTls, password }: SmtpCredential): boolean {
  if (secure ?? port === 465) return false;
  if (requireTls !== undefined) return requireTls;
  return password !== undefined && !isThisMachine(host);
}

function openConnection(
  connection: SMTPConnection,
  { user, password }: SmtpCredential,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: SmtpError): void => {
      signal.removeEventListener('abort', onAbort);
      connection.close();
      reject(new DeliveryFailure(error, false));
    };
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = (): void => fail(ABORTED);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    // Stays for the connection's life: a message in flight gets the same error by its callback.
    connection.on('error', fail);
    connection.connect((error) => {
      if (error) return fail(error);
      if (user === undefined || password === undefined || !connection.allowsAuth) return done();
      connection.login({ user, pass: password }, (refusal) => (refusal ? fail(refusal) : done()));
    });
  });
}

function sendOver(
  connection: SMTPConnection,
  mail: ComposedMail,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  return new Promise((resolve, reject) => {
    // Its end is what makes nodemailer write the line that ends the message: see P2.
    let contentSent = false;
    const content = Readable.from([mail.raw]);
    content.once('end', () => {
      contentSent = true;
    });
    const finish = (): void => signal.removeEventListener('abort', onAbort);
    const onAbort = (): void => {
      finish();
      connection.close();
      reject(new DeliveryFailure(ABORTED, contentSent));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    const envelope = {
      from: mail.envelope.from,
      to: [...mail.envelope.to],
      size: mail.raw.length,
    };
    connection.send(envelope, content, (error, info) => {
      finish();
      if (error) reject(new DeliveryFailure(error, contentSent));
      else resolve({ accepted: info.accepted, rejected: info.rejected });
    });
  });
}

/** Says goodbye, but does not wait long for an answer. */
function quit(connection: SMTPConnection): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => connection.close(), QUIT_TIMEOUT_MS);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    if (connection.destroyed) {
      clearTimeout(timer);
      resolve();
    } else connection.quit();
  });
}
