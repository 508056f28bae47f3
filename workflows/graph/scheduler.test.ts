import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createScheduler, type Scheduler, type SchedulerGraph } from './scheduler.ts';

const PORTS = ['success', 'error', 'other'] as const;

/** A graph without cycles, and through which outputs each of its nodes leaves when it runs. */
interface Case {
  readonly graph: SchedulerGraph;
  readonly outcomes: Readonly<Record<string, readonly string[]>>;
}

/** The plan's order is shuffled, so that it says nothing about what depends on what. */
const cases: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 30 }).chain((size) => {
  const ids = Array.from({ length: size }, (_, index) => `n${index}`);
  const connection = fc
    .record({ a: fc.nat(size - 1), b: fc.nat(size - 1), output: fc.constantFrom(...PORTS) })
    .filter(({ a, b }) => a !== b)
    .map(({ a, b, output }) => ({
      from: `n${Math.min(a, b)}`,
      output,
      to: `n${Math.max(a, b)}`,
    }));
  const node = fc.record({
    join: fc.constantFrom('all' as const, 'any' as const),
    // Mostly one output, as control nodes and connectors do it; sometimes none or several.
    ports: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...PORTS).map((port) => [port]) },
      { weight: 1, arbitrary: fc.subarray([...PORTS]) },
    ),
  });
  return fc
    .record({
      nodes: fc.array(node, { minLength: size, maxLength: size }),
      connections: size === 1 ? fc.constant([]) : fc.array(connection, { maxLength: size * 2 }),
      order: fc.shuffledSubarray(ids, { minLength: size, maxLength: size }),
    })
    .map(({ nodes, connections, order }) => {
      const specOf = (id: string) => nodes[Number(id.slice(1))];
      return {
        graph: {
          nodes: order.map((id) => ({ id, join: specOf(id)?.join ?? 'all' })),
          connections,
        },
        outcomes: Object.fromEntries(order.map((id) => [id, specOf(id)?.ports ?? []])),
      };
    });
});

/** Which of the possible steps is taken next: a run uses one number for each of its steps. */
const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 80 });

interface Step {
  readonly act: 'start' | 'settle';
  readonly node: string;
  readonly skipped: readonly string[];
}

interface Run {
  readonly scheduler: Scheduler;
  readonly steps: readonly Step[];
  readonly started: readonly string[];
  readonly skipped: readonly string[];
}

interface RunHooks {
  /** Before each step and once at the end; may put another scheduler in its place. */
  readonly before?: (scheduler: Scheduler, steps: readonly Step[]) => Scheduler | undefined;
}

/** Runs a case to its end, starting and settling in the order that the choices say. */
function run({ graph, outcomes }: Case, choose: readonly number[], hooks: RunHooks = {}): Run {
  let scheduler = createScheduler(graph);
  const steps: Step[] = [];
  // A node starts and settles at most once, so more steps mean that the run would never end (S4).
  for (let count = 0; count <= graph.nodes.length * 2; count += 1) {
    scheduler = hooks.before?.(scheduler, steps) ?? scheduler;
    const possible: readonly Omit<Step, 'skipped'>[] = [
      ...scheduler.ready().map((node) => ({ act: 'start' as const, node })),
      ...scheduler.running().map((node) => ({ act: 'settle' as const, node })),
    ];
    const step = possible[(choose[count % choose.length] ?? 0) % Math.max(possible.length, 1)];
    if (step === undefined) {
      return {
        scheduler,
        steps,
        started: steps.filter(({ act }) => act === 'start').map(({ node }) => node),
        skipped: steps.flatMap(({ skipped }) => skipped),
      };
    }
    if (step.act === 'start') {
      scheduler.start(step.node);
      steps.push({ ...step, skipped: [] });
    } else {
      steps.push({ ...step, skipped: scheduler.settle(step.node, outcomes[step.node] ?? []) });
    }
  }
  throw new Error('The run takes more steps than starting and settling every node once.');
}

/** What became of each connection after these steps, told from the steps alone. */
function connectionsAfter({ graph, outcomes }: Case, steps: readonly Step[]) {
  const settled = new Set(steps.filter(({ act }) => act === 'settle').map(({ node }) => node));
  const skipped = new Set(steps.flatMap((step) => step.skipped));
  return graph.connections.map(({ from, output, to }) => {
    if (skipped.has(from)) return { to, state: 'dead' as const };
    if (!settled.has(from)) return { to, state: 'open' as const };
    const taken = outcomes[from]?.includes(output) === true;
    return { to, state: taken ? ('taken' as const) : ('dead' as const) };
  });
}

