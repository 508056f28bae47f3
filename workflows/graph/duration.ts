import { z } from 'zod';

const UNIT_MS = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const;
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;
/** Beyond ten years it is a slip of the hand, and timers have limits too. */
const LONGEST_MS = 3_650 * UNIT_MS.d;

/** A length of time in API bodies and definitions: `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`, `"1w"`. */
export const durationSchema = z
  .string()
  .regex(DURATION, 'must be a number with a unit: ms, s, m, h, d or w, for example "30s" or "7d"')
  .refine((text) => !DURATION.test(text) || durationToMs(text) <= LONGEST_MS, {
    error: 'must be 3650d at most',
  })
  .meta({ description: 'A length of time with its unit', example: '30s' });

/**
 * @param text a duration that `durationSchema` accepts
 * @returns milliseconds
 * @throws RangeError if the text is not a duration
 */
export function durationToMs(text: string): number {
  const match = DURATION.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a duration such as "30s" or "7d".`);
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}
