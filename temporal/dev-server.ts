/**
 * Temporal for people who have none: the development server of the Temporal CLI, with its state in
 * one SQLite file of ours.
 * https://docs.temporal.io/cli/server#start-dev
 */

import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { z } from 'zod';
import {
  diskFull,
  explainFileError,
  type LocalServer,
  OperatorError,
  processIdentity,
  startLocalServer,
  stopPid,
  systemErrorCode,
} from '../cli/local-process.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_STEPS = [
  { signal: 'SIGTERM', waitMs: 15_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

export interface TemporalDevServer {
  /** host:port of the gRPC front end. */
  readonly address: string;
  /** The Web UI, without a path. */
  readonly uiUrl: string;
  readonly pid: number;
  readonly exited: LocalServer['exited'];
  stop(): Promise<void>;
}

export interface TemporalDevServerOptions {
  /** A `temporal` program; see temporal-binary.ts. */
  readonly binary: string;
  /** The folder for temporal.db. Made if it is not there. */
  readonly dataDir: string;
  /** Appended to. */
  readonly logFile: string;
  readonly port: number;
  readonly uiPort: number;
  /** Custom search attributes to have in the namespace `default`, by name: `Keyword`, `Int`, … */
  readonly searchAttributes?: Readonly<Record<string, string>>;
  /** Further namespaces than `default`. */
  readonly namespaces?: readonly string[];
  /**
   * Settings of the server by name, such as `limit.historyCount.suggestContinueAsNew`.
   * https://docs.temporal.io/references/dynamic-configuration
   */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
}

/**
 * Starts the server on 127.0.0.1 and waits until it answers. Stops one that a killed run left on
 * the same data; the caller sees to it that only one instance uses the folder.
 * @throws OperatorError `port_in_use`, `data_broken`, `disk_full`, `not_writable` or
 *   `server_failed`, with a sentence that says what to do
 */
export async function startTemporalDevServer(
  options: TemporalDevServerOptions,
): Promise<TemporalDevServer> {
  const { port, uiPort } = options;
  const dataDir = resolve(options.dataDir);
  const pidFile = join(dataDir, 'temporal.pid');
  const database = join(dataDir, 'temporal.db');
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o711 });
    await mkdir(dirname(options.logFile), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
  await stopLeftover(pidFile);
  // While the mark is there the database has never served anybody: its schema may be half made,
  // which the server would take for a whole one.
  const unfinished = join(dataDir, 'temporal.db.unfinished');
  try {
    if (existsSync(unfinished)) await removeDatabase(database);
    if (!existsSync(database)) await writeFile(unfinished, '');
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
  await requireSqlite(database);

  const server = await startLocalServer({
    command: options.binary,
    args: [
      'server',
      'start-dev',
      ...['--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', database],
      // With a write-ahead log, synchronous=1 still loses nothing when the process dies; only a
      // power cut may take the last moments. https://www.sqlite.org/pragma.html#pragma_synchronous
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=1'],
      // One server spreads nothing by partitions, and hands tasks to and fro between them.
      ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
      ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
      ...['--log-level', 'error', '--color', 'never'],
      ...Object.entries(options.dynamicConfig ?? {}).flatMap(([name, value]) => [
        '--dynamic-config-value',
        `${name}=${value}`,
      ]),
      ...(options.namespaces ?? []).flatMap((name) => ['--namespace', name]),
      ...Object.entries(options.searchAttributes ?? {}).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${type}`,
      ]),
    ],
    env: serverEnvironment(),
    logFile: resolve(options.logFile),
    stopSteps: STOP_STEPS,
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(pidFile, { force: true });
  };
  try {
    const left = { pid: server.pid, identity: processIdentity(server.pid) ?? '' };
    await writeFile(pidFile, `${JSON.stringify(left)}\n`);
    await untilServing(server, `127.0.0.1:${port}`, { ...options, dataDir });
    await rm(unfinished, { force: true });
  } catch (error) {
    await stop();
    throw systemErrorCode(error) === 'ENOSPC' ? diskFull(dataDir, error) : error;
  }
  return {
    address: `127.0.0.1:${port}`,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    pid: server.pid,
    exited: server.exited,
    stop,
  };
}

/**
 * No TEMPORAL_… variable may redirect the program; and it collects garbage less often than Go's
 * default, for this server allocates much and keeps little.
 */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TMPDIR|TZ)$/.test(name));
  return { ...Object.fromEntries(kept), GOGC: '400' };
}

async function removeDatabase(database: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${database}${suffix}`, { force: true });
}

const leftoverSchema = z.object({ pid: z.number().int().positive(), identity: z.string() });

async function stopLeftover(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const left = leftoverSchema.safeParse(parseJson(await readFile(pidFile, 'utf8')));
  if (left.success && processIdentity(left.data.pid) === left.data.identity) {
    if (!(await stopPid(left.data.pid, STOP_STEPS))) {
      throw new OperatorError(
        'server_failed',
        `A Temporal server of an earlier run (process ${left.data.pid}) does not stop. End that process, then start again.`,
      );
    }
  }
  await rm(pidFile, { force: true });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half a file, from a machine that lost power while it was written: there is nothing to stop.
    return undefined;
  }
}

/** The file begins with this text: https://www.sqlite.org/fileformat2.html#the_database_header */
const SQLITE_MAGIC = 'SQLite format 3\0';

async function requireSqlite(database: string): Promise<void> {
  if (!existsSync(database)) return;
  const head = Buffer.alloc(SQLITE_MAGIC.length);
  try {
    const file = await open(database, 'r');
    await file.read(head, 0, head.length, 0);
    await file.close();
  } catch (error) {
    throw explainFileError(error, database);
  }
  if (head.toString('latin1') !== SQLITE_MAGIC) throw broken(database);
}

function broken(database: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'data_broken',
    `Temporal's state in ${database} is damaged. Restore the data folder from a backup; or, if running executions may go, delete ${database} (with its -wal and -shm files) and start again.`,
    cause,
  );
}

async function untilServing(
  server: LocalServer,
  address: string,
  options: TemporalDevServerOptions,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let lastError: unknown;
  while (server.exit() === undefined) {
    if (Date.now() > deadline) {
      throw new OperatorError(
        'server_failed',
        `Temporal has not become ready within ${START_TIMEOUT_MS / 1000} s. Look at ${options.logFile}, and start again.`,
        lastError,
      );
    }
    lastError = await probe(address);
    if (lastError === undefined) return;
    await sleep(50);
  }
  throw explainFailure(server.output(), options);
}

/** Undefined if the namespace `default` can be used, else why not. */
async function probe(address: string): Promise<unknown> {
  try {
    await requireTemporal(address, 'default', { connectTimeoutMs: 1_000 });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Connects and asks for the namespace; rejects with the client's error if that fails. */
async function requireTemporal(
  address: string,
  namespace: string,
  { connectTimeoutMs }: { readonly connectTimeoutMs: number },
): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: connectTimeoutMs });
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } finally {
    await connection.close();
  }
}

