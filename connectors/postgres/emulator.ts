/**
 * Plays a PostgreSQL server for sandbox mode, over the real protocol.
 *
 * It has no tables: every statement is noted with its parameters and answered as one that found
 * nothing or changed one row. What is noted of a transaction is kept when it commits, as its effect
 * would be; a table of effects is really remembered.
 */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { z } from 'zod';
import type { Emulator, EmulatorDeps, EmulatorFault, SandboxMessage } from '../contract.ts';
import { TRACE_HEADERS } from '../http-emulator.ts';
import type { PostgresCredential } from './credential.ts';
import {
  createBodyReader,
  createFrameReader,
  dataRow,
  errorResponse,
  type Frame,
  int16,
  message,
  rowDescription,
} from './emulator-wire.ts';

const CONNECTOR = 'postgres';
const DATABASE = 'sandbox_database';
const USER = 'sandbox_user';
/** Derived, not random, so that a restarted emulator still knows what it gave out before. */
const PASSWORD = createHash('sha256').update('masar postgres emulator').digest('base64url');

const SSL_REQUEST = 80_877_103;
const PROTOCOL_3 = 196_608;
const TEXT = 25;
const JSONB = 3_802;

const CLAIM = /^INSERT INTO (\S+) \(key\) VALUES \(\$1\) ON CONFLICT/;
const KEEP = /^UPDATE (\S+) SET result = \$2 WHERE key = \$1$/;
const READ = /^SELECT result FROM (\S+) WHERE key = \$1$/;
const CHANGES = /^\s*(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|COPY)\b/i;

