/**
 * `npm start`: brings up everything that is not there yet, shows the example automation, and keeps
 * it all running until Ctrl-C.
 */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '../db/migrate.ts';
import { createApiClient } from './api-client.ts';
import { ensureApiKey, showKey, workingKey } from './api-key.ts';
import { browserHost, type CommandContext } from './command-context.ts';
import { choosePorts, encryptionKey, instanceFile, makeDataDir, type Ports } from './data-files.ts';
import { countUnfinished, runDemo } from './demo.ts';
import type { Environment } from './environment.ts';
import { lockInstance } from './instance-lock.ts';
import { liveProviders } from './live-providers.ts';
import {
  freePort,
  isAlive,
  isPortFree,
  OperatorError,
  parentOf,
  processCommand,
  systemErrorCode,
} from './local-process.ts';
import {
  providePostgres,
  provideTemporal,
  type Server,
  type ServerContext,
  type TemporalServer,
} from './servers.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import type { Terminal } from './terminal.ts';

export interface UpOptions {
  /** End after the demo. */
  readonly once: boolean;
  readonly demo: boolean;
}

const HEALTH_TIMEOUT_MS = 60_000;
const SAFE_KEY_LENGTH = 16;
const STOP_ORDER = ['api', 'worker', 'emulators'];
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/**
 * @returns the exit code, after everything was stopped
 * @throws OperatorError where something cannot be brought up, after everything was stopped
 */
export async function up(options: UpOptions, output: CommandContext): Promise<0 | 1 | 130> {
  const { terminal, environment } = output;
  const stopping = new AbortController();
  const stops: (() => Promise<void> | void)[] = [];
  let supervisor: Supervisor | undefined;

  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) {
      terminal.warn('Stopped at once.');
      supervisor?.killAll();
      // The embedded servers' guards see our end and shut them down in order.
      process.exit(130);
    }
    terminal.line();
    terminal.line(`Stopping (${signal}); once more to stop at once …`);
    stopping.abort(new Interrupted());
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const launcher = watchLauncher(() => {
    if (!stopping.signal.aborted) onSignal('SIGTERM');
  });

  try {
    await requireFreePort(environment);
    makeDataDir(environment.dataDir);
    const lock = lockInstance(environment.dataDir);
    stops.push(() => lock.release());
    supervisor = createSupervisor({ logsDir: join(environment.dataDir, 'logs'), terminal });
    return await run({ environment, options, output, terminal, stopping, stops, supervisor });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    if (stopping.signal.reason instanceof Interrupted) return options.once ? 130 : 0;
    throw stopping.signal.reason;
  } finally {
    for (const stop of stops.reverse()) {
      await stop();
    }
    clearInterval(launcher);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
  }
}

/** Somebody asked us to stop: not a failure. */
class Interrupted extends Error {}

/**
 * `npm start` that gets SIGTERM ends without telling us, as the launcher (masar.mjs) that is
 * killed; whoever stopped it means everything.
 * Between npm and us there may be a shell.
 */
function watchLauncher(onGone: () => void): NodeJS.Timeout | undefined {
  const { npm_lifecycle_event: script, MASAR_LAUNCHER: launcher } = process.env;
  if (script === undefined && launcher === undefined) return undefined;
  const parent = process.ppid;
  const throughShell = /^\S*sh -c /.test(processCommand(parent) ?? '');
  const npm = throughShell ? (parentOf(parent) ?? parent) : parent;
  const watch = setInterval(() => {
    if (process.ppid === parent && isAlive(npm)) return;
    clearInterval(watch);
    onGone();
  }, 500);
  watch.unref();
  return watch;
}

interface Run {
  readonly environment: Environment;
  readonly options: UpOptions;
  readonly output: CommandContext;
  readonly terminal: Terminal;
  readonly stopping: AbortController;
  /** What to stop at the end, in the order in which it was started. */
  readonly stops: (() => Promise<void> | void)[];
  readonly supervisor: Supervisor;
}

