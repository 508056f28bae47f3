/** The benchmark: `npm run bench`. Everything that it needs it starts itself, and stops at the end. */
import { OperatorError } from '../cli/local-process.ts';
import { compare } from './comparison.ts';
import { measureStarts, SOAK_PER_MINUTE, STARTS_PER_SECOND } from './floors.ts';
import { machineFacts } from './machine.ts';
import { type BenchOptions, readOptions } from './options.ts';
import {
  comparisonRequirements,
  comparisonTable,
  keepsUp,
  type Requirement,
  startsRequirements,
  startsTable,
} from './report.ts';
import { type System, withSystem } from './system.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** Apart from the results, so that those can be kept by themselves. */
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(options: BenchOptions): Promise<boolean> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stopping.abort(new Error(`Interrupted by ${signal}.`)));
  }
  const facts = machineFacts();
  const { signal } = stopping;
  return withSystem({ tell, signal }, async (system) => {
    say(facts);
    const requirements = options.soak
      ? await soak(system, options)
      : await comparison(system, options);
    say('');
    for (const { text, met } of requirements) say(`${met ? '✓' : '✗'} ${text}`);
    return requirements.every(({ met }) => met);
  });
}

async function comparison(system: System, options: BenchOptions): Promise<readonly Requirement[]> {
  const { rounds, seconds } = options;
  const measured = await compare(system, { rounds, seconds, tell });
  say(`\nMedians of ${rounds} rounds in turns, ${seconds} s each:\n`);
  say(comparisonTable(measured));
  tell(`Starting ${STARTS_PER_SECOND} a second …`);
  const starts = await measureStarts(system, {
    perSecond: STARTS_PER_SECOND,
    durationMs: seconds * 3_000,
  });
  say(`\nStarts through the API:\n\n${startsTable(starts)}`);
  return [...comparisonRequirements(measured), ...startsRequirements(starts)];
}

async function soak(system: System, { minutes }: BenchOptions): Promise<readonly Requirement[]> {
  tell(`Starting ${SOAK_PER_MINUTE} a minute for ${minutes} minutes …`);
  const starts = await measureStarts(system, {
    perSecond: SOAK_PER_MINUTE / 60,
    durationMs: minutes * 60_000,
  });
  say(`\n${SOAK_PER_MINUTE} executions a minute for ${minutes} minutes:\n\n${startsTable(starts)}`);
  return keepsUp(starts);
}

try {
  const options = readOptions(process.argv.slice(2));
  process.exitCode = options === undefined || (await main(options)) ? 0 : 1;
} catch (error) {
  tell(
    `\n${error instanceof OperatorError ? error.message : `The benchmark failed: ${error instanceof Error ? error.message : String(error)}`}`,
  );
  process.exitCode = 1;
}
