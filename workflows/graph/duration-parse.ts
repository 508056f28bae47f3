/** Reading durations, apart from their schema: the workflow doesn't load a schema library. */

export const UNIT_MS = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const;
export const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

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
