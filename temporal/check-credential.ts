/** Has a worker try a stored credential, and waits for what it says. */
import { randomUUID } from 'node:crypto';
import { type Client, isGrpcDeadlineError, WorkflowFailedError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { z } from 'zod';
import {
  CHECK_CREDENTIAL,
  type CheckCredentialInput,
  type CheckCredentialResult,
  TASK_QUEUES,
} from '../workflows/contract.ts';
import { projectAttribute } from './search-attributes.ts';

const resultSchema = z.union([
  z.object({ ok: z.literal(true), account: z.string().optional() }),
  z.object({
    ok: z.literal(false),
    error: z.object({ code: z.string(), message: z.string() }),
  }),
]);

/** @returns undefined if no worker could try it in time */
export type CredentialChecker = (
  input: CheckCredentialInput,
) => Promise<CheckCredentialResult | undefined>;

/** Of starting it. */
const START_DEADLINE_MS = 5_000;
/** Of its answer: beyond the check's own limit of 15 seconds. */
const ANSWER_DEADLINE_MS = 25_000;

/**
 * @param options.answerDeadlineMs how long a worker may take
 * @returns a function that rejects with the client's ServiceError if Temporal can't be asked
 */
export function createCredentialChecker(options: {
  readonly client: Client;
  readonly answerDeadlineMs?: number;
}): CredentialChecker {
  const { client, answerDeadlineMs = ANSWER_DEADLINE_MS } = options;
  return async (input) => {
    const handle = await client.withDeadline(Date.now() + START_DEADLINE_MS, () =>
      client.workflow.start(CHECK_CREDENTIAL, {
        taskQueue: TASK_QUEUES.workflows,
        workflowId: `credential-check-${randomUUID()}`,
        args: [input],
        // Nobody waits for it any longer than that.
        workflowExecutionTimeout: answerDeadlineMs,
        staticSummary: `Try a credential of type ${input.type}`,
        typedSearchAttributes: new TypedSearchAttributes([projectAttribute(input.projectId)]),
      }),
    );
    try {
      const result: unknown = await client.withDeadline(Date.now() + answerDeadlineMs, () =>
        handle.result(),
      );
      return resultSchema.parse(result);
    } catch (error) {
      if (isGrpcDeadlineError(error) || error instanceof WorkflowFailedError) return undefined;
      throw error;
    }
  };
}
