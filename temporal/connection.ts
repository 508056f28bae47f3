import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';

/** Where Temporal is and how to get in: a server of one's own, or Temporal Cloud by key or mTLS. */
export interface TemporalSettings {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  readonly apiKey?: string;
  /** True turns TLS on without further files; implied by a key or a certificate. */
  readonly tls?: boolean;
  readonly tlsServerName?: string;
  /** Files in PEM form. */
  readonly tlsCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
}

interface ConnectionOptions {
  readonly address: string;
  readonly apiKey?: string;
  readonly tls?: TlsOptions | true;
}

interface TlsOptions {
  serverNameOverride?: string;
  serverRootCACertificate?: Buffer;
  clientCertPair?: { crt: Buffer; key: Buffer };
}

/**
 * Opens a client's connection.
 * @param dataConverter what executions' payloads are read and written with (large-payloads.ts);
 *   without one, large ones can't be
 * @throws Error if the server can't be reached within ten seconds, or a TLS file can't be read
 */
export async function connectClient(
  settings: TemporalSettings,
  dataConverter?: DataConverter,
): Promise<Client> {
  const options = await connectionOptions(settings);
  const connection = await Connection.connect({ ...options, connectTimeout: '10s' });
  return new Client({
    connection,
    namespace: settings.namespace,
    ...(dataConverter === undefined ? {} : { dataConverter }),
  });
}

/**
 * A client that connects with its first call, and again after Temporal was away: a program that
 * can do without Temporal for a while starts without it too.
 * @throws Error if a TLS file can't be read
 */
export async function lazyClient(
  settings: TemporalSettings,
  dataConverter: DataConverter,
): Promise<Client> {
  const connection = Connection.lazy({
    ...(await connectionOptions(settings)),
    connectTimeout: '10s',
  });
  return new Client({ connection, namespace: settings.namespace, dataConverter });
}

/** Opens a worker's connection. @throws as connectClient */
export async function connectWorker(settings: TemporalSettings): Promise<NativeConnection> {
  return NativeConnection.connect(await connectionOptions(settings));
}

async function connectionOptions(settings: TemporalSettings): Promise<ConnectionOptions> {
  const { apiKey, tlsServerName, tlsCaFile, tlsCertFile, tlsKeyFile } = settings;
  const tls: TlsOptions = {};
  if (tlsServerName !== undefined) tls.serverNameOverride = tlsServerName;
  if (tlsCaFile !== undefined) tls.serverRootCACertificate = await readFile(tlsCaFile);
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    tls.clientCertPair = { crt: await readFile(tlsCertFile), key: await readFile(tlsKeyFile) };
  }
  const wanted = settings.tls === true || apiKey !== undefined || Object.keys(tls).length > 0;
  return {
    address: settings.address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(wanted ? { tls: Object.keys(tls).length === 0 ? true : tls } : {}),
  };
}