/** What a graph must come to, computed in dependency order without any schedule. */
function expectedEnd({ graph, outcomes }: Case): { runs: Set<string>; skips: Set<string> } {
  const runs = new Set<string>();
  const skips = new Set<string>();
  // Connections lead from lower to higher numbers only, so this order is a topological one.
  const order = graph.nodes
    .map(({ id }) => id)
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  for (const id of order) {
    const incoming = graph.connections.filter(({ to }) => to === id);
    const reached =
      incoming.length === 0 ||
      incoming.some(({ from, output }) => runs.has(from) && outcomes[from]?.includes(output));
    (reached ? runs : skips).add(id);
  }
  return { runs, skips };
}

function inPlanOrder(graph: SchedulerGraph, ids: Iterable<string>): string[] {
  const chosen = new Set(ids);
  return graph.nodes.map(({ id }) => id).filter((id) => chosen.has(id));
}

/** Asked of many nodes at every step, so without the cost of an expectation each. */
function refusesToStart(scheduler: Scheduler, id: string): boolean {
  try {
    scheduler.start(id);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.includes(`"${id}" can't start`);
  }
}

const each = { numRuns: 300 };

describe('the scheduler, over generated graphs', () => {
  test('S1: a node starts at most once', () => {
    fc.assert(
      fc.property(cases, choices, (given, choose) => {
        const { started } = run(given, choose, {
          before: (scheduler) => {
            const ready = new Set(scheduler.ready());
            const others = given.graph.nodes.map(({ id }) => id).filter((id) => !ready.has(id));
            expect(others.filter((id) => !refusesToStart(scheduler, id))).toEqual([]);
            return undefined;
          },
        });
        expect(new Set(started).size).toBe(started.length);
      }),
      each,
    );
  });

  test('S2: a node starts only when its join is settled and a connection to it was taken', () => {
    fc.assert(
      fc.property(cases, choices, (given, choose) => {
        run(given, choose, {
          before: (scheduler, steps) => {
            const connections = connectionsAfter(given, steps);
            const started = new Set(steps.map(({ node }) => node));
            const mayStart = given.graph.nodes.filter(({ id, join }) => {
              const incoming = connections.filter(({ to }) => to === id);
              if (incoming.length === 0) return true;
              const taken = incoming.some(({ state }) => state === 'taken');
              const open = incoming.some(({ state }) => state === 'open');
              return taken && (join === 'any' || !open);
            });
            const expected = mayStart.map(({ id }) => id).filter((id) => !started.has(id));
            expect(scheduler.ready()).toEqual(expected);
            return undefined;
          },
        });
      }),
      each,
    );
  });

  test('S3: what no taken connection leads to is skipped, told at the step that decided it', () => {
    fc.assert(
      fc.property(cases, choices, (given, choose) => {
        const { steps, skipped } = run(given, choose);
        expect(new Set(skipped).size).toBe(skipped.length);
        expect(new Set(skipped)).toEqual(expectedEnd(given).skips);
        steps.forEach((step, index) => {
          const connections = connectionsAfter(given, steps.slice(0, index + 1));
          const before = new Set(steps.slice(0, index).flatMap((earlier) => earlier.skipped));
          const dead = given.graph.nodes.filter(({ id }) => {
            const incoming = connections.filter(({ to }) => to === id);
            return incoming.length > 0 && incoming.every(({ state }) => state === 'dead');
          });
          const now = dead.map(({ id }) => id).filter((id) => !before.has(id));
          expect(step.skipped).toEqual(now);
        });
      }),
      each,
    );
  });

  test('S4: every graph ends, with each node settled or skipped', () => {
    fc.assert(
      fc.property(cases, choices, (given, choose) => {
        const { scheduler, steps } = run(given, choose, {
          before: (current) => {
            const idle = current.ready().length === 0 && current.running().length === 0;
            expect(current.ended()).toBe(idle);
            return undefined;
          },
        });
        expect(scheduler.ended()).toBe(true);
        const { nodes, connections } = scheduler.snapshot();
        expect(nodes.filter((phase) => phase !== 'settled' && phase !== 'skipped')).toEqual([]);
        expect(connections).not.toContain('open');
        expect(steps.length).toBeLessThanOrEqual(given.graph.nodes.length * 2);
      }),
      each,
    );
  });

  test('S5: the order of completions never changes what runs', () => {
    fc.assert(
      fc.property(cases, choices, choices, (given, first, second) => {
        const { runs, skips } = expectedEnd(given);
        for (const choose of [first, second]) {
          const { started, skipped } = run(given, choose);
          expect(new Set(started)).toEqual(runs);
          expect(new Set(skipped)).toEqual(skips);
        }
      }),
      each,
    );
  });

  test('S6: every answer is in the plan’s order', () => {
    fc.assert(
      fc.property(cases, choices, (given, choose) => {
        const { graph } = given;
        const { steps } = run(given, choose, {
          before: (scheduler) => {
            expect(scheduler.ready()).toEqual(inPlanOrder(graph, scheduler.ready()));
            expect(scheduler.running()).toEqual(inPlanOrder(graph, scheduler.running()));
            return undefined;
          },
        });
        for (const { skipped } of steps) expect(skipped).toEqual(inPlanOrder(graph, skipped));
      }),
      each,
    );
  });

  test('S7: after halt nothing starts; what runs settles; all that never started is skipped', () => {
    fc.assert(
      fc.property(cases, choices, fc.nat(60), (given, choose, haltAt) => {
        const { graph, outcomes } = given;
        let halted: { skipped: readonly string[]; expected: readonly string[] } | undefined;
        const { scheduler, steps, started } = run(given, choose, {
          before: (current, soFar) => {
            if (halted === undefined && soFar.length >= haltAt) {
              const before = new Set(soFar.flatMap(({ node, skipped }) => [node, ...skipped]));
              const expected = graph.nodes.map(({ id }) => id).filter((id) => !before.has(id));
              halted = { skipped: current.halt(), expected };
              expect(current.halt()).toEqual([]);
            }
            if (halted !== undefined) {
              expect(current.ready()).toEqual([]);
              expect(current.ended()).toBe(current.running().length === 0);
              expect(graph.nodes.filter(({ id }) => !refusesToStart(current, id))).toEqual([]);
            }
            return undefined;
          },
        });
        expect(scheduler.ended()).toBe(true);
        if (halted === undefined) return;
        expect(halted.skipped).toEqual(halted.expected);
        const after = steps.filter((step, index) => index >= haltAt && step.act === 'settle');
        expect(after.flatMap(({ skipped }) => skipped)).toEqual([]);
        const accounted = [...started, ...steps.flatMap((s) => s.skipped), ...halted.skipped];
        expect(accounted.toSorted()).toEqual(Object.keys(outcomes).toSorted());
      }),
      each,
    );
  });

  test('S8: a restored scheduler behaves as the original, also after a halt', () => {
    const restoring = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(cases, choices, restoring, fc.nat(120), (given, choose, restore, haltAt) => {
        const observe = (restores: boolean) => {
          const seen: unknown[] = [];
          const { steps, scheduler } = run(given, choose, {
            before: (current, soFar) => {
              if (soFar.length === haltAt) seen.push(current.halt());
              const next =
                restores && restore[soFar.length % restore.length] === true
                  ? createScheduler(given.graph, JSON.parse(JSON.stringify(current.snapshot())))
                  : current;
              seen.push(next.ready(), next.running(), next.ended(), next.snapshot());
              return next;
            },
          });
          return { steps, seen, last: scheduler.snapshot() };
        };
        expect(observe(true)).toEqual(observe(false));
      }),
      each,
    );
  });
});

