/** A whole Masar for one test file: its own database and namespace, its roles as real processes. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { executionSchema } from '../../api/execution-view.ts';
import { freePort } from '../../cli/local-process.ts';
import { bootstrap } from '../../db/bootstrap.ts';
import type { Database } from '../../db/connection.ts';
import { FINAL_EXECUTION_STATUSES } from '../../workflows/contract.ts';
import { createTestDatabase } from './database.ts';
import { createTestNamespace } from './namespace.ts';
import { type RoleProcess, startRole } from './roles.ts';

/** Characters of each role's output that a failure shows. */
const MAX_OUTPUT = 2_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers freely; their form is tested by the API's own tests
  readonly body: any;
}

export type Execution = z.output<typeof executionSchema>;

/** A definition as a test writes it; the API checks it. */
export interface WrittenDefinition {
  readonly workflowId: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly nodes: readonly object[];
  readonly connections?: readonly object[] | undefined;
  readonly triggers?: readonly object[] | undefined;
  readonly settings?: object | undefined;
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
  publish(definition: WrittenDefinition): Promise<void>;
  /** Starts a published definition. @returns the execution's id */
  start(workflowId: string, body?: object): Promise<string>;
  /** @returns the execution as the API shows it */
  execution(executionId: string): Promise<Execution>;
  /** Waits until the execution has ended. @returns it, as the API shows it */
  ended(executionId: string, timeoutMs?: number): Promise<Execution>;
  /** Waits until the condition holds. */
  until(what: string, holds: () => Promise<boolean>, timeoutMs?: number): Promise<void>;
  startWorker(env?: Record<string, string>): Promise<RoleProcess>;
  /** Starts an API at the address of the one before. */
  startApi(): Promise<RoleProcess>;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** False: the test starts its workers itself. */
  readonly worker?: boolean;
  /** False: the test starts its API itself. */
  readonly api?: boolean;
  /** False: the test runs the emulators itself, to let them fail (support/emulators.ts). */
  readonly emulators?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Another Temporal than that of the whole test run (host:port). */
  readonly temporalAddress?: string;
}

/** Where the Temporal of the whole test run is. */
export function temporalAddress(): string {
  const address = process.env.MASAR_TEST_TEMPORAL_ADDRESS;
  if (address === undefined) throw new Error('MASAR_TEST_TEMPORAL_ADDRESS is not set.');
  return address;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const address = options.temporalAddress ?? temporalAddress();
  const [{ url, database, drop }, namespace, port] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(address),
    freePort(),
  ]);
  const apiKey = `masar_test_${randomBytes(12).toString('hex')}`;
  const { projectId } = await bootstrap(url, { apiKey });
  const env = {
    DATABASE_URL: url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_UI_URL: process.env.MASAR_TEST_TEMPORAL_UI_URL ?? '',
    MASAR_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    MASAR_WORKFLOW_BUNDLE: process.env.MASAR_TEST_WORKFLOW_BUNDLE ?? '',
    MASAR_MODE: 'sandbox',
    MASAR_RATE_LIMIT_PER_MINUTE: '10000',
    PORT: String(port),
    LOG_LEVEL: 'warn',
    ...options.env,
  };
  const roles: RoleProcess[] = [];
  const apiUrl = `http://127.0.0.1:${port}`;

  async function startOne(role: 'worker' | 'api' | 'emulators', extra = {}): Promise<RoleProcess> {
    const started = await startRole(role, { ...env, ...extra });
    roles.push(started);
    return started;
  }

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

  /** As call, where anything but the expected status is a fault of the test. */
  async function must(
    status: number | readonly number[],
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer['body']> {
    const answer = await call(method, path, body);
    if (![status].flat().includes(answer.status)) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  async function execution(executionId: string): Promise<Execution> {
    return executionSchema.parse(await must(200, 'GET', `/api/executions/${executionId}`));
  }

  async function until(
    what: string,
    holds: () => Promise<boolean>,
    timeoutMs = 30_000,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await holds())) {
      if (Date.now() > deadline) {
        throw new Error(`Not within ${timeoutMs} ms: ${what}.\n${outputs()}`);
      }
      await sleep(50);
    }
  }

  function outputs(): string {
    return roles.map((role) => role.output().slice(-MAX_OUTPUT)).join('\n');
  }

  async function stop(): Promise<void> {
    await Promise.all(roles.map((role) => role.stop()));
    await drop();
  }

  try {
    await Promise.all([
      ...(options.emulators === false ? [] : [startOne('emulators')]),
      ...(options.api === false ? [] : [startOne('api')]),
      ...(options.worker === false ? [] : [startOne('worker')]),
    ]);
  } catch (error) {
    await stop();
    throw error;
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
      await must([200, 201], 'PUT', `/api/workflows/${definition.workflowId}`, definition);
      await must(200, 'POST', `/api/workflows/${definition.workflowId}/publish`);
    },
    start: async (workflowId, body = {}) => {
      const accepted = await must(202, 'POST', `/api/workflows/${workflowId}/executions`, body);
      return String(accepted.executionId);
    },
    execution,
    ended: async (executionId, timeoutMs) => {
      let shown: Execution | undefined;
      const final: readonly string[] = FINAL_EXECUTION_STATUSES;
      await until(
        `${executionId} has ended`,
        async () => {
          shown = await execution(executionId);
          return final.includes(shown.status);
        },
        timeoutMs,
      );
      if (shown === undefined) throw new Error(`${executionId} was not shown.`);
      return shown;
    },
    startWorker: (extra) => startOne('worker', extra),
    startApi: () => startOne('api'),
    stop,
  };
}
