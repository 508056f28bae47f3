import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

export interface TaskQueueStats {
  readonly name: string;
  readonly type: 'workflow' | 'activity';
  /** Tasks that wait, approximately; tasks of sticky queues are not among them. */
  readonly backlog: number;
  readonly oldestTaskAgeMs: number;
  readonly tasksAddedPerSecond: number;
  readonly tasksDispatchedPerSecond: number;
  /** Workers that asked for tasks in the last minutes. */
  readonly pollers: { identity: string; lastSeenAt: string | null }[];
}

const DEADLINE_MS = 5_000;
const { TaskQueueType } = proto.temporal.api.enums.v1;

/**
 * Statistics of a task queue as the server counts them.
 * https://docs.temporal.io/cloud/worker-health#task-backlog-metrics
 * @throws the client's error if Temporal can't be asked within five seconds
 */
export async function readTaskQueue(
  client: Client,
  name: string,
  type: TaskQueueStats['type'],
): Promise<TaskQueueStats> {
  const { stats, pollers } = await client.withDeadline(Date.now() + DEADLINE_MS, () =>
    client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name },
      taskQueueType:
        type === 'workflow'
          ? TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
          : TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
      reportStats: true,
    }),
  );
  return {
    name,
    type,
    backlog: Number(stats?.approximateBacklogCount ?? 0),
    oldestTaskAgeMs: toMs(stats?.approximateBacklogAge) ?? 0,
    tasksAddedPerSecond: stats?.tasksAddRate ?? 0,
    tasksDispatchedPerSecond: stats?.tasksDispatchRate ?? 0,
    pollers: pollers.map((poller) => {
      const lastSeen = toMs(poller.lastAccessTime);
      return {
        identity: poller.identity ?? '',
        lastSeenAt: lastSeen === undefined ? null : new Date(lastSeen).toISOString(),
      };
    }),
  };
}

/** A protobuf duration or time stamp in whole milliseconds. */
function toMs(
  value: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined,
): number | undefined {
  if (value === null || value === undefined) return undefined;
  return Math.round(Number(value.seconds ?? 0) * 1_000 + (value.nanos ?? 0) / 1_000_000);
}
