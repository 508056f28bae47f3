/**
 * Masar and the hand-written workflows, measured in turns: a machine's noise comes and goes, and
 * measurements that lie side by side share it. Which one begins changes from round to round.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs } from './cpu.ts';
import { SENDS_PER_EXECUTION } from './graph.ts';
import { type LoadCommand, type LoadResult, VARIANTS, type Variant } from './protocol.ts';
import { percentile } from './statistics.ts';
import type { System } from './system.ts';

export const IN_FLIGHT = 50;
export const LATENCY_PER_SECOND = 10;
/** Executions that were begun together end together at first; by then they no longer do. */
const RAMP_MS = 2_000;
const WARM_UP_MS = 4_000;
/** Temporal tidies up behind ended workflows. */
const SETTLE_MS = 1_000;

export interface Measurement {
  /** Executions finished in a second, with IN_FLIGHT of them under way. */
  readonly perSecond: number;
  /** From start to end in milliseconds, at LATENCY_PER_SECOND. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Processor milliseconds of one execution at IN_FLIGHT, in all processes but load and stub. */
  readonly cpuMs: number;
}

/** Measurements of each variant, round by round. */
export type Comparison = Readonly<Record<Variant, readonly Measurement[]>>;

export interface ComparisonOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly tell: (message: string) => void;
}

/** @throws Error if an execution fails or a send is made twice: what is wrong has no speed */
export async function compare(system: System, options: ComparisonOptions): Promise<Comparison> {
  const { rounds, seconds, tell } = options;
  tell('Warming up …');
  for (const variant of VARIANTS) {
    await throughput(system, variant, WARM_UP_MS);
    await latency(system, variant, WARM_UP_MS);
  }
  const comparison: Record<Variant, Measurement[]> = { masar: [], ordinary: [], local: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = VARIANTS.map((_, index) => VARIANTS[(index + round) % VARIANTS.length]).filter(
      (variant) => variant !== undefined,
    );
    const rates = new Map<Variant, Pick<Measurement, 'perSecond' | 'cpuMs'>>();
    for (const variant of order) {
      rates.set(variant, await throughput(system, variant, seconds * 1_000));
    }
    for (const variant of order) {
      const times = await latency(system, variant, seconds * 1_000);
      const rate = rates.get(variant);
      if (rate === undefined) continue;
      comparison[variant].push({ ...rate, ...times });
      tell(
        `Round ${round + 1} of ${rounds}, ${variant}: ${rate.perSecond.toFixed(1)}/s, p50 ${times.p50.toFixed(0)} ms`,
      );
    }
  }
  return comparison;
}

async function throughput(
  system: System,
  variant: Variant,
  measureMs: number,
): Promise<Pick<Measurement, 'perSecond' | 'cpuMs'>> {
  const before = cpuOf(system, variant);
  const result = await run(system, {
    kind: 'throughput',
    variant,
    inFlight: IN_FLIGHT,
    rampMs: RAMP_MS,
    measureMs,
  });
  return {
    perSecond: result.finished / (result.measuredMs / 1_000),
    cpuMs: (cpuOf(system, variant) - before) / result.begun,
  };
}

async function latency(
  system: System,
  variant: Variant,
  durationMs: number,
): Promise<Pick<Measurement, 'p50' | 'p95' | 'p99'>> {
  const { latenciesMs } = await run(system, {
    kind: 'latency',
    variant,
    perSecond: LATENCY_PER_SECOND,
    durationMs,
  });
  return {
    p50: percentile(latenciesMs, 0.5),
    p95: percentile(latenciesMs, 0.95),
    p99: percentile(latenciesMs, 0.99),
  };
}

function cpuOf(system: System, variant: Variant): number {
  const pids = system.pids();
  const used =
    variant === 'masar'
      ? [pids.temporal, pids.postgres, pids.api, pids.worker]
      : [pids.temporal, pids.handwritten];
  return used.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

async function run(system: System, command: LoadCommand): Promise<LoadResult> {
  await system.takeStubCounts();
  const result = await system.load(command);
  const { requests, repeated } = await system.takeStubCounts();
  if (result.failed > 0) {
    throw new Error(`${result.failed} of ${result.begun} failed: ${result.firstFailure}`);
  }
  if (repeated > 0) throw new Error(`${repeated} sends were made twice.`);
  if (requests !== result.begun * SENDS_PER_EXECUTION) {
    throw new Error(`${result.begun} executions made ${requests} sends.`);
  }
  await sleep(SETTLE_MS);
  return result;
}
