import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { type ApiDeps, createApp, createEndpoints } from '../../api/create-app.ts';
import type { Endpoint } from '../../api/endpoint.ts';
import { problemSchema } from '../../api/problem.ts';
import type { ApiSettings } from '../../api/settings.ts';
import { createStartDispatcher } from '../../api/start-dispatcher.ts';
import { silentLogger } from '../../cli/logger.ts';
import { CONNECTOR_MANIFESTS } from '../../connectors/catalog.ts';
import { bootstrap } from '../../db/bootstrap.ts';
import { createExecutionListener } from '../../db/execution-listener.ts';
import { createApiKeyRepository } from '../../db/repositories/api-keys.ts';
import { createVault } from '../../db/vault.ts';
import { connectClient } from '../../temporal/connection.ts';
import { ensureSearchAttributes } from '../../temporal/ensure-search-attributes.ts';
import { createExecutionStarter } from '../../temporal/start-execution.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever an answer has
  readonly body: any;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** undefined: the test project's key; null: none. */
  readonly key?: string | null;
}

export interface TestApi {
  readonly url: string;
  readonly key: string;
  readonly projectId: string;
  readonly store: TestDatabase;
  readonly client: Client;
  readonly endpoints: readonly Endpoint[];
  /** `operationId status` of every answer that was checked against its schema. */
  readonly answered: ReadonlySet<string>;
  /** Sends JSON and checks the answer against the schema that documents it. */
  send(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<TestAnswer>;
  /** A project of its own with a key. */
  addProject(name: string): Promise<{ readonly projectId: string; readonly key: string }>;
  stop(): Promise<void>;
}

/** The API over real HTTP on a database of its own and the test run's Temporal; no worker. */
export async function startTestApi(
  overrides: { readonly settings?: Partial<ApiSettings>; readonly deps?: Partial<ApiDeps> } = {},
): Promise<TestApi> {
  const address = process.env.MASAR_TEST_TEMPORAL_ADDRESS;
  if (address === undefined) {
    throw new Error('MASAR_TEST_TEMPORAL_ADDRESS is set by the global setup.');
  }
  const store = await createTestDatabase();
  const { projectId, createdApiKey: key } = await bootstrap(store.url);
  if (key === undefined) throw new Error('A new database has no key yet.');
  const client = await connectClient({ address, namespace: 'default' });
  await ensureSearchAttributes(client.connection, 'default');
  const listener = createExecutionListener({ url: store.url, pollMs: 500 });
  const dispatcher = createStartDispatcher(createExecutionStarter({ client }), silentLogger);
  const shutdown = new AbortController();
  const deps: ApiDeps = {
    settings: {
      host: '127.0.0.1',
      port: 0,
      corsOrigins: [],
      rateLimitPerMinute: 100_000,
      defaultMode: undefined,
      temporalUiUrl: 'http://127.0.0.1:8233',
      temporalNamespace: 'default',
      environmentCredentials: new Set(),
      ...overrides.settings,
    },
    database: store.database,
    client,
    listener,
    dispatcher,
    catalog: CONNECTOR_MANIFESTS,
    vault: createVault('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='),
    logger: silentLogger,
    shutdown: shutdown.signal,
    ...overrides.deps,
  };
  const server = createServer(createApp(deps));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('The server has no port.');
  const url = `http://127.0.0.1:${bound.port}`;
  const endpoints = createEndpoints(deps);
  const answered = new Set<string>();

  return {
    url,
    key,
    projectId,
    store,
    client,
    endpoints,
    answered,

    async send(method, path, body, options = {}) {
      const sentKey = options.key === undefined ? key : options.key;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(sentKey === null ? {} : { 'x-api-key': sentKey }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      const parsed: unknown = isJson ? JSON.parse(text) : text;
      const answer = { status: response.status, headers: response.headers, body: parsed };
      const operation = checkAnswer(endpoints, method, path, answer);
      if (operation !== undefined) answered.add(`${operation} ${answer.status}`);
      return answer;
    },

    async addProject(name) {
      const [row] = await store.database('projects').insert({ name }).returning('id');
      const other: string = row.id;
      const repository = createApiKeyRepository(store.database);
      return { projectId: other, key: await repository.create(other, name) };
    },

    async stop() {
      shutdown.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await dispatcher.drain();
      await listener.stop();
      await client.connection.close();
      await store.drop();
    },
  };
}

/** Every answer must be one that the documentation promises, with nothing besides. */
function checkAnswer(
  endpoints: readonly Endpoint[],
  method: string,
  path: string,
  answer: { readonly status: number; readonly headers: Headers; readonly body: unknown },
): string | undefined {
  const { status, body } = answer;
  if (status >= 400) {
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(problemSchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({ status, requestId: answer.headers.get('x-request-id') });
  }
  const endpoint = findEndpoint(endpoints, method, path);
  if (endpoint === undefined || status >= 400) return endpoint?.operationId;
  const documented = endpoint.responses[status];
  if (documented === undefined) {
    throw new Error(`${endpoint.operationId} answered ${status}, which is not documented.`);
  }
  if (documented.schema === undefined) expect(body).toBe('');
  else expect(documented.schema.parse(body)).toEqual(body);
  return endpoint.operationId;
}

function findEndpoint(
  endpoints: readonly Endpoint[],
  method: string,
  path: string,
): Endpoint | undefined {
  const [pathname = ''] = path.replace(/^\/api(?:\/v1)?/, '').split('?');
  return endpoints.find(
    (endpoint) =>
      endpoint.method === method.toLowerCase() &&
      new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
}
