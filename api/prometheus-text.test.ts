import { expect, test } from '@jest/globals';
import { DURATION_BOUNDS_MS } from '../db/repositories/metrics.ts';
import { toPrometheusText } from './prometheus-text.ts';

const buckets = (counts: Readonly<Record<number, number>>) =>
  Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, (_, index) => counts[index] ?? 0);

test('writes counters, cumulative histograms and the gauge, labels escaped', () => {
  const text = toPrometheusText(
    [
      {
        connectorType: 'email',
        status: 'succeeded',
        workflowId: 'a"b\\c\nd',
        count: 3,
        durationSumMs: 1_500,
        buckets: buckets({ 0: 1, 2: 1, 14: 1 }),
      },
      {
        connectorType: 'email',
        status: 'failed',
        workflowId: 'a"b\\c\nd',
        count: 1,
        durationSumMs: 500,
        buckets: buckets({ 0: 1 }),
      },
    ],
    7,
  );
  const labels = 'connector_type="email",workflow_id="a\\"b\\\\c\\nd"';
  const lines = text.split('\n');
  expect(lines).toContain(
    'automation_executions_total{connector_type="email",status="succeeded",workflow_id="a\\"b\\\\c\\nd"} 3',
  );
  const name = 'automation_execution_duration_seconds';
  expect(lines).toContain(`${name}_bucket{${labels},le="0.005"} 2`);
  expect(lines).toContain(`${name}_bucket{${labels},le="0.025"} 3`);
  expect(lines).toContain(`${name}_bucket{${labels},le="300"} 3`);
  expect(lines).toContain(`${name}_bucket{${labels},le="+Inf"} 4`);
  expect(lines).toContain(`${name}_sum{${labels}} 2`);
  expect(lines).toContain(`${name}_count{${labels}} 4`);
  expect(lines).toContain('automation_queue_size 7');
  expect(text.endsWith('\n')).toBe(true);
});

test('without executions there are still the kinds and the gauge', () => {
  expect(toPrometheusText([], 0)).toContain('# TYPE automation_executions_total counter');
});
