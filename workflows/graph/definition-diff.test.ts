import { expect, test } from '@jest/globals';
import { type DefinitionInput, definitionSchema } from './definition.ts';
import { diffDefinitions } from './definition-diff.ts';

const base: DefinitionInput = {
  workflowId: 'w',
  name: 'Welcome',
  nodes: [
    { id: 'mail', type: 'email', name: 'Mail', config: { subject: 'A', to: ['x', 'y'] } },
    { id: 'old', type: 'code', config: { code: 'return 1' } },
    {
      id: 'loop',
      type: 'forEach',
      config: { items: '{{x}}', body: { nodes: [{ id: 'in', type: 'set' }] } },
    },
  ],
  connections: [{ from: 'mail', to: 'old' }],
  triggers: [{ type: 'event', event: 'lead.created' }],
  settings: { timeout: '1d' },
};
const diff = (changed: Partial<DefinitionInput>) =>
  diffDefinitions(definitionSchema.parse(base), definitionSchema.parse({ ...base, ...changed }));

test('a definition is identical to itself, whatever the order of its keys', () => {
  const nodes = base.nodes.map((node) =>
    Object.fromEntries(Object.entries(node).reverse()),
  ) as DefinitionInput['nodes'];
  expect(diff({ nodes })).toEqual({
    identical: true,
    about: [],
    nodes: [],
    connections: [],
    triggers: [],
    settings: [],
  });
});

test('nodes are told one by one, with what changed in them', () => {
  const { identical, nodes } = diff({
    nodes: [
      {
        id: 'mail',
        type: 'email',
        name: 'Mail',
        config: { subject: 'B', to: ['x', 'z'], cc: 'c' },
      },
      {
        id: 'loop',
        type: 'forEach',
        config: {
          items: '{{x}}',
          body: { nodes: [{ id: 'in', type: 'set', position: { x: 1, y: 2 } }] },
        },
      },
      { id: 'new', type: 'fail', config: { message: 'm' } },
    ],
  });
  expect(identical).toBe(false);
  expect(nodes).toEqual([
    expect.objectContaining({
      nodeId: 'old',
      change: 'removed',
      summary: '“old” (code) was removed.',
    }),
    {
      nodeId: 'mail',
      change: 'changed',
      type: 'email',
      inside: null,
      cosmetic: false,
      fields: [
        {
          pointer: '/config/subject',
          change: 'changed',
          before: 'A',
          after: 'B',
          summary: 'subject changed from “A” to “B”',
        },
        {
          pointer: '/config/to/1',
          change: 'changed',
          before: 'y',
          after: 'z',
          summary: 'to.1 changed from “y” to “z”',
        },
        { pointer: '/config/cc', change: 'added', after: 'c', summary: 'cc was set to “c”' },
      ],
      summary:
        '“Mail” (mail): subject changed from “A” to “B”; to.1 changed from “y” to “z”; cc was set to “c”.',
    },
    expect.objectContaining({ nodeId: 'new', change: 'added', summary: '“new” (fail) was added.' }),
    expect.objectContaining({ nodeId: 'in', inside: 'loop', cosmetic: true }),
  ]);
});

test('connections, triggers, settings and the name', () => {
  const result = diff({
    name: 'Hello',
    connections: [{ from: 'mail', output: 'error', to: 'old' }],
    triggers: [{ type: 'event', event: 'lead.updated' }, { type: 'manual' }],
    settings: { concurrency: { key: 'k', limit: 2 } },
  });
  expect(result.about.map(({ summary }) => summary)).toEqual([
    'name changed from “Welcome” to “Hello”',
  ]);
  expect(result.connections.map(({ summary }) => summary)).toEqual([
    'The connection from “mail” to “old” was removed.',
    'The connection from “mail” by “error” to “old” was added.',
  ]);
  expect(result.triggers.map(({ summary }) => summary)).toEqual([
    'The event trigger (event “lead.created”) was removed.',
    'The event trigger (event “lead.updated”) was added.',
    'The manual trigger was added.',
  ]);
  expect(result.settings.map(({ pointer, change }) => [pointer, change])).toEqual([
    ['/timeout', 'removed'],
    ['/concurrency', 'added'],
  ]);
});
