/** Shapes whose executions go on as new runs, where the server suggests that soon. */
import type { Hands, Shape } from './shape.ts';
import { mail } from './shape-nodes.ts';

const EVENTS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'];

/** An approval, waited for by the first run and given in a later one, beside a row of events. */
const approvalBesideEvents: Omit<Shape, 'name'> = {
  definition: {
    settings: { timeout: '1h' },
    nodes: [
      { id: 'ok', type: 'approval', config: { message: 'Go on?', timeout: '30m' } },
      ...EVENTS.map((event) => ({ id: event, type: 'wait', config: { event, timeout: '30m' } })),
      mail,
    ],
    connections: [
      { from: 'ok', output: 'approved', to: 'mail' },
      ...EVENTS.map((event, index) => ({ from: event, to: EVENTS[index + 1] ?? 'mail' })),
    ],
  },
  during: async ({ until, signal, approve }: Hands) => {
    for (const event of EVENTS) {
      await until(event, 'waiting');
      await signal({ event, data: { event } });
      await until(event, 'succeeded');
    }
    await approve('ok');
  },
  ends: {
    status: 'COMPLETED',
    with: { mail: {} },
    nodes: {
      ok: 'succeeded',
      ...Object.fromEntries(EVENTS.map((event) => [event, 'succeeded'])),
      mail: 'succeeded',
    },
  },
};

export const CONTINUED_SHAPES: readonly Shape[] = [
  { name: 'goes-on-as-a-new-run', ...approvalBesideEvents, goesOn: { record: 'first run' } },
  { name: 'went-on-as-a-new-run', ...approvalBesideEvents, goesOn: { record: 'last run' } },
];