describe('the scheduler, by example', () => {
  const graph = (
    connections: readonly string[],
    joins: Readonly<Record<string, 'any'>> = {},
  ): SchedulerGraph => {
    const parsed = connections.map((text) => {
      const [, from = '', output = 'success', to = ''] =
        /^(\w+)(?:\.(\w+))? -> (\w+)$/.exec(text) ?? [];
      return { from, output, to };
    });
    const ids = [...new Set(parsed.flatMap(({ from, to }) => [from, to]))];
    return {
      nodes: ids.map((id) => ({ id, join: joins[id] ?? 'all' })),
      connections: parsed,
    };
  };
  /** Starts and settles one node. @returns what is ready then, and what it skipped */
  const complete = (scheduler: Scheduler, id: string, ...ports: string[]) => {
    scheduler.start(id);
    const skipped = scheduler.settle(id, ports.length === 0 ? ['success'] : ports);
    return { ready: scheduler.ready(), skipped };
  };

  test('a diamond joins once, after both of its sides', () => {
    const scheduler = createScheduler(
      graph(['top -> left', 'top -> right', 'left -> bottom', 'right -> bottom']),
    );
    expect(complete(scheduler, 'top').ready).toEqual(['left', 'right']);
    expect(complete(scheduler, 'right').ready).toEqual(['left']);
    expect(complete(scheduler, 'left').ready).toEqual(['bottom']);
    expect(complete(scheduler, 'bottom').ready).toEqual([]);
    expect(scheduler.ended()).toBe(true);
  });

  test('branches of a condition meet again: the untaken one does not hold the join up', () => {
    const scheduler = createScheduler(
      graph(['hot.true -> wa', 'wa -> row', 'hot.false -> row', 'row -> score']),
    );
    expect(complete(scheduler, 'hot', 'false')).toEqual({ ready: ['row'], skipped: ['wa'] });
    expect(complete(scheduler, 'row').ready).toEqual(['score']);
  });

  test('a dead path is skipped to its end', () => {
    const scheduler = createScheduler(graph(['c.true -> a', 'a -> b', 'b -> d', 'c.false -> e']));
    expect(complete(scheduler, 'c', 'false')).toEqual({ ready: ['e'], skipped: ['a', 'b', 'd'] });
  });

  test('a failed node goes on through its error output', () => {
    const connections = ['send -> thank', 'send.error -> alarm'];
    const failing = createScheduler(graph(connections));
    expect(complete(failing, 'send', 'error')).toEqual({ ready: ['alarm'], skipped: ['thank'] });
    const working = createScheduler(graph(connections));
    expect(complete(working, 'send')).toEqual({ ready: ['thank'], skipped: ['alarm'] });
  });

  test('both outputs of one node may lead to the same node', () => {
    const scheduler = createScheduler(graph(['c.true -> next', 'c.false -> next']));
    expect(complete(scheduler, 'c', 'false')).toEqual({ ready: ['next'], skipped: [] });
  });

  test('join any runs on the first arrival, and only once', () => {
    const scheduler = createScheduler(
      graph(['start -> fast', 'start -> slow', 'fast -> first', 'slow -> first'], {
        first: 'any',
      }),
    );
    complete(scheduler, 'start');
    scheduler.start('slow');
    expect(complete(scheduler, 'fast').ready).toEqual(['first']);
    expect(complete(scheduler, 'first').ready).toEqual([]);
    expect(scheduler.ended()).toBe(false);
    scheduler.settle('slow', ['success']);
    expect(scheduler.ready()).toEqual([]);
    expect(scheduler.ended()).toBe(true);
  });

  test('join any is skipped when every way to it is dead', () => {
    const scheduler = createScheduler(
      graph(['c.true -> a', 'c.true -> b', 'a -> end', 'b -> end'], { end: 'any' }),
    );
    expect(complete(scheduler, 'c', 'false')).toEqual({ ready: [], skipped: ['a', 'b', 'end'] });
  });

  test('a chain as long as a definition may be ends, also when it is dead', () => {
    const chain = Array.from({ length: 499 }, (_, index) => `n${index} -> n${index + 1}`);
    const scheduler = createScheduler(graph(chain));
    expect(complete(scheduler, 'n0', 'error').skipped).toHaveLength(499);
    expect(scheduler.ended()).toBe(true);
  });

  test('refuses nodes that it does not know, and settling what does not run', () => {
    const scheduler = createScheduler(graph(['a -> b']));
    expect(() => scheduler.start('z')).toThrow('has no node "z"');
    expect(() => scheduler.settle('a', [])).toThrow(`"a" can't settle: it is ready`);
    complete(scheduler, 'a');
    expect(() => scheduler.settle('a', [])).toThrow(`"a" can't settle: it is settled`);
    expect(() =>
      createScheduler({ nodes: [], connections: [{ from: 'x', output: 'o', to: 'y' }] }),
    ).toThrow('has no node "x"');
  });
});
