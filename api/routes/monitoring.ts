import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { MetricsRepository } from '../../db/repositories/metrics.ts';
import { readTaskQueue } from '../../temporal/task-queue-stats.ts';
import { TASK_QUEUES } from '../../workflows/contract.ts';
import { type Endpoint, endpoint, rawEndpoint } from '../endpoint.ts';
import { timeField } from '../fields.ts';
import { PROMETHEUS_MEDIA_TYPE, toPrometheusText } from '../prometheus-text.ts';

const taskQueueSchema = z
  .object({
    name: z.string().meta({ example: TASK_QUEUES.workflows }),
    type: z.enum(['workflow', 'activity']),
    backlog: z.int().meta({ description: 'Tasks that wait, approximately' }),
    oldestTaskAgeMs: z.int().meta({ description: 'How long the first of them has waited' }),
    tasksAddedPerSecond: z.number(),
    tasksDispatchedPerSecond: z.number(),
    pollers: z.array(z.object({ identity: z.string(), lastSeenAt: timeField.nullable() })),
  })
  .meta({ id: 'TaskQueue' });

export interface MonitoringDeps {
  readonly metrics: MetricsRepository;
  readonly client: Client;
}

export function monitoringRoutes({ metrics, client }: MonitoringDeps): Endpoint[] {
  const tag = 'Monitoring';
  return [
    rawEndpoint({
      method: 'get',
      path: '/automation/metrics',
      operationId: 'getMetrics',
      tag,
      summary: 'Metrics of the key’s project, for Prometheus',
      description:
        'Counted from the log, so they survive restarts and are the same on every replica.',
      mediaType: 'text/plain',
      responses: { 200: { description: 'Prometheus text format', schema: z.string() } },
    }).handledBy(async ({ caller }, { response }) => {
      const counts = await metrics.nodeCounts(caller.projectId);
      const queueSize = await metrics.queueSize(caller.projectId);
      response
        .status(200)
        .set('content-type', PROMETHEUS_MEDIA_TYPE)
        .send(toPrometheusText(counts, queueSize));
    }),

    endpoint({
      method: 'get',
      path: '/automation/queue/status',
      operationId: 'getQueueStatus',
      tag,
      summary: 'Backlog, pollers and rates of each task queue, from Temporal',
      problems: [503],
      responses: {
        200: {
          description: 'Every task queue, by the type of its tasks',
          schema: z
            .object({
              backlog: z.int().meta({ description: 'Of all task queues together' }),
              queues: z.array(taskQueueSchema),
            })
            .meta({ id: 'QueueStatus' }),
        },
      },
    }).handledBy(async () => {
      const queues = await Promise.all(
        Object.values(TASK_QUEUES).flatMap((name) => [
          readTaskQueue(client, name, 'workflow'),
          readTaskQueue(client, name, 'activity'),
        ]),
      );
      return {
        status: 200,
        body: { backlog: queues.reduce((sum, queue) => sum + queue.backlog, 0), queues },
      };
    }),
  ];
}
