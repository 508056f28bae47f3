import { z } from 'zod';

/** A line of a node's own log, as `execution_logs.logs` holds it. */
export const nodeLogLineSchema = z.object({
  level: z.enum(['debug', 'info', 'warn', 'error']),
  text: z.string(),
});
export type NodeLogLine = Readonly<z.output<typeof nodeLogLineSchema>>;
