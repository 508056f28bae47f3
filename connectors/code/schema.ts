/** Shapes of the code connector. */
import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m)$/;
const MAX_TIMEOUT_MS = 60_000;

/** Far more than a person writes; a larger text is data that belongs in the input. */
const MAX_CODE_LENGTH = 256 * 1024;

export const DEFAULT_TIMEOUT = '5s';
export const DEFAULT_MEMORY_MB = 64;

/**
 * @param text `"500ms"`, `"5s"` or `"1m"`
 * @returns milliseconds; NaN if the text is no such duration
 */
export function timeoutToMs(text: string): number {
  const match = DURATION.exec(text);
  if (match === null) return Number.NaN;
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}

export const runInputSchema = z.strictObject({
  code: z.string().min(1).max(MAX_CODE_LENGTH).meta({
    description:
      'The body of an async JavaScript function. `input` has lead, nodes, trigger and the other names that expressions have; what it returns is the output, as JSON. `console` writes to the node’s log; `helpers` has hashes, ids, Base64 and times (docs/code.md). Expressions inside it are not rendered.',
    example: "return { tier: input.lead.score > 80 ? 'gold' : 'silver' }",
  }),
  timeout: z
    .string()
    .refine(
      (text) => {
        const ms = timeoutToMs(text);
        return ms >= 1 && ms <= MAX_TIMEOUT_MS;
      },
      { error: 'must be a time such as "500ms" or "5s", at most "60s"' },
    )
    .default(DEFAULT_TIMEOUT)
    .meta({ description: 'How long the code may run' }),
  memoryMb: z
    .number()
    .int()
    .min(8)
    .max(128)
    .default(DEFAULT_MEMORY_MB)
    .meta({ description: 'How much memory it may use, in MiB' }),
  input: z
    .record(z.string(), z.json())
    .optional()
    .meta({ description: 'Added by the engine: what the code sees as `input`' }),
});
export type RunInput = z.output<typeof runInputSchema>;

export const runOutputSchema = z.json().meta({ description: 'What the code returned' });
