/**
 * The part of IMAP4rev1 that looking into a folder of sent mail takes, answered from what the
 * SMTP emulator accepted. RFC 3501, https://www.rfc-editor.org/rfc/rfc3501
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { SandboxStore, StoredSandboxMessage } from '../contract.ts';

export const SENT_MAILBOX = 'Sent';
const CAPABILITIES = 'IMAP4rev1 AUTH=PLAIN SASL-IR ID NAMESPACE SPECIAL-USE';
const MAX_LINE_BYTES = 64 * 1024;
/** Newest messages that a search for a header other than Message-ID looks at. */
const SEARCHED_MESSAGES = 1000;

export interface ImapEmulatorDeps {
  readonly store: SandboxStore;
  readonly connector: string;
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** TLS from the first byte, with this certificate and key (PEM); unencrypted where left out. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface ImapEmulator {
  readonly port: number;
  close(): Promise<void>;
}

interface Session {
  readonly deps: ImapEmulatorDeps;
  /** UIDs are handed out as messages are found; they are not kept beyond the process. */
  readonly uidOf: (message: StoredSandboxMessage) => number;
  readonly send: (line: string) => void;
  authenticated: boolean;
  selected: boolean;
  /** Tag of an AUTHENTICATE PLAIN whose response comes in the next line. */
  awaitingPlain: string | undefined;
}

/** Starts the server on a free port. */
export async function startImapEmulator(deps: ImapEmulatorDeps): Promise<ImapEmulator> {
  const uids = new Map<string, number>();
  const sockets = new Set<Socket>();
  const uidOf = ({ id }: StoredSandboxMessage): number => {
    const uid = uids.get(id) ?? uids.size + 1;
    uids.set(id, uid);
    return uid;
  };
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, deps, uidOf);
  };
  const server: Server =
    deps.tls === undefined
      ? createServer(onSocket)
      : createTlsServer({ cert: deps.tls.cert, key: deps.tls.key }, onSocket);
  const port = await listen(server, deps.host);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('IMAP has no port'));
      else resolve(address.port);
    });
  });
}

function serve(
  socket: Socket,
  deps: ImapEmulatorDeps,
  uidOf: (message: StoredSandboxMessage) => number,
): void {
  const session: Session = {
    deps,
    uidOf,
    send: (line) => socket.write(`${line}\r\n`),
    authenticated: false,
    selected: false,
    awaitingPlain: undefined,
  };
  session.send(`* OK [CAPABILITY ${CAPABILITIES}] Masar emulator ready`);
  let buffered = '';
  // One command after the other, in the order they came.
  let turn = Promise.resolve();
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    buffered += chunk;
    if (buffered.length > MAX_LINE_BYTES) return void socket.destroy();
    const lines = buffered.split('\r\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      turn = turn
        .then(() => answer(session, line))
        .then((goOn) => {
          if (!goOn) socket.end();
        })
        .catch(() => {
          session.send('* BYE the message store failed');
          socket.destroy();
        });
    }
  });
}

/** Answers one line. @returns false when the session is over */
async function answer(session: Session, line: string): Promise<boolean> {
  if (session.awaitingPlain !== undefined) {
    const tag = session.awaitingPlain;
    session.awaitingPlain = undefined;
    logIn(session, tag, ...plainResponse(line));
    return true;
  }
  const [tag = '*', ...words] = tokenize(line);
  const isUid = words[0]?.toUpperCase() === 'UID';
  const [command = '', ...args] = isUid ? words.slice(1) : words;
  const { send } = session;
  switch (command.toUpperCase()) {
    case 'CAPABILITY':
      send(`* CAPABILITY ${CAPABILITIES}`);
      break;
    case 'ID':
      send('* ID ("name" "masar-emulator")');
      break;
    case 'NOOP':
      break;
    case 'LOGOUT':
      send('* BYE goodbye');
      send(`${tag} OK LOGOUT completed`);
      return false;
    case 'LOGIN':
      logIn(session, tag, args[0] ?? '', args[1] ?? '');
      return true;
    case 'AUTHENTICATE':
      authenticate(session, tag, args);
      return true;
    default:
      if (!session.authenticated) {
        send(`${tag} BAD not known, or not before LOGIN`);
        return true;
      }
      return answerAuthenticated(session, tag, command.toUpperCase(), args, isUid);
  }
  send(`${tag} OK ${command} completed`);
  return true;
}

