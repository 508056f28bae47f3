import type { Shape } from './shape.ts';
import { mail, wa } from './shape-nodes.ts';

/**
 * A run whose way depends on filters: on the workflow's time, which a replay must repeat (by the
 * machine's clock no second passes between the nodes), and on a hash that is worked out inside.
 */
export const FILTER_SHAPE: Shape = {
  name: 'time-and-filters',
  definition: {
    nodes: [
      {
        id: 'start',
        type: 'set',
        config: {
          values: { at: '{{ "now" | iso: "Asia/Dubai" }}', key: '{{ lead.email | sha256 }}' },
        },
      },
      { id: 'pause', type: 'wait', config: { for: '1s' } },
      {
        id: 'later',
        type: 'condition',
        config: {
          all: [
            { left: '{{ "now" | date_diff: vars.at, "s" }}', operator: 'gte', right: 1 },
            {
              left: '{{ vars.key }}',
              operator: 'eq',
              right: '7bd15ccef14c81f68ce5f85e5fac01b1fcf12e2b58d7090391656737940b2952',
            },
          ],
        },
      },
      mail,
      wa,
    ],
    connections: [
      { from: 'start', to: 'pause' },
      { from: 'pause', to: 'later' },
      { from: 'later', output: 'true', to: 'mail' },
      { from: 'later', output: 'false', to: 'wa' },
    ],
  },
  ends: {
    status: 'COMPLETED',
    with: { mail: {} },
    nodes: {
      start: 'succeeded',
      pause: 'succeeded',
      later: 'succeeded',
      mail: 'succeeded',
      wa: 'skipped',
    },
  },
};