async function run(context: Run): Promise<0 | 1> {
  const { environment, options, terminal, stopping, stops, supervisor } = context;
  const { signal } = stopping;
  const ports = await choosePorts(environment.dataDir);
  const { postgres, temporal } = await startServers(context, ports);
  signal.throwIfAborted();

  await migrate(postgres.address);
  if (environment.apiKey !== undefined && environment.apiKey.length < SAFE_KEY_LENGTH) {
    terminal.warn(
      `MASAR_API_KEY has fewer than ${SAFE_KEY_LENGTH} characters, which can be guessed. Take a random one (openssl rand -base64 24) for anything but a try.`,
    );
  }
  const newKey = await ensureApiKey(environment, postgres.address);
  signal.throwIfAborted();

  const port = environment.port === 0 ? await freePort() : environment.port;
  const env = childEnvironment(environment, { ports, postgres, temporal, port });
  stops.push(() => supervisor.stopAll(STOP_ORDER));
  const start = (name: string, drainMs: number): Promise<void> =>
    supervisor.start({ name, args: [MAIN, name], env, drainMs });
  await orStopping(
    signal,
    Promise.all([start('emulators', 5_000), start('worker', 20_000), start('api', 15_000)]),
  );
  const apiUrl = `http://${browserHost(environment.host)}:${port}`;
  await untilHealthy(apiUrl, signal);
  const addresses = instanceFile(environment.dataDir);
  stops.push(() => addresses.remove());
  addresses.write({
    apiUrl,
    databaseUrl: postgres.address,
    temporal: {
      address: temporal.address,
      ...(temporal.uiUrl === undefined ? {} : { uiUrl: temporal.uiUrl }),
    },
  });
  terminal.line(`Masar        ready on ${apiUrl}`);
  if (newKey !== undefined) showKey(newKey, environment, terminal);

  const apiKey = await workingKey(environment, apiUrl, signal);
  if (apiKey !== undefined) await mentionUnfinished(apiUrl, apiKey, terminal);
  const demo = await demoOrReason(context, apiUrl, apiKey);
  context.output.piece({
    event: 'ready',
    apiUrl,
    temporalUrl: temporal.uiUrl ?? null,
    dataDir: environment.dataDir,
    demoSucceeded: demo?.succeeded ?? null,
  });
  showLinks(terminal, apiUrl, demo?.temporalUrl ?? temporal.uiUrl);
  if (options.once) return demo?.succeeded === true ? 0 : 1;

  terminal.line(
    terminal.dim(`Data and logs are in ${environment.dataDir}. Ctrl-C stops everything.`),
  );
  await orStopping(signal, new Promise(() => undefined));
  return 0;
}

/** Both at the same time; where one fails, the other is stopped with the rest. */
async function startServers(
  { environment, terminal, stopping, stops }: Run,
  ports: Ports,
): Promise<{ readonly postgres: Server; readonly temporal: TemporalServer }> {
  const failed = new AbortController();
  const signal = AbortSignal.any([stopping.signal, failed.signal]);
  const onLost = (error: unknown): void => stopping.abort(error);
  const context: ServerContext = { environment, ports, terminal, signal, onLost };
  const register = <T extends Server>(server: T): T => {
    stops.push(() => server.stop());
    return server;
  };
  const [postgres, temporal] = await Promise.allSettled([
    providePostgres(context)
      .then(register)
      .catch((error: unknown) => {
        // Nobody should wait minutes for a build of Temporal to hear of this.
        failed.abort(error);
        throw error;
      }),
    provideTemporal(context).then(register),
  ]);
  if (postgres.status === 'rejected') throw postgres.reason;
  if (temporal.status === 'rejected') throw temporal.reason;
  return { postgres: postgres.value, temporal: temporal.value };
}

async function requireFreePort({ host, port }: Environment): Promise<void> {
  let free: boolean;
  try {
    free = port === 0 || (await isPortFree(port, host));
  } catch (error) {
    throw new OperatorError(
      'environment',
      `HOST=${host} is not an address of this machine (${systemErrorCode(error) ?? 'unknown'}). Set HOST to 127.0.0.1, or to 0.0.0.0 for all addresses.`,
      error,
    );
  }
  if (!free) {
    throw new OperatorError(
      'port_in_use',
      `Port ${port} on ${host} is in use. Stop the program that uses it, or choose another port, for example: PORT=${port + 1} npm start`,
    );
  }
}

