/** Validation of what stands beside a flat graph: bodies of forEach, and nodes that take effects back. */
import { describe, expect, test } from '@jest/globals';
import { type DefinitionInput, definitionSchema } from './definition.ts';
import { fakeCatalog } from './fake-catalog.ts';
import { MAX_NODES, validateDefinition } from './validate.ts';

type NodeInput = DefinitionInput['nodes'][number];
type Connections = NonNullable<DefinitionInput['connections']>;

function found(nodes: readonly NodeInput[], connections: Connections = []): string[] {
  const definition = definitionSchema.parse({ workflowId: 'w', name: 'W', nodes, connections });
  return validateDefinition(definition, fakeCatalog).map(
    ({ code, pointer, nodeId }) => `${code} ${pointer} ${nodeId ?? '-'}`,
  );
}

const note = (id: string, value: unknown = 1): NodeInput => ({
  id,
  type: 'set',
  config: { values: { value } },
});
const each = (id: string, nodes: readonly unknown[], connections: Connections = []): NodeInput => ({
  id,
  type: 'forEach',
  config: { items: '{{ input.list }}', body: { nodes, connections } },
});

describe('the body of a forEach', () => {
  test('may be nested, use item and index, and nodes before it on every level', () => {
    const inner = each('inner', [
      note('deep', '{{ item }}{{ index }}{{ nodes.first.output }}{{ nodes.step.output }}'),
    ]);
    const outer = each(
      'outer',
      [note('step', '{{ item.name }}'), inner],
      [{ from: 'step', to: 'inner' }],
    );
    expect(found([note('first'), outer], [{ from: 'first', to: 'outer' }])).toEqual([]);
  });

  test('has its problems told with pointers through all levels', () => {
    const inner = each(
      'inner',
      [
        { id: 'fax', type: 'fax' },
        { id: 'm', type: 'email', config: { to: 'x', subject: 's' } },
      ],
      [{ from: 'm', output: 'sent', to: 'gone' }],
    );
    const outer = each('outer', [note('a'), inner]);
    const at = '/nodes/1/config/body/nodes/1/config/body';
    expect(found([note('first'), outer])).toEqual([
      `dangling_connection ${at}/connections/0/to -`,
      `unknown_output ${at}/connections/0/output m`,
      `unknown_node_type ${at}/nodes/0/type fax`,
      `invalid_config ${at}/nodes/1/config/to m`,
    ]);
  });

  test('may not go round in a circle', () => {
    const circle = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
    ];
    expect(found([each('e', [note('a'), note('b')], circle)])).toEqual([
      'cycle /nodes/0/config/body/connections a',
    ]);
  });

  test('must have a node, and nodes of the right form', () => {
    expect(found([each('e', [])])).toEqual(['no_nodes /nodes/0/config/body/nodes e']);
    expect(found([each('e', [{ id: 'a b', type: 'set' }])])).toEqual([
      'invalid_config /nodes/0/config/body/nodes/0/id e',
    ]);
  });

  test('may not use an id of another level', () => {
    expect(found([note('a'), each('e', [note('a')])])).toEqual([
      'duplicate_node_id /nodes/1/config/body/nodes/0/id a',
    ]);
    expect(found([each('e', [note('a')]), each('f', [note('a')])])).toEqual([
      'duplicate_node_id /nodes/1/config/body/nodes/0/id a',
    ]);
  });

  test('isn’t seen from outside, nor are nodes after the forEach from inside', () => {
    const nodes = [
      each('e', [note('a', '{{ nodes.after.output }}')]),
      note('after', '{{ nodes.a }}'),
    ];
    expect(found(nodes, [{ from: 'e', to: 'after' }])).toEqual([
      'reference_not_upstream /nodes/1/config/values/value after',
      'reference_not_upstream /nodes/0/config/body/nodes/0/config/values/value a',
    ]);
  });

  test('counts towards the limit of nodes', () => {
    const body = Array.from({ length: MAX_NODES }, (_, index) => note(`n${index}`));
    expect(found([each('e', body)])).toEqual(['too_many_nodes /nodes -']);
  });
});

test('item and index have no value outside of a forEach, not even in its items', () => {
  expect(found([note('a', '{{ item }} {{ index }}')])).toEqual([
    'unknown_reference /nodes/0/config/values/value a',
    'unknown_reference /nodes/0/config/values/value a',
  ]);
  const looped = each('e', [note('a')]);
  expect(found([{ ...looped, config: { ...looped.config, items: '{{ item.list }}' } }])).toEqual([
    'unknown_reference /nodes/0/config/items e',
  ]);
});

describe('a node that takes another one’s effect back', () => {
  test('stands beside it without connections and sees what it saw, and its result', () => {
    const back = note('back', '{{ nodes.a.output }} {{ nodes.first.output }}');
    const connections = [{ from: 'first', to: 'a' }];
    expect(found([note('first'), { ...note('a'), undo: 'back' }, back], connections)).toEqual([]);
    expect(
      found([each('e', [{ ...note('a'), undo: 'back' }, note('back', '{{ item }}')])]),
    ).toEqual([]);
  });

  test('must be there, on the same level, and be another node', () => {
    expect(found([{ ...note('a'), undo: 'gone' }])).toEqual(['unknown_undo /nodes/0/undo a']);
    expect(found([{ ...note('a'), undo: 'a' }])).toEqual(['unknown_undo /nodes/0/undo a']);
    expect(found([note('out'), each('e', [{ ...note('a'), undo: 'out' }])])).toEqual([
      'unknown_undo /nodes/1/config/body/nodes/0/undo a',
    ]);
  });

  test('belongs to one node', () => {
    const nodes = [{ ...note('a'), undo: 'back' }, { ...note('b'), undo: 'back' }, note('back')];
    expect(found(nodes)).toEqual(['shared_undo /nodes/1/undo b']);
  });

  test('has no connections', () => {
    const nodes = [{ ...note('a'), undo: 'back' }, note('back')];
    expect(found(nodes, [{ from: 'a', to: 'back' }])).toEqual(['connected_undo /nodes/0/undo a']);
  });
});
