/**
 * The API's answers as far as the command line reads them. Loose on purpose: fields that a newer
 * API adds pass through, so that --json shows them.
 */

import { z } from 'zod';

const errorSchema = z.looseObject({
  message: z.string(),
  code: z.string().optional(),
  nodeId: z.string().nullish(),
});

export const nodeSchema = z.looseObject({
  nodeId: z.string(),
  name: z.string(),
  connector: z.string().nullish(),
  iteration: z.string(),
  status: z.string(),
  attempts: z.number(),
  durationMs: z.number().nullish(),
  outputPort: z.string().nullish(),
  error: errorSchema.nullish(),
});
export type NodeView = z.infer<typeof nodeSchema>;

export const executionSummarySchema = z.looseObject({
  executionId: z.string(),
  workflowId: z.string(),
  version: z.number(),
  leadId: z.string().nullish(),
  mode: z.string(),
  trigger: z.looseObject({ type: z.string() }),
  status: z.string(),
  queuedAt: z.string(),
  startedAt: z.string().nullish(),
  endedAt: z.string().nullish(),
  durationMs: z.number().nullish(),
  result: z.unknown().optional(),
  error: errorSchema.nullish(),
  links: z.looseObject({ temporal: z.string().nullish() }).optional(),
});
export type ExecutionSummary = z.infer<typeof executionSummarySchema>;

export const executionSchema = executionSummarySchema.extend({
  nodes: z.array(nodeSchema),
  /** Where the next items of forEach nodes are, of an execution that has very many. */
  nextNodes: z.string().nullish(),
});
export type Execution = z.infer<typeof executionSchema>;

export const acceptedSchema = z.looseObject({
  executionId: z.string(),
  workflowId: z.string(),
  status: z.string(),
});

export const statusSchema = z.looseObject({ executionId: z.string(), status: z.string() });

export const workflowSummarySchema = z.looseObject({
  workflowId: z.string(),
  name: z.string(),
  draftVersion: z.number(),
  publishedVersion: z.number().nullable(),
  isActive: z.boolean(),
  updatedAt: z.string(),
});

export const issueSchema = z.looseObject({
  code: z.string(),
  severity: z.string(),
  nodeId: z.string().optional(),
  pointer: z.string(),
  message: z.string(),
});

export const draftSchema = workflowSummarySchema.extend({ issues: z.array(issueSchema) });

export const outboxMessageSchema = z.looseObject({
  id: z.string(),
  connector: z.string(),
  operation: z.string(),
  receivedAt: z.string(),
  executionId: z.string().optional(),
  nodeId: z.string().optional(),
  iteration: z.string().optional(),
  to: z.string().optional(),
  message: z.record(z.string(), z.unknown()),
});
export type OutboxMessage = z.infer<typeof outboxMessageSchema>;

/** A page of any list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ items: z.array(item), nextCursor: z.string().nullable() });

/** True if nothing about the execution changes any more. */
export function hasEnded(execution: Pick<ExecutionSummary, 'status' | 'endedAt'>): boolean {
  return (
    typeof execution.endedAt === 'string' ||
    ['succeeded', 'failed', 'cancelled', 'timed_out'].includes(execution.status)
  );
}
