/**
 * A mail server that delivers nothing: it speaks SMTP, keeps what it accepted in the sandbox
 * store, and shows it as the account's folder of sent mail by IMAP.
 *
 * As with a real server, a message that is sent twice is stored twice.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import PostalMime, { type Address, type Attachment, type Email } from 'postal-mime';
import {
  SMTPServer,
  type SMTPServerDataStream,
  type SMTPServerError,
  type SMTPServerSession,
} from 'smtp-server';
import type {
  Emulator,
  EmulatorDeps,
  EmulatorFault,
  Json,
  JsonObject,
  SandboxMessage,
} from '../contract.ts';
import { type ImapEmulator, startImapEmulator } from './imap-emulator.ts';
import type { SmtpCredential } from './schema.ts';

/** Encryption as real mail servers offer it. */
export interface EmulatorTls {
  /** `implicit`: from the first byte (SMTP port 465, IMAP port 993). `starttls`: SMTP upgrades. */
  readonly mode: 'implicit' | 'starttls';
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface EmailEmulator extends Emulator<SmtpCredential> {
  /** How many of the injected faults have not struck yet. */
  faultsLeft(): number;
}

const CONNECTOR = 'email';
const USER = 'sandbox@masar.test';
const PASSWORD = 'emulator-password';
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** The raw mail is kept up to this size. */
const MAX_RAW_BYTES = 256 * 1024;
/** Inline images are kept beside it up to this size. */
const MAX_SHOWN_BYTES = 128 * 1024;
/** Replies that a mail server gives; another status of a `serverError` becomes 451. */
const SMTP_FAILURES = [421, 450, 451, 452, 454, 550, 551, 552, 553, 554];

/**
 * Starts the mail server: SMTP on the given port, IMAP on a free one.
 * @param tls unencrypted where left out
 */
export async function startEmailEmulator(
  deps: EmulatorDeps,
  tls?: EmulatorTls,
): Promise<EmailEmulator> {
  const faults: EmulatorFault[] = [];
  const sockets = new Map<number, Socket>();
  /** What goes wrong with the message that a session is about to send. */
  const pending = new Map<string, EmulatorFault>();
  const imap = await startImapEmulator({
    store: deps.store,
    connector: CONNECTOR,
    host: deps.host,
    user: USER,
    password: PASSWORD,
    ...(tls === undefined ? {} : { tls }),
  });

  // https://nodemailer.com/extras/smtp-server/
  const smtp = new SMTPServer({
    name: 'masar-emulator',
    banner: 'Masar emulator',
    logger: false,
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
    disabledCommands: tls?.mode === 'starttls' ? [] : ['STARTTLS'],
    // The listener below does the handshake.
    secure: tls?.mode === 'implicit',
    secured: tls?.mode === 'implicit',
    disableReverseLookup: true,
    authMethods: ['PLAIN', 'LOGIN'],
    size: MAX_MESSAGE_BYTES,
    rejectOversized: true,

    onAuth({ username, password }, _session, callback) {
      if (faults[0]?.kind === 'unauthorized') {
        faults.shift();
        return callback(reply(535, 'Username and Password not accepted'));
      }
      if (username === USER && password === PASSWORD) return callback(null, { user: username });
      callback(reply(535, 'Username and Password not accepted'));
    },

    onMailFrom(_address, session, callback) {
      const fault = faults.shift();
      if (fault === undefined) pending.delete(session.id);
      else pending.set(session.id, fault);
      callback(refusalOf(fault));
    },

    onData(stream, session, callback) {
      const fault = pending.get(session.id);
      pending.delete(session.id);
      const socket = sockets.get(session.remotePort);
      receive(stream)
        .then(async (raw) => {
          if (fault?.kind === 'hang') return;
          if (fault?.kind === 'garbage') {
            socket?.end('<html>this is no mail server</html>\r\n');
            return;
          }
          if (!stream.sizeExceeded) await deps.store.add(await toSandboxMessage(raw, session));
          if (fault?.kind === 'dropAfterAccept') socket?.destroy();
          else if (fault?.kind !== 'hangAfterAccept') callback(null, 'Ok: kept in the sandbox');
        })
        .catch(() => callback(reply(451, '4.3.0 The message could not be stored')));
    },
  });
  // A client that breaks off mid-session is no concern of the server.
  smtp.on('error', () => undefined);

  // The listener is ours, so that faults reach the sockets behind the sessions.
  const onSocket = (socket: Socket): void => {
    const { remotePort } = socket;
    if (remotePort !== undefined) {
      sockets.set(remotePort, socket);
      socket.on('close', () => sockets.delete(remotePort));
    }
    socket.on('error', () => socket.destroy());
    smtp.connect(socket);
  };
  const server: Server =
    tls?.mode === 'implicit'
      ? createTlsServer({ cert: tls.cert, key: tls.key }, onSocket)
      : createServer(onSocket);
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', (error) => void imap.close().then(() => reject(error)));
    server.listen(deps.port, deps.host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : deps.port);
    });
  });

  return {
    connector: CONNECTOR,
    url: `smtp://${deps.host}:${port}`,
    credential: credentialFor(deps.host, port, imap, tls),
    inject: (...added) => void faults.push(...added),
    faultsLeft: () => faults.length,
    close: async () => {
      await imap.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.values()) socket.destroy();
      });
    },
  };
}

