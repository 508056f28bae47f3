import { parseArgs } from 'node:util';
import { z } from 'zod';
import { OperatorError } from '../cli/local-process.ts';

const USAGE = `Usage: node bench/main.ts [options]

Runs the benchmark's graph with Masar and, in the same run and on the same servers, the same steps
as hand-written Temporal workflows, in turns. Ends with 1 if Masar misses what is required of it.

  --quick          few and short rounds: a look, not a measurement
  --rounds <n>     how often each variant is measured (5)
  --seconds <n>    how long each measurement takes (10)
  --soak           instead of the comparison: 1,000 executions a minute for five minutes
  --minutes <n>    how long the soak takes (5)
`;

const positive = (what: string, max: number) =>
  z.coerce.number(what).positive(what).max(max, `${what}, ${max} at most`);

const optionsSchema = z
  .object({
    quick: z.boolean().default(false),
    soak: z.boolean().default(false),
    rounds: positive('--rounds must be a number above 0', 100).int().optional(),
    seconds: positive('--seconds must be a number above 0', 600).optional(),
    minutes: positive('--minutes must be a number above 0', 60).default(5),
  })
  .transform(({ quick, rounds, seconds, ...rest }) => ({
    ...rest,
    quick,
    rounds: rounds ?? (quick ? 2 : 5),
    seconds: seconds ?? (quick ? 4 : 10),
  }));
export type BenchOptions = z.output<typeof optionsSchema>;

/**
 * @returns undefined if only the usage was asked for, which is then printed
 * @throws OperatorError `usage`
 */
export function readOptions(args: string[]): BenchOptions | undefined {
  let given: { readonly help?: boolean };
  try {
    given = parseArgs({
      args,
      options: {
        quick: { type: 'boolean' },
        soak: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        minutes: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
  if (given.help === true) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const result = optionsSchema.safeParse(given);
  if (!result.success) throw usage(result.error.issues.map((issue) => issue.message).join('\n'));
  return result.data;
}

function usage(problem: string): OperatorError {
  return new OperatorError('usage', `${problem}\n\n${USAGE}`);
}
