/** What was measured as a table, and whether it is enough. Pure. */
import { type Comparison, IN_FLIGHT, LATENCY_PER_SECOND, type Measurement } from './comparison.ts';
import { CPU_IS_KNOWN } from './cpu.ts';
import type { Starts } from './floors.ts';
import { VARIANTS, type Variant } from './protocol.ts';
import { median } from './statistics.ts';

const TITLES: Readonly<Record<Variant, string>> = {
  masar: 'Masar, ledger and logs on',
  ordinary: 'hand-written, ordinary activities',
  local: 'hand-written, local activities',
};

const MIN_RATE_RATIO = 1;
const MAX_LATENCY_RATIO = 0.5;
const MAX_ANSWER_P99_MS = 50;
const MAX_BEGUN_MS = 1_000;

export interface Requirement {
  readonly text: string;
  readonly met: boolean;
}

/** Medians over the rounds. */
export function comparisonTable(comparison: Comparison): string {
  return table([
    [
      '',
      `executions/s, ${IN_FLIGHT} in flight`,
      `p50 ms at ${LATENCY_PER_SECOND}/s`,
      'p95 ms',
      'p99 ms',
      ...(CPU_IS_KNOWN ? ['CPU ms each'] : []),
    ],
    ...VARIANTS.map((variant) => {
      const middle = (of: keyof Measurement): number =>
        median(comparison[variant].map((measurement) => measurement[of]));
      return [
        TITLES[variant],
        middle('perSecond').toFixed(1),
        middle('p50').toFixed(0),
        middle('p95').toFixed(0),
        middle('p99').toFixed(0),
        ...(CPU_IS_KNOWN ? [middle('cpuMs').toFixed(0)] : []),
      ];
    }),
  ]);
}

/** Each round's ratio first, then their median: what a round shared of the noise cancels out. */
export function comparisonRequirements({ masar, ordinary }: Comparison): readonly Requirement[] {
  const ratio = (of: 'perSecond' | 'p50'): number =>
    median(masar.map((round, index) => round[of] / (ordinary[index]?.[of] ?? Number.NaN)));
  const rate = ratio('perSecond');
  const latency = ratio('p50');
  return [
    {
      text: `Masar finishes ${rate.toFixed(2)} times as many as ordinary activities (at least ${MIN_RATE_RATIO})`,
      met: rate >= MIN_RATE_RATIO,
    },
    {
      text: `Masar's p50 is ${latency.toFixed(2)} of theirs (at most ${MAX_LATENCY_RATIO})`,
      met: latency <= MAX_LATENCY_RATIO,
    },
  ];
}

export function startsTable(starts: Starts): string {
  return table([
    [
      'starts/s',
      'executions',
      'answer p50 ms',
      'p99',
      'begun after p50 ms',
      'p99',
      'max',
      'drained after ms',
    ],
    [
      starts.perSecond.toFixed(1),
      String(starts.started),
      ...[
        starts.answerP50,
        starts.answerP99,
        starts.begunP50,
        starts.begunP99,
        starts.begunMax,
        starts.drainMs,
      ].map((value) => value.toFixed(0)),
    ],
  ]);
}

export function startsRequirements(starts: Starts): readonly Requirement[] {
  return [
    {
      text: `A start answers within ${starts.answerP99.toFixed(0)} ms at p99 (under ${MAX_ANSWER_P99_MS})`,
      met: starts.answerP99 < MAX_ANSWER_P99_MS,
    },
    ...keepsUp(starts),
  ];
}

/** Everything succeeds, and nothing waits long before it begins. */
export function keepsUp(starts: Starts): readonly Requirement[] {
  return [
    {
      text: `An execution begins within ${starts.begunP99.toFixed(0)} ms at p99 (under ${MAX_BEGUN_MS})`,
      met: starts.begunP99 < MAX_BEGUN_MS,
    },
    {
      text:
        starts.failures.length === 0
          ? `All of ${starts.started} executions succeeded, each send made once`
          : `Not without failures: ${starts.failures.join('; ')}`,
      met: starts.failures.length === 0,
    },
  ];
}

/** A table as Markdown, which reads well on a terminal too. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0), 3),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
