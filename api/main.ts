/** The API role: one stateless process of any number. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { RoleEnvironment } from '../cli/environment.ts';
import { environmentCredentials } from '../cli/execution-mode.ts';
import { OperatorError, systemErrorCode } from '../cli/local-process.ts';
import { createLogger, describeError, type Logger } from '../cli/logger.ts';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { connectDatabase } from '../db/connection.ts';
import { createExecutionListener } from '../db/execution-listener.ts';
import { createPayloadStore } from '../db/payload-store.ts';
import { createIdempotencyKeyRepository } from '../db/repositories/idempotency-keys.ts';
import { createVault } from '../db/vault.ts';
import { lazyClient } from '../temporal/connection.ts';
import { ensureSearchAttributes } from '../temporal/ensure-search-attributes.ts';
import { createDataConverter } from '../temporal/large-payloads.ts';
import { createExecutionStarter } from '../temporal/start-execution.ts';
import { createApp } from './create-app.ts';
import type { ApiSettings } from './settings.ts';
import { createStartDispatcher } from './start-dispatcher.ts';

const POOL_SIZE = 10;
/** A request must have arrived whole within this time. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than a proxy keeps an idle connection, or it would send into one that is closing. */
const KEEP_ALIVE_MS = 65_000;
/** How long requests under way may take once the process is asked to stop. */
const DRAIN_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;
/** How long an Idempotency-Key gives the same answer. */
const KEEP_KEYS_MS = 7 * 86_400_000;

export interface RunningApi {
  /** Where the API listens, e.g. http://127.0.0.1:3000. */
  readonly url: string;
  /** Lets requests under way finish, ends streams, hands accepted executions over. */
  stop(): Promise<void>;
  /** Settles if the server ends by itself. */
  readonly ended: Promise<void>;
}

/**
 * Starts the API and returns once it listens.
 * @throws OperatorError `port_in_use`
 */
export async function runApi(environment: RoleEnvironment): Promise<RunningApi> {
  const logger = createLogger({ level: environment.logLevel, component: 'api' });
  const settings = toSettings(environment);
  const vault = createVault(environment.encryptionKey);
  const database = connectDatabase(environment.databaseUrl, {
    poolSize: POOL_SIZE,
    applicationName: 'masar-api',
  });
  const client = await lazyClient(
    environment.temporal,
    createDataConverter(createPayloadStore(database)),
  );
  // Where the server does not let us (Temporal Cloud), they were added in its console. Nothing waits
  // for it: without Temporal the API accepts executions all the same.
  void ensureSearchAttributes(client.connection, environment.temporal.namespace).catch(
    (error: unknown) => logger.warn('search attributes were not checked', describeError(error)),
  );
  const listener = createExecutionListener({
    url: environment.databaseUrl,
    onLost: (error) => logger.warn('listening for changes was interrupted', describeError(error)),
  });
  const dispatcher = createStartDispatcher(createExecutionStarter({ client }), logger);
  const shutdown = new AbortController();
  const app = createApp({
    settings,
    database,
    client,
    listener,
    dispatcher,
    catalog: CONNECTOR_MANIFESTS,
    vault,
    logger,
    shutdown: shutdown.signal,
  });

  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    app,
  );
  const close = async (): Promise<void> => {
    await listener.stop();
    await database.destroy();
    await client.connection.close();
  };
  try {
    await listen(server, settings);
  } catch (error) {
    await close();
    throw error;
  }
  const keys = createIdempotencyKeyRepository(database);
  const pruning = setInterval(() => {
    keys
      .prune(new Date(Date.now() - KEEP_KEYS_MS))
      .catch((error: unknown) => logger.warn('old keys were not pruned', describeError(error)));
  }, PRUNE_EVERY_MS);
  pruning.unref();
  const url = urlOf(server, settings);
  logger.info('the API listens', { url });

  return {
    url,
    ended: once(server, 'close').then(() => undefined),
    async stop() {
      clearInterval(pruning);
      shutdown.abort();
      await stopServer(server, logger);
      await dispatcher.drain();
      await close();
    },
  };
}

/** The narrow part of the environment that the API goes by. */
function toSettings(environment: RoleEnvironment): ApiSettings {
  return {
    host: environment.host,
    port: environment.port,
    corsOrigins: environment.corsOrigins,
    rateLimitPerMinute: environment.rateLimitPerMinute,
    defaultMode: environment.mode,
    temporalUiUrl: environment.temporalUiUrl,
    temporalNamespace: environment.temporal.namespace,
    environmentCredentials: environmentCredentials(CONNECTOR_MANIFESTS, environment.providers),
  };
}

async function listen(server: Server, { host, port }: ApiSettings): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    throw new OperatorError(
      'port_in_use',
      `Port ${port} on ${host} is in use. Stop what uses it, or set PORT to another one.`,
      error,
    );
  }
}

function urlOf(server: Server, { host, port }: ApiSettings): string {
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
}

async function stopServer(server: Server, logger: Logger): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => {
    logger.warn('requests under way were broken off');
    server.closeAllConnections();
  }, DRAIN_MS);
  await closed;
  clearTimeout(late);
}