async function answerAuthenticated(
  session: Session,
  tag: string,
  command: string,
  args: readonly string[],
  isUid: boolean,
): Promise<boolean> {
  const { send } = session;
  switch (command) {
    case 'NAMESPACE':
      send('* NAMESPACE (("" "/")) NIL NIL');
      break;
    case 'LIST':
    case 'LSUB':
      send(`* ${command} (\\HasNoChildren) "/" INBOX`);
      send(`* ${command} (\\HasNoChildren \\Sent) "/" ${SENT_MAILBOX}`);
      break;
    case 'SELECT':
    case 'EXAMINE': {
      const messages = await select(session, args[0] ?? '');
      if (messages === undefined) {
        send(`${tag} NO [NONEXISTENT] there is no such mailbox`);
        return true;
      }
      send('* FLAGS (\\Seen)');
      send(`* ${messages} EXISTS`);
      send('* 0 RECENT');
      send('* OK [UIDVALIDITY 1] UIDs valid');
      send(`${tag} OK [${command === 'SELECT' ? 'READ-WRITE' : 'READ-ONLY'}] ${command} completed`);
      return true;
    }
    case 'SEARCH': {
      if (!session.selected) {
        send(`${tag} BAD no mailbox is selected`);
        return true;
      }
      const found = await search(session, args, isUid);
      if (found === undefined) {
        send(`${tag} BAD search key not known`);
        return true;
      }
      send(['* SEARCH', ...found].join(' '));
      break;
    }
    default:
      send(`${tag} BAD command not known`);
      return true;
  }
  send(`${tag} OK ${command} completed`);
  return true;
}

function authenticate(session: Session, tag: string, args: readonly string[]): void {
  if (args[0]?.toUpperCase() !== 'PLAIN') {
    session.send(`${tag} NO mechanism not known`);
  } else if (args[1] === undefined) {
    session.awaitingPlain = tag;
    session.send('+ ');
  } else {
    logIn(session, tag, ...plainResponse(args[1]));
  }
}

/** RFC 4616: authorization identity, user and password, separated by NUL. */
function plainResponse(base64: string): [user: string, password: string] {
  const [, user = '', password = ''] = Buffer.from(base64, 'base64').toString('utf8').split('\0');
  return [user, password];
}

function logIn(session: Session, tag: string, user: string, password: string): void {
  session.authenticated = user === session.deps.user && password === session.deps.password;
  session.send(
    session.authenticated
      ? `${tag} OK [CAPABILITY ${CAPABILITIES}] logged in`
      : `${tag} NO [AUTHENTICATIONFAILED] wrong user or password`,
  );
}

/** @returns how many messages the mailbox has; undefined if there is no such mailbox */
async function select(session: Session, mailbox: string): Promise<number | undefined> {
  const isSent = mailbox === SENT_MAILBOX;
  session.selected = isSent;
  if (isSent) return (await sentMessages(session)).length;
  return mailbox.toUpperCase() === 'INBOX' ? 0 : undefined;
}

function sentMessages({ deps }: Session): Promise<readonly StoredSandboxMessage[]> {
  return deps.store.list({ connector: deps.connector, limit: SEARCHED_MESSAGES });
}

/**
 * Searches by ALL, HEADER and OR; several keys must all match (RFC 3501 §6.4.4).
 * @returns UIDs, or sequence numbers where the newest message has the highest; undefined for a key it does not know
 */
async function search(
  session: Session,
  args: readonly string[],
  isUid: boolean,
): Promise<number[] | undefined> {
  const tokens = [...args];
  if (tokens[0]?.toUpperCase() === 'CHARSET') tokens.splice(0, 2);
  const keys: (readonly StoredSandboxMessage[])[] = [];
  while (tokens.length > 0) {
    const matched = await matchKey(session, tokens);
    if (matched === undefined) return undefined;
    keys.push(matched);
  }
  const [first = [], ...rest] = keys;
  const matched = first.filter(({ id }) => rest.every((other) => other.some((it) => it.id === id)));
  if (isUid) return matched.map(session.uidOf).sort((a, b) => a - b);
  const all = await sentMessages(session);
  return matched
    .map(({ id }) => all.length - all.findIndex((message) => message.id === id))
    .sort((a, b) => a - b);
}

/** Takes one search key off the tokens. */
async function matchKey(
  session: Session,
  tokens: string[],
): Promise<readonly StoredSandboxMessage[] | undefined> {
  switch (tokens.shift()?.toUpperCase()) {
    case 'ALL':
      return sentMessages(session);
    case 'HEADER':
      return matchHeader(session, tokens.shift() ?? '', tokens.shift() ?? '');
    case 'OR': {
      const left = await matchKey(session, tokens);
      const right = await matchKey(session, tokens);
      if (left === undefined || right === undefined) return undefined;
      return [...left, ...right.filter(({ id }) => left.every((other) => other.id !== id))];
    }
    default:
      return undefined;
  }
}

async function matchHeader(
  { deps, ...session }: Session,
  name: string,
  value: string,
): Promise<readonly StoredSandboxMessage[]> {
  if (name.toLowerCase() === 'message-id') {
    const found = await deps.store.find(deps.connector, value);
    return found === undefined ? [] : [found];
  }
  const wanted = value.toLowerCase();
  const messages = await sentMessages({ deps, ...session });
  return messages.filter(({ message }) => {
    const headers = message.headers;
    if (typeof headers !== 'object' || headers === null) return false;
    const found = Object.entries(headers).find(([key]) => key === name.toLowerCase())?.[1];
    return typeof found === 'string' && found.toLowerCase().includes(wanted);
  });
}

/** Splits a line into atoms and strings; lists lose their parentheses. */
function tokenize(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s()"]+)/g)].map(
    ([, quoted, atom]) => quoted?.replace(/\\(.)/g, '$1') ?? atom ?? '',
  );
}
