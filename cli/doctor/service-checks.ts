/** What Masar is connected to: PostgreSQL with its schema, Temporal, the emulators, the clocks. */

import { createConnection } from 'node:net';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { Database } from '../../db/connection.ts';
import { pendingMigrations } from '../../db/migrate.ts';
import { missingSearchAttributes } from '../../temporal/ensure-search-attributes.ts';
import { readTaskQueue } from '../../temporal/task-queue-stats.ts';
import { TASK_QUEUES } from '../../workflows/contract.ts';
import { type Finding, failed, ok, reasonOf, warning } from './check.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** A worker that polls is seen at least once a minute: a long poll lasts that long. */
const POLLER_SEEN_MS = 90_000;
const SKEW_WARNING_MS = 2_000;
const SKEW_FAILURE_MS = 60_000;

export async function checkPostgres(database: Database, where: string): Promise<Finding> {
  const begun = performance.now();
  try {
    const { rows } = await database.raw('SHOW server_version');
    const version = z.array(z.object({ server_version: z.string() })).parse(rows)[0];
    const took = Math.round(performance.now() - begun);
    return ok(`PostgreSQL ${version?.server_version} on ${where} answered in ${took} ms.`);
  } catch (error) {
    return failed(
      `PostgreSQL on ${where} does not answer: ${reasonOf(error)}.`,
      'Start it, or correct DATABASE_URL; for the embedded one look at logs/postgres.log in the data folder.',
    );
  }
}

export async function checkMigrations(database: Database): Promise<Finding> {
  const pending = await pendingMigrations(database);
  return pending.length === 0
    ? ok('The schema is the newest.')
    : failed(
        `The schema lacks ${pending.join(', ')}.`,
        'Run "masar migrate" with DATABASE_URL set, or start "masar up" again.',
      );
}

export async function checkTemporal(client: Client): Promise<Finding> {
  const { namespace } = client.options;
  const begun = performance.now();
  try {
    await client.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    return failed(
      `Temporal does not let us use the namespace ${namespace}: ${reasonOf(error)}.`,
      'Start it or correct TEMPORAL_ADDRESS; create the namespace ("temporal operator namespace create"), or set TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_… as that server needs.',
    );
  }
  const took = Math.round(performance.now() - begun);
  return ok(`The namespace ${namespace} answered in ${took} ms.`);
}

export async function checkSearchAttributes(client: Client): Promise<Finding> {
  try {
    const missing = await missingSearchAttributes(client.connection, client.options.namespace);
    return missing.length === 0
      ? ok('All search attributes are there.')
      : failed(
          `The namespace lacks ${missing.join(', ')}.`,
          '"masar migrate" adds them; on Temporal Cloud add them in its console, as keywords.',
        );
  } catch (error) {
    return failed(
      `The search attributes cannot be read: ${reasonOf(error)}.`,
      'Let this user read them, or look in Temporal’s Web UI whether they are there.',
    );
  }
}

export async function checkWorkers(client: Client): Promise<Finding> {
  const lacking: string[] = [];
  const workers = new Set<string>();
  let backlog = 0;
  const asked = [
    { name: TASK_QUEUES.workflows, type: 'workflow' },
    { name: TASK_QUEUES.connectors, type: 'activity' },
  ] as const;
  for (const { name, type } of asked) {
    const queue = await readTaskQueue(client, name, type);
    backlog += queue.backlog;
    const polling = queue.pollers.filter(
      ({ lastSeenAt }) =>
        lastSeenAt !== null && Date.now() - Date.parse(lastSeenAt) < POLLER_SEEN_MS,
    );
    for (const { identity } of polling) workers.add(identity);
    if (polling.length === 0) lacking.push(name);
  }
  const waiting = backlog === 0 ? '' : ` ${backlog} tasks wait.`;
  if (lacking.length > 0) {
    return failed(
      `No worker asks for work on ${lacking.join(' and ')}.${waiting}`,
      'Start one ("masar worker"); under "masar up" look at logs/worker.log in the data folder.',
    );
  }
  return ok(
    `${workers.size} ${workers.size === 1 ? 'worker asks' : 'workers ask'} for work.${waiting}`,
  );
}

export async function checkEmulators(database: Database): Promise<Finding> {
  const rows = z
    .array(z.object({ connector: z.string(), url: z.string() }))
    .parse(await database('sandbox_emulators').select('connector', 'url'));
  if (rows.length === 0) {
    return warning(
      'No emulator has ever run, so nothing can run in sandbox mode.',
      'Start them: "masar up", or "masar emulators" beside api and worker.',
    );
  }
  const away: string[] = [];
  for (const { connector, url } of rows) {
    const { hostname, port } = new URL(url);
    if (!(await accepts(hostname, Number(port)))) away.push(`${connector} (${hostname}:${port})`);
  }
  return away.length === 0
    ? ok(`${rows.length} emulators listen: ${rows.map(({ connector }) => connector).join(', ')}.`)
    : warning(
        `Nothing listens at ${away.join(', ')}.`,
        'Sandbox mode needs them: start them with "masar emulators". They are at addresses of the network that they run in, which this machine may not reach.',
      );
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true));
    socket.once('timeout', end(false));
    socket.once('error', end(false));
  });
}

/** Timers, leases and expiry compare times of different machines. */
export async function checkClock(database: Database): Promise<Finding> {
  const begun = Date.now();
  const { rows } = await database.raw(
    'SELECT extract(epoch FROM clock_timestamp())::float8 AS now',
  );
  const ended = Date.now();
  const seconds = z.array(z.object({ now: z.number() })).parse(rows)[0]?.now ?? 0;
  const skew = Math.round(seconds * 1_000 - (begun + ended) / 2);
  const text = `This clock and PostgreSQL’s differ by ${Math.abs(skew)} ms.`;
  const advice = 'Let both machines set their clocks by NTP (chrony, systemd-timesyncd).';
  if (Math.abs(skew) > SKEW_FAILURE_MS) return failed(text, advice);
  return Math.abs(skew) > SKEW_WARNING_MS ? warning(text, advice) : ok(text);
}
