/**
 * Prometheus' text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Written by hand because the
 * counts come added up from the database, where a client library would count by itself.
 */
import { DURATION_BOUNDS_MS, type NodeCounts } from '../db/repositories/metrics.ts';

export const PROMETHEUS_MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const TOTAL = 'automation_executions_total';
const DURATION = 'automation_execution_duration_seconds';
const QUEUE = 'automation_queue_size';

/**
 * @param counts node counts of a project by connector, status and workflow
 * @param queueSize accepted executions that have not begun
 */
export function toPrometheusText(counts: readonly NodeCounts[], queueSize: number): string {
  return [
    `# HELP ${TOTAL} Nodes that ended, by how.`,
    `# TYPE ${TOTAL} counter`,
    ...counts.map((of) => {
      const labels = labelsOf(
        ['connector_type', of.connectorType],
        ['status', of.status],
        ['workflow_id', of.workflowId],
      );
      return `${TOTAL}{${labels}} ${of.count}`;
    }),
    `# HELP ${DURATION} Time from a node's first attempt to its end.`,
    `# TYPE ${DURATION} histogram`,
    ...byWorkflow(counts).flatMap(histogramLines),
    `# HELP ${QUEUE} Executions that were accepted and have not begun.`,
    `# TYPE ${QUEUE} gauge`,
    `${QUEUE} ${queueSize}`,
    '',
  ].join('\n');
}

type Histogram = Pick<NodeCounts, 'connectorType' | 'workflowId' | 'durationSumMs' | 'buckets'>;

/** The histogram has no status, so the statuses of one connector and workflow are added up. */
function byWorkflow(counts: readonly NodeCounts[]): readonly Histogram[] {
  const groups = Map.groupBy(counts, (of) => JSON.stringify([of.connectorType, of.workflowId]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        connectorType: first.connectorType,
        workflowId: first.workflowId,
        durationSumMs: group.reduce((sum, of) => sum + of.durationSumMs, 0),
        buckets: first.buckets.map((_, index) =>
          group.reduce((sum, of) => sum + (of.buckets[index] ?? 0), 0),
        ),
      },
    ];
  });
}

function histogramLines(histogram: Histogram): readonly string[] {
  const labels = labelsOf(
    ['connector_type', histogram.connectorType],
    ['workflow_id', histogram.workflowId],
  );
  const bounds = [...DURATION_BOUNDS_MS.map((bound) => String(bound / 1_000)), '+Inf'];
  let upTo = 0;
  const buckets = bounds.map((bound, index) => {
    upTo += histogram.buckets[index] ?? 0;
    return `${DURATION}_bucket{${labels},le="${bound}"} ${upTo}`;
  });
  return [
    ...buckets,
    `${DURATION}_sum{${labels}} ${histogram.durationSumMs / 1_000}`,
    `${DURATION}_count{${labels}} ${upTo}`,
  ];
}

function labelsOf(...labels: readonly (readonly [name: string, value: string])[]): string {
  return labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
