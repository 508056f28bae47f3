/** The process that makes the load, so that measuring costs the measured processes nothing. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveParent } from './child.ts';
import { createExecutors } from './executors.ts';
import {
  type LoadCommand,
  type LoadResult,
  loadCommandSchema,
  loadSettingsSchema,
} from './protocol.ts';

type Execute = () => Promise<void>;

serveParent(async (settings) => {
  const executors = await createExecutors(loadSettingsSchema.parse(settings));

  async function run(command: LoadCommand): Promise<LoadResult> {
    switch (command.kind) {
      case 'throughput':
        return keepInFlight(executors.execute[command.variant], command);
      case 'latency':
        return atRate(executors.execute[command.variant], command);
      case 'starts':
        return atRate(executors.start, command);
    }
  }

  return {
    answer: async (command) => run(loadCommandSchema.parse(command)),
    stop: () => executors.close(),
  };
});

/** A closed loop: each execution that ends makes room for the next. */
async function keepInFlight(
  execute: Execute,
  options: { readonly inFlight: number; readonly rampMs: number; readonly measureMs: number },
): Promise<LoadResult> {
  const watch = watchFailures();
  const from = performance.now() + options.rampMs;
  const until = from + options.measureMs;
  let begun = 0;
  let finished = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      begun += 1;
      const succeeded = await watch.succeeds(execute());
      const now = performance.now();
      if (succeeded && now >= from && now < until) finished += 1;
    }
  };
  await Promise.all(Array.from({ length: options.inFlight }, lane));
  return { finished, begun, ...watch.counts(), measuredMs: options.measureMs, latenciesMs: [] };
}

/**
 * An open loop: starts don't wait for ends, and a latency counts from when its start was due, so
 * that a system which falls behind can't hide it.
 */
async function atRate(
  execute: Execute,
  options: { readonly perSecond: number; readonly durationMs: number },
): Promise<LoadResult> {
  const watch = watchFailures();
  const total = Math.max(1, Math.round((options.durationMs / 1_000) * options.perSecond));
  const from = performance.now();
  const latenciesMs: number[] = [];
  const running: Promise<void>[] = [];
  for (let index = 0; index < total; index += 1) {
    const due = from + (index * 1_000) / options.perSecond;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    running.push(
      watch.succeeds(execute()).then((succeeded) => {
        if (succeeded) latenciesMs.push(performance.now() - due);
      }),
    );
  }
  await Promise.all(running);
  return {
    finished: latenciesMs.length,
    begun: total,
    ...watch.counts(),
    measuredMs: performance.now() - from,
    latenciesMs,
  };
}

function watchFailures() {
  let failed = 0;
  let firstFailure: string | null = null;
  return {
    async succeeds(execution: Promise<void>): Promise<boolean> {
      try {
        await execution;
        return true;
      } catch (error) {
        failed += 1;
        firstFailure ??= error instanceof Error ? error.message : String(error);
        return false;
      }
    },
    counts: () => ({ failed, firstFailure }),
  };
}
