/**
 * What the pool and a sandbox process tell each other. Both check what they get: the process runs
 * code of strangers, so the pool takes nothing from it on trust.
 */
import { z } from 'zod';

/** A run's result, as JSON text. */
export const MAX_RESULT_BYTES = 1_048_576;
/** A run's input, as JSON text. */
export const MAX_INPUT_BYTES = 8 * 1_048_576;
/** Of one run, in MiB. The lower bound is isolated-vm's. */
export const MIN_MEMORY_MB = 8;
export const MAX_MEMORY_MB = 128;
export const MAX_LOG_LINES = 100;
export const MAX_LOG_LINE_LENGTH = 1_000;
/** Of all lines together: they are kept with every run. */
export const MAX_LOG_LENGTH = 20_000;
export const MAX_MESSAGE_LENGTH = 1_000;
export const MAX_STACK_LENGTH = 4_000;

/** User code is compiled under this name, so stack traces tell its lines from ours. */
export const CODE_NAME = 'code.js';

export const runRequestSchema = z.strictObject({
  id: z.number().int(),
  code: z.string(),
  /** JSON text. */
  input: z.string(),
  /** What `helpers.uuid()` makes ids of. */
  key: z.string(),
  timeoutMs: z.number().positive(),
  memoryMb: z.number().min(MIN_MEMORY_MB).max(MAX_MEMORY_MB),
});
export type RunRequest = z.output<typeof runRequestSchema>;

const failureFields = {
  name: z.string().max(MAX_MESSAGE_LENGTH),
  message: z.string().max(MAX_MESSAGE_LENGTH),
  stack: z.string().max(MAX_STACK_LENGTH),
};

const logs = z
  .array(
    z.strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']),
      text: z.string().max(MAX_LOG_LINE_LENGTH),
    }),
  )
  .max(MAX_LOG_LINES + 1);

/** What the isolate answers, as JSON text made inside it. */
export const envelopeSchema = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('returned'),
    logs,
    value: z.json(),
  }),
  z.strictObject({ outcome: z.literal('threw'), logs, ...failureFields }),
  /** The code returned what JSON can't say; the message says what. */
  z.strictObject({
    outcome: z.literal('unsayable'),
    logs,
    message: z.string().max(MAX_MESSAGE_LENGTH),
  }),
  z.strictObject({ outcome: z.literal('oversized'), logs }),
]);
export type Envelope = z.output<typeof envelopeSchema>;

export const replySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({
    type: z.literal('ran'),
    id: z.number().int(),
    /** JSON text of an Envelope, as the isolate made it. */
    envelope: z.string().max(2 * MAX_RESULT_BYTES),
  }),
  z.strictObject({
    type: z.literal('unparsable'),
    id: z.number().int(),
    message: z.string().max(MAX_MESSAGE_LENGTH),
  }),
  z.strictObject({
    type: z.literal('limit'),
    id: z.number().int(),
    limit: z.enum(['time', 'memory']),
  }),
  /** The code broke what the sandbox needs to hand on its result. */
  z.strictObject({ type: z.literal('broken'), id: z.number().int() }),
]);
export type Reply = z.output<typeof replySchema>;
