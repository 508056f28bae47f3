/** The only translation of what went wrong into what Temporal and the workflow understand. */
import { ApplicationFailure } from '@temporalio/common';
import { ConnectorError } from '../connectors/errors.ts';
import type { NodeFailureDetail } from '../workflows/activity-contract.ts';
import type { ExecutionError } from '../workflows/contract.ts';

/** Failure messages stand in every history event that mentions them, so they are kept short. */
const MESSAGE_LIMIT = 4_000;
/** A delay of 0 is the server's way of saying that no retry follows. */
const SHORTEST_DELAY_MS = 1;

/**
 * @param nodeId the node that failed
 * @param error what was thrown; anything but a ConnectorError is a defect of the connector
 * @returns the error as the log and the API show it
 */
export function toExecutionError(nodeId: string, error: unknown): ExecutionError {
  if (!(error instanceof ConnectorError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      code: 'internal_error',
      message: shorten(`The connector failed in a way it doesn’t know: ${reason}`),
      nodeId,
    };
  }
  const details = {
    ...error.details,
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(error.providerCode === undefined ? {} : { providerCode: error.providerCode }),
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
  };
  return {
    code: error.code,
    message: shorten(error.message),
    nodeId,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

/**
 * @param detail what the workflow decides by
 * @returns a failure that Temporal repeats only where the verdict is `retry`
 */
export function toApplicationFailure(detail: NodeFailureDetail): ApplicationFailure {
  const retryable = detail.verdict === 'retry';
  return ApplicationFailure.create({
    type: detail.error.code,
    message: detail.error.message,
    nonRetryable: !retryable,
    details: [detail],
    ...(retryable ? { nextRetryDelay: Math.max(SHORTEST_DELAY_MS, detail.retryAfterMs) } : {}),
  });
}

function shorten(message: string): string {
  return message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT - 1)}…` : message;
}
