/** PostgreSQL and Temporal for `up`: those that the environment names, else embedded ones. */

import { join } from 'node:path';
import { isGrpcServiceError } from '@temporalio/client';
import { Client as PostgresClient } from 'pg';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { connectClient, type TemporalSettings } from '../temporal/connection.ts';
import { startTemporalDevServer } from '../temporal/dev-server.ts';
import { ensureSearchAttributes } from '../temporal/ensure-search-attributes.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';
import type { Ports } from './data-files.ts';
import type { Environment } from './environment.ts';
import { keepRunning } from './keep-running.ts';
import { OperatorError, systemErrorCode } from './local-process.ts';
import type { Terminal } from './terminal.ts';

export interface Server {
  readonly address: string;
  stop(): Promise<void>;
}

export interface TemporalServer extends Server {
  /** Address of the Web UI, where it is known. */
  readonly uiUrl: string | undefined;
}

export interface ServerContext {
  readonly environment: Environment;
  readonly ports: Ports;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Told when an embedded server has gone and cannot be brought back. */
  readonly onLost: (error: unknown) => void;
}

/** `address` is a URL for connecting. */
export async function providePostgres(context: ServerContext): Promise<Server> {
  const { environment, ports, terminal } = context;
  if (environment.databaseUrl !== undefined) {
    await checkPostgres(environment.databaseUrl);
    return { address: environment.databaseUrl, stop: async () => undefined };
  }
  const server = await keepRunning('PostgreSQL', context, () =>
    startEmbeddedPostgres({
      dataDir: join(environment.dataDir, 'postgres'),
      logFile: join(environment.dataDir, 'logs', 'postgres.log'),
      preferredPort: ports.postgres,
    }),
  );
  terminal.line(`PostgreSQL   ready on 127.0.0.1:${server.first.port}`);
  return { address: server.first.url, stop: server.stop };
}

export async function provideTemporal(context: ServerContext): Promise<TemporalServer> {
  const { environment, ports, terminal, signal } = context;
  const { address, namespace } = environment.temporal;
  if (address !== undefined) {
    await checkTemporal({ ...environment.temporal, address });
    return { address, uiUrl: environment.temporalUiUrl, stop: async () => undefined };
  }
  const binary = await findTemporalBinary({
    signal,
    progress: { begin: terminal.line, update: terminal.update },
  });
  const server = await keepRunning('Temporal', context, () =>
    startTemporalDevServer({
      binary,
      dataDir: join(environment.dataDir, 'temporal'),
      logFile: join(environment.dataDir, 'logs', 'temporal.log'),
      port: ports.temporal,
      uiPort: ports.temporalUi,
      searchAttributes: SEARCH_ATTRIBUTES,
      namespaces: namespace === 'default' ? [] : [namespace],
    }),
  );
  terminal.line(`Temporal     ready on ${server.first.address}`);
  return {
    address: server.first.address,
    uiUrl: environment.temporalUiUrl ?? server.first.uiUrl,
    stop: server.stop,
  };
}

async function checkPostgres(url: string): Promise<void> {
  const client = new PostgresClient({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // The driver reports a connection that breaks later here as well; it is closed by then.
  client.on('error', () => undefined);
  const { hostname, port, pathname } = new URL(url);
  const where = `the PostgreSQL of DATABASE_URL (${hostname}:${port || '5432'}${pathname})`;
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    const code = systemErrorCode(error);
    const reason = error instanceof Error ? error.message || code : String(error);
    if (code?.startsWith('28') === true) {
      throw unreachable(`Cannot log in to ${where}. Correct the user and password in it.`, error);
    }
    if (code === '3D000') {
      throw unreachable(
        `There is no database of that name on ${where}. Create it, or correct the name.`,
        error,
      );
    }
    throw unreachable(
      `Cannot reach ${where}: ${reason ?? 'no answer'}. Start it or correct the address; or unset DATABASE_URL to use the embedded one.`,
      error,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function checkTemporal(settings: TemporalSettings): Promise<void> {
  const { address, namespace } = settings;
  const client = await connectClient(settings).catch((error: unknown) => {
    throw unreachable(
      `Cannot reach the Temporal server of TEMPORAL_ADDRESS (${address}): ${grpcReason(error)}. Start it or correct the address; or unset TEMPORAL_ADDRESS to use the embedded one.`,
      error,
    );
  });
  try {
    await client.workflowService.describeNamespace({ namespace }).catch((error: unknown) => {
      throw unreachable(
        `The Temporal server on ${address} does not let us use the namespace ${namespace}: ${grpcReason(error)}. Create it (temporal operator namespace create), or set TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_… as that server needs.`,
        error,
      );
    });
    await ensureSearchAttributes(client.connection, client.options.namespace).catch(
      (error: unknown) => {
        const names = Object.keys(SEARCH_ATTRIBUTES).join(', ');
        throw unreachable(
          `The Temporal server on ${address} lacks Masar's search attributes and does not let us add them: ${grpcReason(error)}. Add them to the namespace ${namespace} as keywords: ${names}.`,
          error,
        );
      },
    );
  } finally {
    await client.connection.close();
  }
}

function grpcReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Becomes a part of a sentence.
  return (isGrpcServiceError(error) ? error.details : message).replace(/\.+$/, '');
}

function unreachable(message: string, cause: unknown): OperatorError {
  return new OperatorError('unreachable', message, cause);
}
