import { z } from 'zod';
import { DURATION, durationToMs, UNIT_MS } from './duration-parse.ts';

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

export { durationToMs } from './duration-parse.ts';