function childEnvironment(
  environment: Environment,
  started: {
    readonly ports: Ports;
    readonly postgres: Server;
    readonly temporal: TemporalServer;
    readonly port: number;
  },
): NodeJS.ProcessEnv {
  const { ports, postgres, temporal, port } = started;
  const { MASAR_API_KEY: _, ...rest } = process.env;
  return {
    ...rest,
    PORT: String(port),
    HOST: environment.host,
    MASAR_DATA: environment.dataDir,
    DATABASE_URL: postgres.address,
    TEMPORAL_ADDRESS: temporal.address,
    ...(temporal.uiUrl === undefined ? {} : { TEMPORAL_UI_URL: temporal.uiUrl }),
    MASAR_ENCRYPTION_KEY: environment.encryptionKey ?? encryptionKey(environment.dataDir),
    MASAR_EMULATOR_HOST: environment.emulatorHost,
    MASAR_EMULATOR_SMTP_PORT: String(environment.emulatorPorts?.smtp ?? ports.smtp),
    MASAR_EMULATOR_IMAP_PORT: String(environment.emulatorPorts?.imap ?? ports.imap),
    MASAR_EMULATOR_WHATSAPP_PORT: String(environment.emulatorPorts?.whatsapp ?? ports.whatsapp),
    MASAR_EMULATOR_GOOGLE_PORT: String(environment.emulatorPorts?.google ?? ports.google),
    MASAR_EMULATOR_HTTP_PORT: String(environment.emulatorPorts?.http ?? ports.http),
  };
}

/** The work, unless we are told to stop before it ends. */
async function orStopping<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  // The loser of the race may reject later, when the children are stopped.
  work.catch(() => undefined);
  const aborted = once(signal, 'abort').then(() => {
    throw signal.reason;
  });
  return Promise.race([work, aborted]);
}

async function untilHealthy(apiUrl: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + HEALTH_TIMEOUT_MS;
  let last = 'no answer';
  while (Date.now() < deadline) {
    try {
      const answer = await fetch(`${apiUrl}/api/health`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      if (answer.ok) return;
      last = `status ${answer.status}`;
    } catch (error) {
      signal.throwIfAborted();
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(100, undefined, { signal });
  }
  throw new OperatorError(
    'child_failed',
    `The API on ${apiUrl} is not healthy after ${HEALTH_TIMEOUT_MS / 1000} s (${last}). Look at logs/api.log in the data folder.`,
  );
}

async function mentionUnfinished(
  apiUrl: string,
  apiKey: string,
  terminal: Terminal,
): Promise<void> {
  const api = createApiClient({ url: apiUrl, key: apiKey, keySource: 'the data folder' });
  const { count, more } = await countUnfinished(api);
  if (count === 0) return;
  terminal.line(
    count === 1
      ? '1 unfinished execution goes on where it was.'
      : `${count}${more ? ' or more' : ''} unfinished executions go on where they were.`,
  );
}

/** Runs the demo, or says why not and returns undefined. */
async function demoOrReason(
  { environment, options, terminal, stopping }: Run,
  apiUrl: string,
  apiKey: string | undefined,
): Promise<Awaited<ReturnType<typeof runDemo>> | undefined> {
  if (!options.demo) return undefined;
  if (apiKey === undefined) {
    terminal.line();
    terminal.line(
      'The demo needs an API key, and this folder has none that the database knows: set MASAR_API_KEY to one.',
    );
    return undefined;
  }
  const live = liveProviders(environment);
  if (live.length > 0) {
    terminal.line();
    if (!options.once) {
      terminal.line(
        `No demo: ${live.join(', ')} ${live.length === 1 ? 'is' : 'are'} configured, so it would really send. MASAR_MODE=sandbox shows it without sending.`,
      );
      return undefined;
    }
    terminal.line(`Live mode: the demo really sends through ${live.join(', ')}.`);
  }
  const marker = join(environment.dataDir, 'demo-put');
  try {
    return await runDemo({
      apiUrl,
      apiKey,
      terminal,
      signal: stopping.signal,
      lastPut: readIfThere(marker),
      rememberPut: (mark) => writeFileSync(marker, mark),
    });
  } catch (error) {
    // Masar itself runs; only who asked for nothing but the demo has nothing left.
    if (options.once || !(error instanceof OperatorError)) throw error;
    terminal.warn(error.message);
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function showLinks(terminal: Terminal, apiUrl: string, temporalUrl: string | undefined): void {
  terminal.line();
  terminal.line(`  API docs            ${apiUrl}/api/docs`);
  if (temporalUrl !== undefined) terminal.line(`  Temporal's Web UI   ${temporalUrl}`);
  terminal.line(`  Outbox              ${apiUrl}/sandbox`);
  terminal.line();
}
