/** Shapes of a schedule's run, with activities that do what the shape says. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import type { ScheduleActivities } from '../../workflows/activity-contract.ts';
import {
  EXECUTION_ENDED_SIGNAL,
  FIRE_SCHEDULE,
  type FireScheduleInput,
  type FireScheduleResult,
  TASK_QUEUES,
} from '../../workflows/contract.ts';

export interface ScheduleShape {
  /** Also the run's workflow id and the name of its history. */
  readonly name: string;
  readonly waits: boolean;
  readonly fired: FireScheduleResult;
  /** What is done once the execution was accepted. */
  readonly afterwards?: 'tell of its end' | 'cancel';
  readonly ends: 'COMPLETED' | 'CANCELLED';
  /** Activities in the order in which they were asked for. */
  readonly asked: readonly (keyof ScheduleActivities)[];
}

const accepted = { executionId: 'execution-1' };

export const SCHEDULE_SHAPES: readonly ScheduleShape[] = [
  {
    name: 'schedule-fires',
    waits: false,
    fired: accepted,
    ends: 'COMPLETED',
    asked: ['schedule.fire'],
  },
  {
    name: 'schedule-waits-for-the-end',
    waits: true,
    fired: accepted,
    afterwards: 'tell of its end',
    ends: 'COMPLETED',
    asked: ['schedule.fire'],
  },
  {
    name: 'schedule-refused',
    waits: true,
    fired: { executionId: null, problem: 'The schedule has been removed since then.' },
    ends: 'COMPLETED',
    asked: ['schedule.fire'],
  },
  {
    name: 'schedule-cancelled-by-the-next',
    waits: true,
    fired: accepted,
    afterwards: 'cancel',
    ends: 'CANCELLED',
    asked: ['schedule.fire', 'schedule.cancel'],
  },
];

export interface ScheduleShapeEnd {
  readonly status: string;
  readonly asked: readonly string[];
}

/** Runs a shape on a worker of its own. */
export async function runScheduleShape(
  shape: ScheduleShape,
  options: {
    readonly client: Client;
    readonly connection: NativeConnection;
    readonly namespace: string;
    readonly bundle: WorkflowBundleOption;
    readonly maxCachedWorkflows: number;
  },
): Promise<ScheduleShapeEnd> {
  const { client } = options;
  const asked: string[] = [];
  let handle: WorkflowHandle | undefined;
  const isAccepted = Promise.withResolvers<void>();
  const activities: ScheduleActivities = {
    'schedule.fire': async () => {
      asked.push('schedule.fire');
      isAccepted.resolve();
      return shape.fired;
    },
    'schedule.hasEnded': async () => {
      asked.push('schedule.hasEnded');
      return true;
    },
    'schedule.cancel': async () => {
      asked.push('schedule.cancel');
      await handle?.signal(EXECUTION_ENDED_SIGNAL);
    },
  };
  const worker = await Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: TASK_QUEUES.workflows,
    workflowBundle: options.bundle,
    activities: { ...activities },
    maxCachedWorkflows: options.maxCachedWorkflows,
  });
  return worker.runUntil(async () => {
    const input: FireScheduleInput = {
      projectId: 'project-1',
      workflowId: 'digest',
      trigger: 'schedule',
      generation: 1,
      waits: shape.waits,
    };
    handle = await client.workflow.start(FIRE_SCHEDULE, {
      taskQueue: TASK_QUEUES.workflows,
      workflowId: shape.name,
      args: [input],
    });
    await isAccepted.promise;
    if (shape.afterwards !== undefined) await untilIdle(handle);
    if (shape.afterwards === 'cancel') await handle.cancel();
    if (shape.afterwards === 'tell of its end') await handle.signal(EXECUTION_ENDED_SIGNAL);
    await handle.result().catch(() => undefined);
    const { status } = await handle.describe();
    return { status: status.name, asked };
  });
}

/** What comes next must not meet the task that led here, or histories would vary. */
async function untilIdle(handle: WorkflowHandle): Promise<void> {
  for (;;) {
    const { raw } = await handle.describe();
    if (!raw.pendingWorkflowTask && Number(raw.workflowExecutionInfo?.historyLength) > 4) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
