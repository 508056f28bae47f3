/** What Masar must never fall below: how fast it accepts, how soon it begins, how long it keeps up. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/connection.ts';
import { SENDS_PER_EXECUTION } from './graph.ts';
import { percentile } from './statistics.ts';
import type { System } from './system.ts';

export const STARTS_PER_SECOND = 20;
export const SOAK_PER_MINUTE = 1_000;
const WARM_UP_MS = 3_000;
const DRAIN_LIMIT_MS = 60_000;

export interface Starts {
  readonly perSecond: number;
  readonly started: number;
  /** From when a request was due until its answer, in milliseconds. */
  readonly answerP50: number;
  readonly answerP99: number;
  /** From acceptance until the first node, in milliseconds. */
  readonly begunP50: number;
  readonly begunP99: number;
  readonly begunMax: number;
  /** After the last start, until nothing was under way. */
  readonly drainMs: number;
  /** What went wrong; empty if nothing did. */
  readonly failures: readonly string[];
}

/** Starts executions at a rate through the API, and waits until all of them have ended. */
export async function measureStarts(
  system: System,
  options: { readonly perSecond: number; readonly durationMs: number },
): Promise<Starts> {
  const { perSecond, durationMs } = options;
  await system.load({ kind: 'starts', perSecond, durationMs: WARM_UP_MS });
  await untilIdle(system.database);
  await system.takeStubCounts();
  const { now: since } = await one<{ now: Date }>(
    system.database,
    'SELECT clock_timestamp() AS now',
  );

  const result = await system.load({ kind: 'starts', perSecond, durationMs });
  const lastStart = performance.now();
  await untilIdle(system.database);
  const drainMs = performance.now() - lastStart;

  const counts = await one<Counts>(system.database, COUNTS_SQL, { since });
  const { requests, repeated } = await system.takeStubCounts();
  const sends = result.begun * SENDS_PER_EXECUTION;
  const failures = [
    ...(result.failed === 0 ? [] : [`${result.failed} starts failed: ${result.firstFailure}`]),
    ...(counts.succeeded === result.begun
      ? []
      : [`${counts.succeeded} of ${result.begun} executions succeeded`]),
    ...(requests === sends ? [] : [`${requests} sends instead of ${sends}`]),
    ...(repeated === 0 ? [] : [`${repeated} sends were made twice`]),
  ];
  return {
    perSecond,
    started: result.begun,
    answerP50: percentile(result.latenciesMs, 0.5),
    answerP99: percentile(result.latenciesMs, 0.99),
    begunP50: counts.begun_p50,
    begunP99: counts.begun_p99,
    begunMax: counts.begun_max,
    drainMs,
    failures,
  };
}

interface Counts {
  readonly succeeded: number;
  readonly begun_p50: number;
  readonly begun_p99: number;
  readonly begun_max: number;
}

const WAIT_MS = 'extract(epoch FROM started_at - queued_at) * 1000';
const COUNTS_SQL = `
  SELECT CAST(count(*) FILTER (WHERE status = 'succeeded') AS integer) AS succeeded,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY ${WAIT_MS})::float8 AS begun_p50,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY ${WAIT_MS})::float8 AS begun_p99,
    max(${WAIT_MS})::float8 AS begun_max
  FROM executions WHERE queued_at >= :since`;

/** Waits until every execution has ended; one that doesn't shows in the counts. */
async function untilIdle(database: Database): Promise<void> {
  const deadline = performance.now() + DRAIN_LIMIT_MS;
  while (performance.now() < deadline) {
    const { open } = await one<{ open: boolean }>(
      database,
      `SELECT EXISTS (SELECT FROM executions WHERE status NOT IN
        ('succeeded', 'failed', 'cancelled', 'timed_out')) AS open`,
    );
    if (!open) return;
    await sleep(100);
  }
}

async function one<Row>(
  database: Database,
  sql: string,
  values: Readonly<Record<string, Date>> = {},
): Promise<Row> {
  const { rows } = await database.raw<{ rows: Row[] }>(sql, values);
  const row = rows[0];
  if (row === undefined) throw new Error('A query of the benchmark answered nothing.');
  return row;
}
