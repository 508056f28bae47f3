/**
 * One connection to a user's database, for one attempt. It is never kept: what a statement leaves in
 * its session (settings, advisory locks, temporary tables) must not reach another node.
 */
import type { Socket } from 'node:net';
// The rule keeps connectors away from Masar's own database; this one's provider is PostgreSQL itself.
// biome-ignore lint/style/noRestrictedImports: PostgreSQL is what this connector connects to
import { Client, type Connection, Query } from 'pg';
import { z } from 'zod';
import type { JsonObject } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { type GuardHost, openSocket } from '../outbound-sockets.ts';
import type { PostgresAddress } from './credential.ts';
import { toJson } from './json-values.ts';

/** More than this is refused before it fills the memory. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MEASURED_EVERY_MS = 50;
/** After this long without a next statement the server rolls back, if this process is gone. */
const IDLE_LIMIT_MS = 60_000;

const textRow = z.array(z.string().nullable());

export interface StatementResult {
  readonly rows: readonly JsonObject[];
  /** True if there were more rows than wanted. */
  readonly truncated: boolean;
  /** How many rows the statement changed or read. */
  readonly affected: number;
  /** The command's tag, e.g. UPDATE; empty if not all rows were read. */
  readonly command: string;
}

export interface StatementOptions {
  readonly maxRows: number;
  /** True: reading ends after maxRows. False: the statement is carried out to its end all the same. */
  readonly stopsAtLimit: boolean;
}

export interface PostgresConnection {
  /**
   * Begins a transaction in which values have the form that `toJson` reads.
   * @param timeoutMs limit of each statement
   */
  begin(access: 'READ ONLY' | 'READ WRITE', timeoutMs: number): Promise<void>;
  /** Runs one statement with bound parameters; several at once are refused by the server. */
  run(
    sql: string,
    parameters: readonly unknown[],
    options: StatementOptions,
  ): Promise<StatementResult>;
  close(): void;
}

/** @param trace in sandbox mode, what lets the emulator say which node a statement came from */
export async function connect(
  address: PostgresAddress,
  options: {
    readonly guard: GuardHost;
    readonly signal: AbortSignal;
    readonly trace: Readonly<Record<string, string>>;
  },
): Promise<PostgresConnection> {
  const { guard, signal, trace } = options;
  const socket = await openSocket(address.host, address.port, guard, signal);
  const client = new Client({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    // A text that is empty would be looked for in this process's environment.
    password: () => address.password,
    ssl: tlsOptions(address),
    application_name: 'masar',
    stream: () => connected(socket),
    ...(Object.keys(trace).length === 0 ? {} : { options: traceOption(trace) }),
  });
  let tooLarge = false;
  const watch = setInterval(() => {
    if (socket.bytesRead < MAX_ANSWER_BYTES) return;
    tooLarge = true;
    socket.destroy();
  }, MEASURED_EVERY_MS);
  const onAbort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  // The statement that is under way reports the failure; without a listener it would end the process.
  client.on('error', onAbort);

  function close(): void {
    clearInterval(watch);
    signal.removeEventListener('abort', onAbort);
    // Ends politely; a server that does not answer is left all the same.
    if (socket.destroyed) return;
    client.end().catch(onAbort);
    socket.once('close', () => clearTimeout(limit));
    const limit = setTimeout(onAbort, 1_000).unref();
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw tooLarge ? tooLargeAnswer() : error;
    }
  }

  try {
    signal.throwIfAborted();
    await client.connect();
  } catch (error) {
    socket.destroy();
    close();
    throw error;
  }

  return {
    begin: (access, timeoutMs) =>
      guarded(async () => {
        await client.query(
          `BEGIN TRANSACTION ${access};
           SET LOCAL statement_timeout = ${Math.max(1, Math.floor(timeoutMs))};
           SET LOCAL idle_in_transaction_session_timeout = ${IDLE_LIMIT_MS};
           SET LOCAL DateStyle = 'ISO';
           SET LOCAL IntervalStyle = 'iso_8601';
           SET LOCAL bytea_output = 'hex'`,
        );
      }),
    run: (sql, parameters, limits) => guarded(() => runStatement(client, sql, parameters, limits)),
    close,
  };
}

/** A connected socket for a client that would connect by itself, past the guard. */
function connected(socket: Socket): Socket {
  return Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    },
  });
}

function tlsOptions({ ssl, ca }: PostgresAddress) {
  switch (ssl) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify':
      return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  }
}

/** A setting of our own name: servers other than the emulator never see it. */
function traceOption(trace: Readonly<Record<string, string>>): string {
  return `-c masar.trace=${Buffer.from(JSON.stringify(trace)).toString('base64url')}`;
}

/** Every value as its text: it is turned into JSON by its column's type. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

/** Reads up to its limit of rows and no further. */
class LimitedQuery extends Query {
  /** https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY */
  handlePortalSuspended(connection: Connection): void {
    connection.sync();
  }
}

function runStatement(
  client: Client,
  sql: string,
  parameters: readonly unknown[],
  { maxRows, stopsAtLimit }: StatementOptions,
): Promise<StatementResult> {
  const config = {
    text: sql,
    values: [...parameters],
    types: AS_TEXT,
    rowMode: 'array',
    // One statement only, and parameters never become part of its text.
    queryMode: 'extended',
    ...(stopsAtLimit ? { rows: maxRows + 1 } : {}),
  };
  return new Promise((resolve, reject) => {
    const rows: JsonObject[] = [];
    let count = 0;
    const query = new LimitedQuery(config);
    query.on('row', (row: unknown, result) => {
      count += 1;
      if (count > maxRows || result === undefined) return;
      try {
        rows.push(toObject(result.fields, textRow.parse(row)));
      } catch (error) {
        // Thrown in here it would end the process rather than the statement.
        reject(error);
      }
    });
    query.on('error', reject);
    query.on('end', ({ command, rowCount }) =>
      resolve({
        rows,
        truncated: count > maxRows,
        affected: rowCount ?? count,
        command: command ?? '',
      }),
    );
    client.query(query);
  });
}

function toObject(
  fields: readonly { readonly name: string; readonly dataTypeID: number }[],
  cells: readonly (string | null)[],
): JsonObject {
  return Object.fromEntries(
    fields.map(({ name, dataTypeID }, at) => [name, toJson(dataTypeID, cells[at] ?? null)]),
  );
}

function tooLargeAnswer(): ConnectorError {
  return new ConnectorError(
    'too_large',
    `The database answered with more than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB. Select fewer columns or rows.`,
    { effect: 'none', permanent: true, pointer: '/sql' },
  );
}
