/**
 * Generated graphs, run end to end by the real parts and compared with a reference model of what
 * definitions mean. MASAR_GRAPHS (how many) and MASAR_GRAPHS_SEED (which) make other ones.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  expectedOf,
  type ModelGraph,
  type ModelNode,
  outputsOf,
} from '../support/reference-model.ts';
import type { Execution } from '../support/stack.ts';
import { type Node, startWorkbench, type Workbench } from '../support/workbench.ts';

const COUNT = Number(process.env.MASAR_GRAPHS ?? 40);
const SEED = Number(process.env.MASAR_GRAPHS_SEED ?? 20_26);
/** Executions under way at once. */
const AT_ONCE = 8;

let desk: Workbench;
beforeAll(async () => {
  desk = await startWorkbench();
}, 60_000);
afterAll(() => desk.stop(), 60_000);

const kinds = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('condition' as const), result: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('switch' as const), matches: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('respond' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('refused' as const),
      onError: fc.oneof(
        { weight: 1, arbitrary: fc.constant('fail' as const) },
        { weight: 4, arbitrary: fc.constantFrom('continue' as const, 'error' as const) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('forEach' as const),
      items: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)), {
        maxLength: 5,
      }),
      concurrency: fc.integer({ min: 1, max: 3 }),
      onItemError: fc.constantFrom('fail' as const, 'continue' as const, 'continue' as const),
    }),
  },
);

const graphs: fc.Arbitrary<ModelGraph> = fc.integer({ min: 1, max: 12 }).chain((size) =>
  fc
    .record({
      nodes: fc.array(
        fc.record({
          what: kinds,
          join: fc.constantFrom('all' as const, 'all' as const, 'any' as const),
          disabled: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
        }),
        { minLength: size, maxLength: size },
      ),
      links: fc.array(fc.record({ a: fc.nat(size - 1), b: fc.nat(size - 1), output: fc.nat(5) }), {
        maxLength: size * 2,
      }),
    })
    .map(({ nodes, links }) => {
      const answers = nodes.findIndex(({ what }) => what.kind === 'respond');
      const made: ModelNode[] = nodes.map(({ what, ...rest }, index) => ({
        id: `n${index}`,
        ...rest,
        // Who answers first when two do is not the definition's to say.
        ...(what.kind === 'respond' && index !== answers ? { kind: 'set' as const } : what),
      }));
      const connections = links.flatMap(({ a, b, output }) => {
        const [from, to] = [made[Math.min(a, b)], made[Math.max(a, b)]];
        if (from === undefined || to === undefined || from === to) return [];
        const outputs = outputsOf(from);
        // An error output that is named decides what happens on an error, which the node says here.
        const possible =
          from.kind === 'refused' && from.onError !== 'error'
            ? outputs.filter((it) => it !== 'error')
            : outputs;
        const chosen = possible[output % Math.max(possible.length, 1)];
        return chosen === undefined ? [] : [{ from: from.id, output: chosen, to: to.id }];
      });
      // The same connection twice is a slip that validation refuses.
      const known = new Set<string>();
      return {
        nodes: made,
        connections: connections.filter(({ from, output, to }) => {
          const key = `${from} ${output} ${to}`;
          return !known.has(key) && known.add(key);
        }),
      };
    }),
);

/** Every call of a node has a path of its own, so that the web API tells who was called how often. */
const pathOf = (graph: string, node: string, item?: number): string =>
  `/${graph}/${node}${item === undefined ? '' : `/${item}`}`;

const REFUSED = { status: 404 };