/** The dev server's log is one `level=ERROR msg="…"` line for each problem. */
export function explainFailure(
  output: string,
  { port, uiPort, dataDir }: Pick<TemporalDevServerOptions, 'port' | 'uiPort' | 'dataDir'>,
): OperatorError {
  const database = join(dataDir, 'temporal.db');
  if (/address already in use/.test(output)) {
    const taken = output.includes(`:${uiPort}:`) ? uiPort : port;
    return new OperatorError(
      'port_in_use',
      `Temporal's port ${taken} on 127.0.0.1 is in use by another program. Stop that program and start again, or set TEMPORAL_ADDRESS if it is the Temporal server to use.`,
    );
  }
  if (/database or disk is full|no space left on device/i.test(output)) return diskFull(database);
  if (/not a database|malformed|file is encrypted|no such (table|column)/.test(output)) {
    return broken(database);
  }
  if (/permission denied|readonly database|unable to open database|read-only file/i.test(output)) {
    return new OperatorError(
      'not_writable',
      `Temporal cannot write to ${database}. Give this user write access to the folder, or set MASAR_DATA to another one.`,
    );
  }
  const message = /msg="((?:[^"\\]|\\.)*)"/.exec(output)?.[1] ?? output.trim().split('\n').at(-1);
  return new OperatorError(
    'server_failed',
    `Temporal did not start: ${message?.slice(0, 300) || 'it ended without a message'}. Set TEMPORAL_ADDRESS to a server that runs already if this one cannot.`,
  );
}
