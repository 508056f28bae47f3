import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ancestorsOf, findCycle } from './graph-walks.ts';

interface Edge {
  readonly from: string;
  readonly to: string;
}

/** Small graphs with and without cycles; some connections lead to nodes that don't exist. */
const graphs = fc.integer({ min: 1, max: 8 }).chain((size) =>
  fc.record({
    ids: fc.constant(Array.from({ length: size }, (_, index) => `n${index}`)),
    edges: fc.array(
      fc.record({
        from: fc.nat(size).map((index) => `n${index}`),
        to: fc.nat(size).map((index) => `n${index}`),
      }),
      { maxLength: size + 3 },
    ),
  }),
);

function known(ids: readonly string[], edges: readonly Edge[]): Edge[] {
  return edges.filter(({ from, to }) => ids.includes(from) && ids.includes(to));
}

/** Kahn: takes away nodes that nothing leads to until none is left. */
function hasTopologicalOrder(ids: readonly string[], edges: readonly Edge[]): boolean {
  let left = [...ids];
  for (;;) {
    const next = left.filter((id) => known(left, edges).some(({ to }) => to === id));
    if (next.length === 0) return true;
    if (next.length === left.length) return false;
    left = next;
  }
}

describe('findCycle', () => {
  test('finds none exactly where a topological order exists', () => {
    fc.assert(
      fc.property(graphs, ({ ids, edges }) => {
        expect(findCycle(ids, edges) === undefined).toBe(hasTopologicalOrder(ids, edges));
      }),
      { numRuns: 1_000 },
    );
  });

  test('what it finds is a cycle: each node once, each leading to the next', () => {
    fc.assert(
      fc.property(graphs, ({ ids, edges }) => {
        const cycle = findCycle(ids, edges);
        if (cycle === undefined) return;
        expect(new Set(cycle).size).toBe(cycle.length);
        cycle.forEach((from, index) => {
          const to = cycle[(index + 1) % cycle.length];
          expect(edges).toContainEqual({ from, to });
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('a node that leads to itself is a cycle', () => {
    expect(findCycle(['a', 'b'], [{ from: 'b', to: 'b' }])).toEqual(['b']);
  });

  test('a very long chain is walked without recursion', () => {
    const ids = Array.from({ length: 50_000 }, (_, index) => `n${index}`);
    const edges = ids.slice(1).map((to, index) => ({ from: `n${index}`, to }));
    expect(findCycle(ids, edges)).toBeUndefined();
    expect(findCycle(ids, [...edges, { from: 'n49999', to: 'n0' }])).toHaveLength(50_000);
  });
});

describe('ancestorsOf', () => {
  test('agrees with the closure of “leads to”', () => {
    fc.assert(
      fc.property(graphs, ({ ids, edges }) => {
        const closure = new Set(known(ids, edges).map(({ from, to }) => `${from} ${to}`));
        for (const middle of ids) {
          for (const from of ids) {
            for (const to of ids) {
              if (closure.has(`${from} ${middle}`) && closure.has(`${middle} ${to}`)) {
                closure.add(`${from} ${to}`);
              }
            }
          }
        }
        const ancestors = ancestorsOf(ids, edges);
        for (const to of ids) {
          const expected = ids.filter((from) => closure.has(`${from} ${to}`));
          expect([...(ancestors.get(to) ?? [])].toSorted()).toEqual(expected.toSorted());
        }
      }),
      { numRuns: 500 },
    );
  });
});