function credentialFor(
  host: string,
  port: number,
  imap: ImapEmulator,
  tls: EmulatorTls | undefined,
): SmtpCredential {
  return {
    host,
    port,
    secure: tls?.mode === 'implicit',
    requireTls: tls?.mode === 'starttls',
    user: USER,
    password: PASSWORD,
    from: `Masar <${USER}>`,
    imap: { host, port: imap.port, secure: tls !== undefined, user: USER, password: PASSWORD },
  };
}

/** Faults that refuse the message before it is sent. */
function refusalOf(fault: EmulatorFault | undefined): SMTPServerError | null {
  switch (fault?.kind) {
    case 'unauthorized':
      return reply(530, '5.7.0 Authentication Required');
    case 'rateLimited':
      return reply(450, '4.2.1 Receiving mail at a rate that prevents additional messages');
    case 'serverError': {
      const { status = 451 } = fault;
      return SMTP_FAILURES.includes(status)
        ? reply(status, 'Requested action not taken')
        : reply(451, '4.3.0 Temporary system problem');
    }
    default:
      return null;
  }
}

function reply(responseCode: number, text: string): SMTPServerError {
  return Object.assign(new Error(text), { responseCode });
}

async function receive(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    // An oversized message is read to its end, so that the client hears the refusal.
    if (!stream.sizeExceeded) chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

async function toSandboxMessage(raw: Buffer, session: SMTPServerSession): Promise<SandboxMessage> {
  const email = await PostalMime.parse(raw);
  const headers = Object.fromEntries(email.headers.map(({ key, value }) => [key, value]));
  const executionId = headers['x-masar-execution-id'];
  const nodeId = headers['x-masar-node-id'];
  return {
    connector: CONNECTOR,
    operation: 'send',
    to: session.envelope.rcptTo.map(({ address }) => address).join(', '),
    ...(executionId ? { executionId, iteration: headers['x-masar-iteration'] ?? '' } : {}),
    ...(nodeId ? { nodeId } : {}),
    ...(email.messageId ? { lookupKey: email.messageId } : {}),
    message: { ...toJson(email, headers, raw), encrypted: session.secure },
  };
}

function toJson(email: Email, headers: Readonly<Record<string, string>>, raw: Buffer): JsonObject {
  return {
    from: email.from === undefined ? null : addressJson(email.from),
    to: (email.to ?? []).map(addressJson),
    cc: (email.cc ?? []).map(addressJson),
    replyTo: (email.replyTo ?? []).map(addressJson),
    subject: email.subject ?? '',
    text: email.text ?? null,
    html: email.html ?? null,
    headers,
    attachments: email.attachments.map(attachmentJson),
    raw: raw.subarray(0, MAX_RAW_BYTES).toString('base64'),
    rawSize: raw.length,
  };
}

function attachmentJson({ filename, mimeType, content, contentId }: Attachment): Json {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(toBytes(content));
  const isShown = mimeType.startsWith('image/') && bytes.length <= MAX_SHOWN_BYTES;
  return {
    filename,
    contentType: mimeType,
    size: bytes.length,
    ...(contentId === undefined
      ? {}
      : {
          contentId: contentId.replace(/^<|>$/g, ''),
          // What the reader of the mail sees inside it is kept to be shown.
          ...(isShown ? { contentBase64: bytes.toString('base64') } : {}),
        }),
  };
}

function toBytes(content: ArrayBuffer | Uint8Array): Uint8Array {
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}

function addressJson({ name, address, group }: Address): Json {
  return { name: name ?? '', address: address ?? (group ?? []).map((it) => it.address).join(', ') };
}
