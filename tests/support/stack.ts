/** A whole Masar for one test file: its own database and namespace, its roles as real processes. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/local-process.ts';
import { bootstrap } from '../../db/bootstrap.ts';
import type { Database } from '../../db/connection.ts';
import { migrate } from '../../db/migrate.ts';
import { createTestDatabase } from './database.ts';
import { createTestNamespace } from './namespace.ts';
import { type RoleProcess, startRole } from './roles.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers freely; their form is tested by the API's own tests
  readonly body: any;
}

export interface Stack {
  readonly database: Database;
  readonly namespace: string;
  readonly projectId: string;
  readonly apiUrl: string;
  readonly apiKey: string;
  /** What roles are started with. */
  readonly env: Readonly<Record<string, string>>;
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Saves and publishes a definition. */
  publish(definition: { readonly workflowId: string }): Promise<void>;
  /** Waits until the execution has ended. @returns it, as the API shows it */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  ended(executionId: string, timeoutMs?: number): Promise<any>;
  /** Waits until the condition holds. */
  until(what: string, holds: () => Promise<boolean>, timeoutMs?: number): Promise<void>;
  startWorker(env?: Record<string, string>): Promise<RoleProcess>;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** False: the test starts its workers itself. */
  readonly worker?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Where the Temporal of the whole test run is. */
export function temporalAddress(): string {
  const address = process.env.MASAR_TEST_TEMPORAL_ADDRESS;
  if (address === undefined) throw new Error('MASAR_TEST_TEMPORAL_ADDRESS is not set.');
  return address;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const address = temporalAddress();
  const [{ url, database, drop }, namespace, port] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(address),
    freePort(),
  ]);
  await migrate(url);
  const apiKey = `masar_test_${randomBytes(12).toString('hex')}`;
  const { projectId } = await bootstrap(url, { apiKey });
  const env = {
    DATABASE_URL: url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_UI_URL: process.env.MASAR_TEST_TEMPORAL_UI_URL ?? '',
    MASAR_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    MASAR_MODE: 'sandbox',
    MASAR_RATE_LIMIT_PER_MINUTE: '10000',
    PORT: String(port),
    LOG_LEVEL: 'warn',
    ...options.env,
  };
  const roles: RoleProcess[] = await Promise.all([
    startRole('emulators', env),
    startRole('api', env),
    ...(options.worker === false ? [] : [startRole('worker', env)]),
  ]);
  const apiUrl = `http://127.0.0.1:${port}`;

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        'x-api-key': apiKey,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  async function until(
    what: string,
    holds: () => Promise<boolean>,
    timeoutMs = 30_000,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(`Not within ${timeoutMs} ms: ${what}.\n${outputs()}`);
      await sleep(50);
    }
  }

  function outputs(): string {
    return roles.map((role) => role.output()).join('\n');
  }

  return {
    database,
    namespace,
    projectId,
    apiUrl,
    apiKey,
    env,
    call,
    until,
    publish: async (definition) => {
      const saved = await call('PUT', `/api/workflows/${definition.workflowId}`, definition);
      if (saved.status >= 300) throw new Error(`Not saved: ${JSON.stringify(saved.body)}`);
      const published = await call('POST', `/api/workflows/${definition.workflowId}/publish`);
      if (published.status !== 200)
        throw new Error(`Not published: ${JSON.stringify(published.body)}`);
    },
    ended: async (executionId, timeoutMs) => {
      let execution: Answer['body'];
      await until(
        `${executionId} has ended`,
        async () => {
          execution = (await call('GET', `/api/executions/${executionId}`)).body;
          return ['succeeded', 'failed', 'cancelled', 'timed_out'].includes(execution.status);
        },
        timeoutMs,
      );
      return execution;
    },
    startWorker: async (extra = {}) => {
      const worker = await startRole('worker', { ...env, ...extra });
      roles.push(worker);
      return worker;
    },
    stop: async () => {
      await Promise.all(roles.map((role) => role.stop()));
      await drop();
    },
  };
}