/** Starts the emulator. What `inject` is given strikes the statement of a node, or its COMMIT. */
export async function startPostgresEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<Emulator<PostgresCredential>> {
  const faults: EmulatorFault[] = [];
  const sockets = new Set<Socket>();

  const server = createServer((socket) => {
    sockets.add(socket);
    // Small answers wait for nothing.
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away is no failure of the emulator's.
    socket.on('error', () => socket.destroy());
    const session = createSession(socket, store, faults);
    const read = createFrameReader(() => session.isStarted());
    let work = Promise.resolve();
    socket.on('data', (chunk: Buffer) => {
      work = work
        .then(async () => {
          for (const frame of read(chunk)) await session.handle(frame);
        })
        .catch(() => {
          socket.destroy();
        });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The emulator listens on no TCP port.');
  }
  return {
    connector: CONNECTOR,
    url: `postgresql://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}/${DATABASE}`,
    credential: {
      host: address.address,
      port: address.port,
      database: DATABASE,
      user: USER,
      password: PASSWORD,
      ssl: 'disable',
    },
    inject: (...more) => {
      faults.push(...more);
    },
    close: () =>
      new Promise((resolve, reject) => {
        if (!server.listening) {
          resolve();
          return;
        }
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
}

function createSession(socket: Socket, store: EmulatorDeps['store'], faults: EmulatorFault[]) {
  let isStarted = false;
  let isTrusted = false;
  let trace: Partial<SandboxMessage> = {};
  let status: 'I' | 'T' | 'E' = 'I';
  let isReadOnly = false;
  /** True after an error, until the client has sent Sync. */
  let skips = false;
  /** True once a fault has left the client without an answer. */
  let isMute = false;
  let parsed = '';
  let bound: readonly (string | null)[] = [];
  let pending: Statement[] = [];
  let claimed: { readonly key: string; result: string | null } | undefined;

  const send = (...messages: readonly Buffer[]): void => {
    if (!socket.destroyed) socket.write(Buffer.concat(messages));
  };
  const ready = (): void => send(message('Z', Buffer.from(status, 'latin1')));

  function fail(code: string, text: string, severity = 'ERROR'): void {
    send(errorResponse(severity, code, text));
    if (status === 'T') status = 'E';
    skips = true;
    if (severity === 'FATAL') socket.end();
  }

  /** @returns the next fault, if it is one of these */
  function take(...kinds: readonly EmulatorFault['kind'][]): EmulatorFault | undefined {
    const next = faults[0];
    return next !== undefined && kinds.includes(next.kind) ? faults.shift() : undefined;
  }

  function start(body: Buffer): void {
    const reader = createBodyReader(body);
    const code = reader.int32();
    if (code === SSL_REQUEST) {
      send(Buffer.from('N', 'latin1'));
      return;
    }
    isStarted = true;
    if (code !== PROTOCOL_3) {
      fail('0A000', 'unsupported frontend protocol', 'FATAL');
      return;
    }
    const settings = new Map<string, string>();
    while (!reader.isAtEnd()) {
      const name = reader.text();
      if (name !== '') settings.set(name, reader.text());
    }
    if (take('rateLimited') !== undefined) {
      fail('53300', 'sorry, too many clients already', 'FATAL');
      return;
    }
    if (settings.get('database') !== DATABASE) {
      fail('3D000', 'database does not exist', 'FATAL');
      return;
    }
    trace = readTrace(settings.get('options') ?? '');
    send(message('R', 3));
  }

  function authenticate(password: string): void {
    if (take('unauthorized') !== undefined || password !== PASSWORD) {
      fail('28P01', `password authentication failed for user "${USER}"`, 'FATAL');
      return;
    }
    isTrusted = true;
    send(message('R', 0), message('S', 'server_version', '17.0'), message('K', 1, 1));
    ready();
  }

  /** What the driver sends without parameters: the beginning of a transaction and its settings. */
  function runSimple(sql: string): void {
    status = 'T';
    isReadOnly = /READ ONLY/.test(sql);
    pending = [];
    claimed = undefined;
    const tags = sql.split(';').map((each) => (each.trim().startsWith('SET') ? 'SET' : 'BEGIN'));
    send(...tags.map((tag) => message('C', tag)));
    ready();
  }

  async function execute(): Promise<void> {
    const sql = parsed;
    if (sql === 'COMMIT') {
      await commit();
      return;
    }
    if (await answerOwn(sql)) return;
    switch (take('serverError', 'hang', 'garbage')?.kind) {
      case 'serverError':
        fail('57P01', 'terminating connection due to administrator command', 'FATAL');
        return;
      case 'garbage':
        send(message('q'));
        return;
      case 'hang':
        isMute = true;
        return;
    }
    if (sql.includes(';') && /;\s*\S/.test(sql)) {
      fail('42601', 'cannot insert multiple commands into a prepared statement');
      return;
    }
    const verb = CHANGES.exec(sql)?.[1]?.toUpperCase();
    if (isReadOnly && verb !== undefined) {
      fail('25006', `cannot execute ${verb} in a read-only transaction`);
      return;
    }
    pending.push({ sql, parameters: bound });
    if (isReadOnly) {
      await keep();
      const fault = take('dropAfterAccept', 'hangAfterAccept');
      if (fault?.kind === 'dropAfterAccept') socket.destroy();
      if (fault !== undefined) {
        isMute = true;
        return;
      }
    }
    const tag = verb === 'INSERT' ? 'INSERT 0 1' : verb === undefined ? 'SELECT 0' : `${verb} 1`;
    send(message('C', tag));
  }

  /** @returns true if the statement is about the table of effects */
  async function answerOwn(sql: string): Promise<boolean> {
    if (sql.startsWith('SELECT to_regclass(') || sql.startsWith('SELECT pg_advisory_xact_lock(')) {
      send(dataRow([bound[0] ?? null]), message('C', 'SELECT 1'));
      return true;
    }
    const [, table] = CLAIM.exec(sql) ?? KEEP.exec(sql) ?? READ.exec(sql) ?? [];
    if (table === undefined) return false;
    const key = `${table}/${bound[0]}`;
    const known = await store.find(CONNECTOR, key);
    if (CLAIM.test(sql)) {
      if (known === undefined) {
        claimed = { key, result: null };
        send(dataRow([bound[0] ?? null]), message('C', 'INSERT 0 1'));
      } else {
        send(message('C', 'INSERT 0 0'));
      }
    } else if (KEEP.test(sql)) {
      if (claimed !== undefined) claimed.result = bound[1] ?? null;
      send(message('C', 'UPDATE 1'));
    } else {
      const { result } = known?.message ?? {};
      send(dataRow([result === undefined ? null : String(result)]), message('C', 'SELECT 1'));
    }
    return true;
  }

  async function commit(): Promise<void> {
    if (status === 'E') {
      status = 'I';
      send(message('C', 'ROLLBACK'));
      return;
    }
    if (!(await keep())) {
      fail('40001', 'could not serialize access due to concurrent update');
      return;
    }
    const fault = pending.length > 0 ? take('dropAfterAccept', 'hangAfterAccept') : undefined;
    status = 'I';
    pending = [];
    if (fault?.kind === 'dropAfterAccept') socket.destroy();
    if (fault !== undefined) {
      isMute = true;
      return;
    }
    send(message('C', 'COMMIT'));
  }

  /** @returns false if another transaction has claimed the step meanwhile */
  async function keep(): Promise<boolean> {
    for (const { sql, parameters } of pending) {
      const { duplicate } = await store.add(
        {
          connector: CONNECTOR,
          operation: isReadOnly ? 'query' : 'execute',
          ...trace,
          ...(claimed === undefined ? {} : { lookupKey: claimed.key }),
          message: {
            sql,
            parameters,
            ...(claimed?.result == null ? {} : { result: claimed.result }),
          },
        },
        { unique: claimed !== undefined },
      );
      if (duplicate) return false;
    }
    return true;
  }

  async function handle({ type, body }: Frame): Promise<void> {
    if (isMute) return;
    if (type === '') {
      start(body);
      return;
    }
    const reader = createBodyReader(body);
    if (type === 'p') {
      authenticate(reader.text());
      return;
    }
    if (!isTrusted) {
      socket.destroy();
      return;
    }
    if (type === 'S') {
      skips = false;
      ready();
      return;
    }
    if (type === 'X') {
      socket.end();
      return;
    }
    if (skips) return;
    switch (type) {
      case 'Q':
        runSimple(reader.text());
        return;
      case 'P':
        reader.text();
        parsed = reader.text().trim();
        send(message('1'));
        return;
      case 'B': {
        reader.text();
        reader.text();
        for (let formats = reader.int16(); formats > 0; formats -= 1) reader.int16();
        bound = Array.from({ length: reader.int16() }, () => reader.value());
        send(message('2'));
        return;
      }
      case 'D':
        send(describe(parsed));
        return;
      case 'E':
        await execute();
        return;
    }
  }

  return { isStarted: () => isStarted, handle };
}

/** The columns of the statements about the effects table; no others have any. */
function describe(sql: string): Buffer {
  if (sql.startsWith('SELECT to_regclass(')) return rowDescription([['name', TEXT]]);
  if (sql.startsWith('SELECT pg_advisory_xact_lock(')) return rowDescription([['lock', TEXT]]);
  if (CLAIM.test(sql)) return rowDescription([['key', TEXT]]);
  if (READ.test(sql)) return rowDescription([['result', JSONB]]);
  return /^\s*(?:SELECT|WITH|VALUES|TABLE|SHOW)\b|\bRETURNING\b/i.test(sql)
    ? message('T', int16(0))
    : message('n');
}

const traceSchema = z.record(z.string(), z.string());

function readTrace(options: string): Partial<SandboxMessage> {
  const encoded = /-c masar\.trace=([\w-]+)/.exec(options)?.[1];
  if (encoded === undefined) return {};
  const parsed = traceSchema.safeParse(
    JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')),
  );
  if (!parsed.success) return {};
  const headers = new Map(
    Object.entries(parsed.data).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const executionId = headers.get(TRACE_HEADERS.executionId);
  const nodeId = headers.get(TRACE_HEADERS.nodeId);
  const iteration = headers.get(TRACE_HEADERS.iteration);
  return {
    ...(executionId === undefined ? {} : { executionId }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(iteration === undefined ? {} : { iteration }),
  };
}
