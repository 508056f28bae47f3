/** What the benchmark's processes say to each other, parsed where it arrives. */
import { z } from 'zod';

/** The same steps, run in three ways. */
export const VARIANTS = ['masar', 'ordinary', 'local'] as const;
export type Variant = (typeof VARIANTS)[number];

/** The definition that Masar runs. */
export const WORKFLOW_ID = 'benchmark';
/** Where the hand-written workflows run, apart from Masar's task queues. */
export const HANDWRITTEN_TASK_QUEUE = 'bench-handwritten';

export const handwrittenSettingsSchema = z.object({ temporalAddress: z.string() });

export const loadSettingsSchema = z.object({
  temporalAddress: z.string(),
  stubUrl: z.url(),
  apiUrl: z.url(),
  apiKey: z.string(),
});
/** Where the load goes. */
export type LoadSettings = z.output<typeof loadSettingsSchema>;

/** What the load process is asked to do. */
export const loadCommandSchema = z.discriminatedUnion('kind', [
  /** Keeps so many executions in flight, and counts those that end after the ramp. */
  z.object({
    kind: z.literal('throughput'),
    variant: z.enum(VARIANTS),
    inFlight: z.number().int().positive(),
    rampMs: z.number().nonnegative(),
    measureMs: z.number().positive(),
  }),
  /** Starts one execution every 1/perSecond seconds, and waits for the end of each. */
  z.object({
    kind: z.literal('latency'),
    variant: z.enum(VARIANTS),
    perSecond: z.number().positive(),
    durationMs: z.number().positive(),
  }),
  /** As latency, but only until Masar has accepted each. */
  z.object({
    kind: z.literal('starts'),
    perSecond: z.number().positive(),
    durationMs: z.number().positive(),
  }),
]);
export type LoadCommand = z.output<typeof loadCommandSchema>;

export const loadResultSchema = z.object({
  /** Executions that ended well (for `starts`: were accepted) while it was measured. */
  finished: z.number().int(),
  /** All that were begun, those of the ramp too. */
  begun: z.number().int(),
  failed: z.number().int(),
  firstFailure: z.string().nullable(),
  /** For how long `finished` was counted. */
  measuredMs: z.number(),
  /** Of every execution that ended well; empty for `throughput`. */
  latenciesMs: z.array(z.number()),
});
export type LoadResult = z.output<typeof loadResultSchema>;

export const stubReadySchema = z.object({ url: z.url() });

/** What the stub has seen since it was last asked. */
export const stubCountsSchema = z.object({
  requests: z.number().int(),
  /** Requests whose idempotency key it had seen before. */
  repeated: z.number().int(),
});
export type StubCounts = z.output<typeof stubCountsSchema>;
