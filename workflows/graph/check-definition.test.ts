import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkDefinition } from './check-definition.ts';
import { issueSchema } from './definition.ts';
import { fakeCatalog } from './fake-catalog.ts';

const told = (value: unknown) =>
  checkDefinition(value, fakeCatalog).map(({ nodeId, pointer, message }) => [
    nodeId,
    pointer,
    message,
  ]);

test('problems of form and of meaning are told at once', () => {
  expect(
    told({
      workflowId: 'bad id',
      nodes: [
        { id: 'mail', type: 'email', colour: 'red', config: { subject: 'S', to: 5 } },
        { id: 'no spaces', type: 'sheets', config: { range: 'A' }, timeout: 'soon' },
        { id: 'note', type: 'set', config: { values: { a: '{{ nodes.gone.output }}' } } },
      ],
      connections: [{ from: 'mail', to: 'nowhere', weight: 1 }],
      triggers: [{ type: 'event' }],
    }),
  ).toEqual([
    [undefined, '/workflowId', expect.stringMatching(/^"workflowId" must start with a letter/)],
    [undefined, '/name', '"name" is missing; a text is needed.'],
    ['mail', '/nodes/0/colour', '"colour" of "mail" is not known here.'],
    ['no spaces', '/nodes/1/id', expect.stringMatching(/^"id" of "no spaces" must start/)],
    ['no spaces', '/nodes/1/timeout', expect.stringMatching(/^"timeout" of "no spaces" must be/)],
    [undefined, '/connections/0/weight', '"connections.0.weight" is not known here.'],
    [undefined, '/triggers/0/event', '"triggers.0.event" is missing; a text is needed.'],
    [undefined, '/connections/0/to', expect.stringContaining('leads to "nowhere"')],
    ['mail', '/nodes/0/config/to', '"to" of "mail" must be a text or a list.'],
    ['no spaces', '/nodes/1/config', expect.stringContaining('give either values or rows')],
    ['note', '/nodes/2/config/values/a', expect.stringContaining('no node with that id')],
  ]);
});

test('a field that is missing, empty, too long or not one of the choices is told in plain words', () => {
  const configIssues = (type: string, config: object) =>
    checkDefinition(
      { workflowId: 'w', name: 'W', nodes: [{ id: 'n', type, config }] },
      fakeCatalog,
    ).map(({ message }) => message);
  expect(configIssues('email', {})).toEqual([
    '"to" of "n" is missing: it must be a text or a list.',
    '"subject" of "n" is missing; a text is needed.',
  ]);
  expect(configIssues('email', { to: 'x', subject: 'a'.repeat(21), body: '' })).toEqual([
    '"to" of "n" must be an e-mail address.',
    '"subject" of "n" is too long: at most 20 characters.',
    '"body" of "n" is not known here. Correct its name, or remove it.',
  ]);
  expect(configIssues('sheets', { operation: 'export', format: 'xls' })).toEqual([
    '"format" of "n" must be "csv" or "pdf".',
  ]);
  expect(configIssues('sheets', { operation: 'exports' })).toEqual([
    '"sheets" has no operation "exports". Did you mean "export"? It has: append, export.',
  ]);
  expect(configIssues('sheets', { range: 'A', values: [] })).toEqual([
    '"values" of "n" needs at least one entry.',
  ]);
  expect(configIssues('wait', {})).toEqual([
    'The configuration of "n" must have for (a duration), until (a time) or event (a name, with a timeout).',
  ]);
});

test('anything at all is answered, never thrown at, and never in the schema library’s words', () => {
  const node = fc.record(
    {
      id: fc.oneof(fc.constantFrom('a', 'b', ''), fc.jsonValue()),
      type: fc.oneof(
        fc.constantFrom('email', 'sheets', 'code', 'condition', 'forEach', 'wait', 'switch'),
        fc.jsonValue(),
      ),
      config: fc.oneof(
        fc.record({ to: fc.jsonValue(), body: fc.jsonValue(), all: fc.jsonValue() }),
        fc.jsonValue(),
      ),
      timeout: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        workflowId: fc.jsonValue(),
        name: fc.jsonValue(),
        nodes: fc.oneof(fc.array(node), fc.jsonValue()),
        connections: fc.jsonValue(),
        triggers: fc.jsonValue(),
        settings: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(value, (given) => {
      for (const issue of checkDefinition(given, fakeCatalog)) {
        issueSchema.parse(issue);
        expect(issue.message).not.toMatch(/Invalid|received|expected|undefined|Unrecognized/);
        expect(issue.message).toMatch(/[.?]$/);
      }
    }),
    { numRuns: 500 },
  );
});
