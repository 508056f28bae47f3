/**
 * Statements on a user's own PostgreSQL.
 *
 *   P1  `query` runs in a read-only transaction that is never committed, so it changes nothing and
 *       may be repeated.
 *   P2  `execute` runs in a transaction. Until COMMIT is sent a failure has no effect, whatever its
 *       kind: PostgreSQL rolls back when the connection ends. Only a COMMIT without an answer leaves
 *       doubt.
 *   P3  With an effects table the step's key is written in the same transaction, so it takes effect
 *       once and may be repeated. Without, an attempt in doubt is not repeated by itself.
 */
import type { CredentialCheck, Operation, OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { type GuardHost, unguardedHost } from '../outbound-sockets.ts';
import { connect, type PostgresConnection } from './connection.ts';
import { addressOf, type PostgresCredential } from './credential.ts';
import { claim, ensureTable, keep } from './effects-table.ts';
import { toConnectorError } from './errors.ts';
import { createLimiter } from './limiter.ts';
import type { ExecuteInput, ExecuteOutput, QueryInput, QueryOutput } from './schema.ts';

export interface PostgresDeps {
  /** Keeps the hosts of stored credentials out of private networks; emulators are exempt. */
  readonly guardHost: GuardHost;
}

export interface PostgresOperations {
  readonly query: Operation<QueryInput, QueryOutput, PostgresCredential>;
  readonly execute: Operation<ExecuteInput, ExecuteOutput, PostgresCredential>;
  /** Logs in and asks who it is. */
  readonly check: CredentialCheck<PostgresCredential>;
}

/** Connections of this process to one database at a time; the others wait their turn. */
const MAX_CONNECTIONS = 10;
/** What remains for reporting when the server has ended a statement by its time limit. */
const MARGIN_MS = 250;
const TRANSACTION_COMMANDS =
  /^(?:BEGIN|START TRANSACTION|COMMIT|ROLLBACK|PREPARE TRANSACTION|SAVEPOINT|RELEASE)/;

export function createPostgresOperations({ guardHost }: PostgresDeps): PostgresOperations {
  const limiter = createLimiter(MAX_CONNECTIONS);

  /** Connects, works and closes; every failure says what is known of the effect. */
  async function attempt<Output>(
    input: { readonly sql: string; readonly parameters: readonly unknown[] },
    context: AttemptContext,
    work: (session: Session) => Promise<Output>,
  ): Promise<Output> {
    const { signal, timeoutMs } = context;
    const address = addressOf(context.credential);
    const { host, port, database } = address;
    const deadline = performance.now() + timeoutMs;
    const state = { isCommitting: false };
    try {
      signal.throwIfAborted();
      return await limiter.run(`${host}:${port}/${database}`, signal, async () => {
        const connection = await connect(address, {
          guard: context.mode === 'sandbox' ? unguardedHost : guardHost,
          signal,
          trace: context.traceHeaders,
        });
        try {
          return await work({
            connection,
            remainingMs: () => deadline - performance.now() - MARGIN_MS,
            commit: async () => {
              state.isCommitting = true;
              const { command } = await connection.run('COMMIT', [], NO_ROWS);
              state.isCommitting = false;
              return command === 'COMMIT';
            },
          });
        } finally {
          connection.close();
        }
      });
    } catch (error) {
      const { sql, parameters } = input;
      throw toConnectorError(error, {
        host,
        port,
        signal,
        timeoutMs,
        sql,
        parameters,
        isCommitting: state.isCommitting,
      });
    }
  }

  return {
    query: {
      execute: (input, context) =>
        attempt(input, context, async ({ connection, remainingMs }) => {
          await connection.begin('READ ONLY', remainingMs());
          const { rows, truncated } = await connection.run(input.sql, input.parameters, {
            maxRows: input.maxRows,
            stopsAtLimit: true,
          });
          // P1: closing the connection rolls back.
          return { rows, rowCount: rows.length, truncated };
        }),
    },
    execute: {
      classify: ({ effectsTable }) => (effectsTable === undefined ? 'blind' : 'native-key'),
      execute: (input, context) =>
        attempt(input, context, (session) => change(session, input, context.key)),
    },
    check: {
      run: (credential, { signal, timeoutMs }) => {
        const sql = 'SELECT current_user AS who, current_database() AS base';
        const context = { credential, signal, timeoutMs, mode: 'live', traceHeaders: {} } as const;
        return attempt({ sql, parameters: [] }, context, async ({ connection, remainingMs }) => {
          await connection.begin('READ ONLY', remainingMs());
          const { rows } = await connection.run(sql, [], NO_ROWS);
          const { who, base } = rows[0] ?? {};
          return who === undefined ? {} : { account: `${who} in ${base}` };
        });
      },
    },
  };
}

type AttemptContext = Pick<
  OperationContext<PostgresCredential>,
  'credential' | 'mode' | 'signal' | 'timeoutMs' | 'traceHeaders'
>;

interface Session {
  readonly connection: PostgresConnection;
  /** What is left of the attempt's time for a statement. */
  readonly remainingMs: () => number;
  /** @returns false if the server rolled back instead */
  readonly commit: () => Promise<boolean>;
}

const NO_ROWS = { maxRows: 1, stopsAtLimit: false } as const;

async function change(
  { connection, remainingMs, commit }: Session,
  { sql, parameters, maxRows, effectsTable }: ExecuteInput,
  key: string,
): Promise<ExecuteOutput> {
  if (effectsTable !== undefined) await ensureTable(connection, effectsTable, remainingMs());
  await connection.begin('READ WRITE', remainingMs());
  if (effectsTable !== undefined) {
    const known = await claim(connection, effectsTable, key);
    if (known !== undefined) return known;
  }
  const { rows, truncated, affected, command } = await connection.run(sql, parameters, {
    maxRows,
    stopsAtLimit: false,
  });
  if (TRANSACTION_COMMANDS.test(command)) {
    throw new ConnectorError(
      'rejected',
      `"${command}" is not for a step: each runs in a transaction of its own. Write a statement that changes data.`,
      { effect: 'none', permanent: true, pointer: '/sql' },
    );
  }
  const output: ExecuteOutput = { rowCount: affected, rows, truncated };
  if (effectsTable !== undefined) await keep(connection, effectsTable, key, output);
  if (!(await commit())) {
    throw new ConnectorError(
      'rejected',
      'PostgreSQL rolled the statement back instead of committing it.',
      { effect: 'none', permanent: true, pointer: '/sql' },
    );
  }
  return output;
}