function nodeFor(graph: string, node: ModelNode): Node {
  const common = {
    join: node.join,
    ...(node.disabled ? { disabled: true } : {}),
  };
  const path = pathOf(graph, node.id);
  switch (node.kind) {
    case 'condition':
      return {
        id: node.id,
        type: 'condition',
        config: { left: '{{ lead.score }}', operator: node.result ? 'eq' : 'ne', right: 80 },
        ...common,
      };
    case 'switch':
      return {
        id: node.id,
        type: 'switch',
        config: {
          value: '{{ lead.score }}',
          cases: [{ equals: node.matches ? 80 : 81, output: 'gold' }],
        },
        ...common,
      };
    case 'set':
      return {
        id: node.id,
        type: 'set',
        config: { values: { [node.id]: '{{ lead.score }}' } },
        ...common,
      };
    case 'wait':
      return { id: node.id, type: 'wait', config: { for: '10ms' }, ...common };
    case 'respond':
      return {
        id: node.id,
        type: 'respond',
        config: { status: 201, body: { from: node.id } },
        ...common,
      };
    case 'fail':
      return { id: node.id, type: 'fail', config: { message: `${node.id} says so` }, ...common };
    case 'read':
      return { ...desk.reads(node.id, path), ...common };
    case 'write':
      return { ...desk.writes(node.id, path), ...common };
    case 'refused':
      return { ...desk.writes(node.id, path, REFUSED), onError: node.onError, ...common };
    case 'forEach': {
      const urls = node.items.map((accepted, item) =>
        accepted
          ? desk.web.on(pathOf(graph, node.id, item))
          : desk.web.on(pathOf(graph, node.id, item), REFUSED),
      );
      return {
        id: node.id,
        type: 'forEach',
        config: {
          items: urls,
          concurrency: node.concurrency,
          onItemError: node.onItemError,
          body: {
            nodes: [
              {
                id: `${node.id}each`,
                type: 'http',
                config: { method: 'POST', url: '{{ item }}', body: {} },
              },
            ],
            connections: [],
          },
        },
        ...common,
      };
    }
  }
}

const calls = (path: string): number => desk.web.asked(path).length;

/** What differs from the model, in words; empty: nothing. */
function differences(name: string, graph: ModelGraph, execution: Execution): string[] {
  const expected = expectedOf(graph);
  const found: string[] = [];
  const differs = (what: string, is: unknown, should: unknown): void => {
    found.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
  };
  const succeeds = expected.fatal.length === 0;
  if ((execution.status === 'succeeded') !== succeeds) {
    differs('the execution', execution.status, succeeds ? 'succeeded' : 'failed');
  }
  if (!succeeds && !expected.fatal.includes(execution.error?.nodeId ?? '')) {
    // A body's node may be named in place of its forEach.
    const owner = expected.fatal.find((id) => execution.error?.nodeId === `${id}each`);
    if (owner === undefined) differs('the failed node', execution.error?.nodeId, expected.fatal);
  }
  for (const node of graph.nodes) {
    const should = expected.statuses[node.id];
    const is = execution.nodes.find(
      ({ nodeId, iteration }) => nodeId === node.id && iteration === '',
    )?.status;
    // Another node's failure may have come first: then this one did not begin.
    const possible = succeeds ? [should] : [should, 'skipped', 'cancelled'];
    if (!possible.includes(is as typeof should)) differs(`the status of ${node.id}`, is, possible);
    const ran = is !== 'skipped' && is !== 'cancelled';
    if (node.kind === 'read' || node.kind === 'write' || node.kind === 'refused') {
      const count = calls(pathOf(name, node.id));
      if (ran ? count !== 1 : count > (is === 'cancelled' ? 1 : 0)) {
        differs(`the number of calls of ${node.id}`, count, ran ? 1 : 0);
      }
    }
    if (node.kind === 'forEach') {
      for (const [item, accepted] of node.items.entries()) {
        const count = calls(pathOf(name, node.id, item));
        const all = is === 'succeeded';
        if (all ? count !== 1 : count > 1) differs(`calls of ${node.id} for ${item}`, count, 1);
        const row = execution.nodes.find(
          ({ nodeId, iteration }) => nodeId === `${node.id}each` && iteration === String(item),
        )?.status;
        if (all && row !== (accepted ? 'succeeded' : 'failed')) {
          differs(`item ${item} of ${node.id}`, row, accepted);
        }
      }
    }
  }
  return found;
}

test('generated graphs come to what the reference model says', async () => {
  const samples = fc.sample(graphs, { numRuns: COUNT, seed: SEED });
  const wrong: unknown[] = [];
  const ends = { succeeded: 0, failed: 0 };
  const queue = [...samples.entries()];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, graph] = next;
      const name = `generated-${index}`;
      const executionId = await desk.run(name, {
        nodes: graph.nodes.map((node) => nodeFor(name, node)),
        connections: [...graph.connections],
      });
      const execution = await desk.stack.ended(executionId, 60_000);
      const found = differences(name, graph, execution);
      if (execution.status === 'succeeded') ends.succeeded += 1;
      else ends.failed += 1;
      if (found.length > 0) wrong.push({ name, found, graph });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  expect(wrong).toEqual([]);
  // A generator that has all of them fail, or none, would say little.
  expect(Math.min(ends.succeeded, ends.failed)).toBeGreaterThan(COUNT / 10);
}, 300_000);
