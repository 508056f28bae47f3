/**
 * How Temporal runs a node that calls a connector.
 *
 * The first attempt of a short operation is a local activity: about a tenth of the cost of a queued
 * one, and harmless to repeat after a crash, because the ledger answers for what happened. A failure
 * that will be retried goes on as a queued activity, where Temporal's UI shows attempts, the next
 * one's time and the last error, and where no workflow task is held meanwhile.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  sleep,
} from '@temporalio/workflow';
import type { NodeFailureDetail, RunNodeInput, RunNodeResult } from './activity-contract.ts';
import type { Attempts } from './attempts.ts';
import { TASK_QUEUES } from './contract.ts';
import type { OperationPlanNode } from './graph/plan-types.ts';

type RunNode = Record<string, (input: RunNodeInput) => Promise<RunNodeResult>>;

/** Beyond the attempt's own limit, which the activity enforces itself and reports about. */
const TIMEOUT_GRACE_MS = 5_000;
/** A worker that died is noticed after this time instead of after the attempt's whole limit. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
/** Attempts that a dying worker may burn on top of the node's own, before the node counts as deadly. */
const CRASH_ALLOWANCE = 3;
const LEDGER_BACKOFF_MS = { first: 1_000, most: 30_000 };

export interface DispatchContext {
  /** An attempt failed and another one follows. */
  retrying(detail: NodeFailureDetail): void;
  readonly attempts: Attempts;
}

/**
 * Runs the node until it succeeded, failed for good, or its outcome is unknown.
 * @throws ActivityFailure whose cause carries a NodeFailureDetail (see `failureDetail`)
 */
export async function dispatchNode(
  node: OperationPlanNode,
  input: RunNodeInput,
  context: DispatchContext,
): Promise<RunNodeResult> {
  const { attempts } = context;
  let local = node.dispatch === 'local';
  let ledgerBackoffMs = LEDGER_BACKOFF_MS.first;
  for (;;) {
    try {
      if (!local) return await attempts.queued(() => runQueued(node, input));
      const place = attempts.takeLocal();
      if (place === true || (place !== false && (await place))) {
        return await attempts.local(() => runLocal(node, input));
      }
      local = false;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const detail = failureDetail(error);
      if (detail?.verdict === 'ledger_unavailable') {
        await sleep(ledgerBackoffMs, { summary: `${node.name}: waits for the database` });
        ledgerBackoffMs = Math.min(ledgerBackoffMs * 2, LEDGER_BACKOFF_MS.most);
        continue;
      }
      // A local attempt that never reported (its worker hung or died) goes on queued as well.
      if (!local || (detail !== undefined && detail.verdict !== 'retry')) throw error;
      local = false;
      if (detail !== undefined) {
        context.retrying(detail);
        await sleep(detail.retryAfterMs, { summary: `${node.name}: next attempt` });
      }
    }
  }
}

function runLocal(node: OperationPlanNode, input: RunNodeInput): Promise<RunNodeResult> {
  const activities = proxyLocalActivities<RunNode>({
    startToCloseTimeout: node.timeoutMs + TIMEOUT_GRACE_MS,
    retry: { maximumAttempts: 1 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: node.name,
  });
  return call(activities, node, input);
}

function runQueued(node: OperationPlanNode, input: RunNodeInput): Promise<RunNodeResult> {
  // Temporal refuses an interval of 0 and a longest one below the first.
  const initialInterval = Math.max(node.retry.initialIntervalMs, 1);
  const activities = proxyActivities<RunNode>({
    taskQueue: TASK_QUEUES.connectors,
    startToCloseTimeout: node.timeoutMs + TIMEOUT_GRACE_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: {
      maximumAttempts: node.retry.maximumAttempts + CRASH_ALLOWANCE,
      initialInterval,
      backoffCoefficient: node.retry.backoffCoefficient,
      maximumInterval: Math.max(node.retry.maximumIntervalMs, initialInterval),
    },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: node.name,
  });
  return call(activities, node, input);
}

function call(
  activities: RunNode,
  node: OperationPlanNode,
  input: RunNodeInput,
): Promise<RunNodeResult> {
  const type = `${node.type}.${node.operation}`;
  const activity = activities[type];
  if (activity === undefined) throw ApplicationFailure.nonRetryable(`No activity "${type}".`);
  return activity(input);
}

/** @returns what the activity said of its failure, or undefined if it never came to say anything */
export function failureDetail(error: unknown): NodeFailureDetail | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const detail: unknown = cause.details?.[0];
  return isFailureDetail(detail) ? detail : undefined;
}

function isFailureDetail(value: unknown): value is NodeFailureDetail {
  return value !== null && typeof value === 'object' && 'verdict' in value && 'error' in value;
}
