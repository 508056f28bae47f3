/**
 * Everything under measurement, in a temporary folder and in processes of its own: the servers as
 * `npm start` starts them, Masar's API and worker, the worker of the hand-written workflows, the
 * stub that all of them send to, and the process that makes the load.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encryptionKey, makeDataDir } from '../cli/data-files.ts';
import { freePort } from '../cli/local-process.ts';
import { createSupervisor } from '../cli/supervisor.ts';
import { bootstrap } from '../db/bootstrap.ts';
import { connectDatabase, type Database } from '../db/connection.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { migrate } from '../db/migrate.ts';
import { startTemporalDevServer } from '../temporal/dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';
import { type Child, startChild } from './child.ts';
import { benchmarkDefinition } from './graph.ts';
import {
  type LoadCommand,
  type LoadResult,
  loadResultSchema,
  type StubCounts,
  stubCountsSchema,
  stubReadySchema,
  WORKFLOW_ID,
} from './protocol.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const API_KEY = 'benchmark-key-of-no-value';
/** So high that it never answers: the limit is no part of what is measured. */
const RATE_LIMIT = 10_000_000;

export interface System {
  readonly database: Database;
  /** Processes by what they do; those of PostgreSQL are its children. */
  readonly pids: () => Readonly<
    Record<'temporal' | 'postgres' | 'api' | 'worker' | 'handwritten', number>
  >;
  load(command: LoadCommand): Promise<LoadResult>;
  /** What the stub has seen since the last call. */
  takeStubCounts(): Promise<StubCounts>;
}

export interface SystemOptions {
  /** Told what is being done, in whole sentences. */
  readonly tell: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Brings everything up, lets `use` work with it, and stops it however that ended. */
export async function withSystem<T>(
  options: SystemOptions,
  use: (system: System) => Promise<T>,
): Promise<T> {
  const stops: (() => Promise<void>)[] = [];
  const started = <R extends { stop(): Promise<void> }>(running: R): R => {
    stops.push(() => running.stop());
    return running;
  };
  const folder = await mkdtemp(join(tmpdir(), 'masar-bench-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  try {
    return await use(await start(folder, { ...options, started, stops }));
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

interface Starting extends SystemOptions {
  readonly started: <R extends { stop(): Promise<void> }>(running: R) => R;
  readonly stops: (() => Promise<void>)[];
}

async function start(folder: string, options: Starting): Promise<System> {
  const { tell, signal, started, stops } = options;
  makeDataDir(folder);
  const binary = await findTemporalBinary({
    signal,
    progress: { begin: tell, update: () => undefined },
  });
  tell('Starting PostgreSQL, Temporal, the API and the workers …');
  const postgres = started(
    await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      logFile: join(folder, 'logs', 'postgres.log'),
    }),
  );
  const ports = await freePorts();
  const temporal = started(
    await startTemporalDevServer({
      binary,
      dataDir: join(folder, 'temporal'),
      logFile: join(folder, 'logs', 'temporal.log'),
      port: ports.temporal,
      uiPort: ports.temporalUi,
      searchAttributes: SEARCH_ATTRIBUTES,
    }),
  );
  await migrate(postgres.url);
  await bootstrap(postgres.url, { apiKey: API_KEY });
  signal.throwIfAborted();

  const stub = started(await startChild('./stub.ts', {}));
  const { url: stubUrl } = stubReadySchema.parse(stub.ready);
  const supervisor = createSupervisor({
    logsDir: join(folder, 'logs'),
    terminal: { warn: tell },
  });
  stops.push(() => supervisor.stopAll(['api', 'worker']));
  const env: NodeJS.ProcessEnv = {
    ...withoutOurVariables(process.env),
    PORT: String(ports.api),
    HOST: '127.0.0.1',
    MASAR_DATA: folder,
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_UI_URL: temporal.uiUrl,
    MASAR_ENCRYPTION_KEY: encryptionKey(folder),
    MASAR_ALLOW_HOSTS: new URL(stubUrl).host,
    MASAR_RATE_LIMIT_PER_MINUTE: String(RATE_LIMIT),
  };
  await Promise.all(
    ['api', 'worker'].map((name) =>
      supervisor.start({ name, args: [MAIN, name], env, drainMs: 20_000 }),
    ),
  );
  const handwritten = started(
    await startChild('./handwritten/worker.ts', { temporalAddress: temporal.address }),
  );
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  await publish(apiUrl, stubUrl);
  const load = started(
    await startChild('./load.ts', {
      temporalAddress: temporal.address,
      stubUrl,
      apiUrl,
      apiKey: API_KEY,
    }),
  );
  const database = connectDatabase(postgres.url, { poolSize: 1, applicationName: 'masar-bench' });
  stops.push(() => database.destroy());
  signal.throwIfAborted();

  return {
    database,
    pids: () => ({
      temporal: temporal.pid,
      postgres: postgres.pid,
      api: supervisor.pids().get('api') ?? 0,
      worker: supervisor.pids().get('worker') ?? 0,
      handwritten: handwritten.pid,
    }),
    load: async (command) => loadResultSchema.parse(await ask(load, command, signal)),
    takeStubCounts: async () => stubCountsSchema.parse(await ask(stub, 'counts', signal)),
  };
}

/** An interrupted benchmark doesn't wait for the answer. */
async function ask(child: Child, command: unknown, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const answer = child.ask(command);
  answer.catch(() => undefined);
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([answer, interrupted]);
}

/** Different ones, although nothing listens on them yet. */
async function freePorts(): Promise<{ temporal: number; temporalUi: number; api: number }> {
  const temporal = await freePort();
  const temporalUi = await freePort([], new Set([temporal]));
  return { temporal, temporalUi, api: await freePort([], new Set([temporal, temporalUi])) };
}

/** What a developer has set for Masar is not to change what is measured. */
function withoutOurVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(MASAR|TEMPORAL|LOG_LEVEL)/.test(name)),
  );
}

async function publish(apiUrl: string, stubUrl: string): Promise<void> {
  await post(`${apiUrl}/api/workflows`, benchmarkDefinition(stubUrl));
  await post(`${apiUrl}/api/workflows/${WORKFLOW_ID}/publish`, {});
}

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': API_KEY },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}
