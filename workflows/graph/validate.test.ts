import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CONDITION_OPERATORS } from './conditions.ts';
import {
  type Definition,
  type DefinitionInput,
  definitionSchema,
  type Issue,
  issueSchema,
} from './definition.ts';
import { fakeCatalog } from './fake-catalog.ts';
import { MAX_NODES, resolveType, validateDefinition } from './validate.ts';

type NodeInput = DefinitionInput['nodes'][number];

const mail: NodeInput = {
  id: 'mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'مرحباً {{ lead.name }}' },
};
const hot: NodeInput = {
  id: 'hot',
  type: 'condition',
  config: { left: '{{ lead.score }}', operator: 'gte', right: 50 },
};

function issuesOf(
  nodes: readonly NodeInput[],
  connections: DefinitionInput['connections'] = [],
): Issue[] {
  const definition = definitionSchema.parse({ workflowId: 'w', name: 'W', nodes, connections });
  return validateDefinition(definition, fakeCatalog);
}

/** What a test says of an issue: its code, where it is, whose it is, and words of its message. */
function brief(issue: Issue): string {
  return `${issue.code} ${issue.pointer} ${issue.nodeId ?? '-'}`;
}

describe('a definition without problems', () => {
  test('has no issues', () => {
    const nodes: NodeInput[] = [
      mail,
      hot,
      { id: 'note', type: 'set', config: { values: { id: '{{ nodes.mail.output.messageId }}' } } },
      {
        id: 'row',
        type: 'sheets',
        config: {
          operation: 'append',
          range: 'Leads!A:B',
          values: [
            '{{ lead.name }}',
            '{{ vars.id | default: "" }}',
            '{{ nodes.hot.output.result }}',
          ],
        },
      },
      { id: 'score', type: 'code', config: { code: 'return `{{ not.a.template }} {% if`' } },
    ];
    const connections = [
      { from: 'mail', to: 'hot' },
      { from: 'hot', output: 'true', to: 'note' },
      { from: 'note', to: 'row' },
      { from: 'hot', output: 'false', to: 'row' },
      { from: 'row', output: 'success', to: 'score' },
      { from: 'row', output: 'error', to: 'score' },
    ];
    expect(issuesOf(nodes, connections)).toEqual([]);
  });
});

describe('each problem is told with its place and its node', () => {
  const cases: readonly [
    expected: string,
    words: string,
    nodes: readonly NodeInput[],
    connections?: DefinitionInput['connections'],
  ][] = [
    ['no_nodes /nodes -', 'no steps yet', []],
    [
      'too_many_nodes /nodes -',
      '500 is the limit',
      Array.from({ length: MAX_NODES + 1 }, (_, index) => ({ ...mail, id: `n${index}` })),
    ],
    [
      'too_many_connections /connections -',
      '2000 is the limit',
      [mail, hot],
      Array.from({ length: 2_001 }, () => ({ from: 'mail', to: 'hot' })),
    ],
    ['duplicate_node_id /nodes/1/id mail', 'numbers 1 and 2', [mail, mail]],
    [
      'dangling_connection /connections/0/from -',
      'starts at "nobody"',
      [mail],
      [{ from: 'nobody', to: 'mail' }],
    ],
    [
      'dangling_connection /connections/0/to -',
      'leads to "nobody"',
      [mail],
      [{ from: 'mail', to: 'nobody' }],
    ],
    [
      'duplicate_connection /connections/1 mail',
      'twice in the same way',
      [mail, hot],
      [
        { from: 'mail', to: 'hot' },
        { from: 'mail', output: 'success', to: 'hot' },
      ],
    ],
    [
      'missing_output /connections/0 hot',
      'true or false',
      [hot, mail],
      [{ from: 'hot', to: 'mail' }],
    ],
    [
      'unknown_output /connections/0/output mail',
      'It has: success, error',
      [mail, hot],
      [{ from: 'mail', output: 'true', to: 'hot' }],
    ],
    [
      'unknown_output /connections/0/output hot',
      'It has: true, false',
      [hot, mail],
      [{ from: 'hot', output: 'error', to: 'mail' }],
    ],
    [
      'cycle /connections mail',
      'mail → hot → mail',
      [mail, hot],
      [
        { from: 'mail', to: 'hot' },
        { from: 'hot', output: 'true', to: 'mail' },
      ],
    ],
    ['unknown_node_type /nodes/0/type mail', 'Did you mean "email"?', [{ ...mail, type: 'gmail' }]],
    [
      'dangling_connection /connections/0/to -',
      'Did you mean "mail"?',
      [mail, hot],
      [{ from: 'hot', output: 'true', to: 'mial' }],
    ],
    [
      'unknown_reference /nodes/1/config/values/a note',
      'Did you mean "nodes.mail.output.messageId"?',
      [mail, { id: 'note', type: 'set', config: { values: { a: '{{ mail.messageId }}' } } }],
      [{ from: 'mail', to: 'note' }],
    ],
    [
      'unreachable_node /nodes/1 mail',
      '"mail" never runs',
      [{ ...hot, disabled: true }, mail],
      [{ from: 'hot', output: 'false', to: 'mail' }],
    ],
    [
      'error_output_unused /nodes/0/onError mail',
      'nothing is connected',
      [{ ...mail, onError: 'error' }],
    ],
    [
      'error_output_unreachable /nodes/0/onError mail',
      'never taken',
      [{ ...mail, onError: 'continue' }, hot],
      [{ from: 'mail', output: 'error', to: 'hot' }],
    ],
    [
      'unknown_node_type /nodes/0/type fax',
      'condition, switch, set, forEach, wait, approval, subworkflow, respond, fail, email, sheets, code',
      [{ id: 'fax', type: 'fax' }],
    ],
    [
      'unknown_operation /nodes/0/config/operation row',
      'It has: append, export',
      [{ id: 'row', type: 'sheets', config: { operation: 'erase' } }],
    ],
    [
      'invalid_config /nodes/0/config/subject mail',
      '"subject" of "mail"',
      [{ ...mail, config: { to: '{{ lead.email }}' } }],
    ],
    [
      'invalid_expression /nodes/0/config/subject mail',
      'there is no filter "upcas"; did you mean "upcase"?',
      [{ ...mail, config: { to: 'a@example.com', subject: '{{ lead.name | upcas }}' } }],
    ],
    [
      'unknown_reference /nodes/0/config/subject mail',
      '"customer.name" in "mail" refers to nothing. Names start with lead, input',
      [{ ...mail, config: { to: 'a@example.com', subject: '{{ customer.name }}' } }],
    ],
    [
      'unknown_reference /nodes/0/config/subject mail',
      'only inside a forEach',
      [{ ...mail, config: { to: 'a@example.com', subject: '{{ item.name }}' } }],
    ],
    [
      'unknown_reference /nodes/0/config/subject mail',
      'no node with that id',
      [{ ...mail, config: { to: 'a@example.com', subject: '{{ nodes.mial.output }}' } }],
    ],
    [
      'unknown_reference /nodes/1/config/values/a~1b/0 note',
      'Write nodes.mail.output.messageId',
      [
        mail,
        { id: 'note', type: 'set', config: { values: { 'a/b': ['{{ nodes.mail.messageId }}'] } } },
      ],
      [{ from: 'mail', to: 'note' }],
    ],
    [
      'reference_to_itself /nodes/0/config/subject mail',
      'its own result',
      [{ ...mail, config: { to: 'a@example.com', subject: '{{ nodes.mail.output }}' } }],
    ],
    [
      'reference_not_upstream /nodes/0/config/left early',
      'doesn’t run before it',
      [
        {
          id: 'early',
          type: 'condition',
          config: { left: '{{ nodes.mail.status }}', operator: 'exists' },
        },
        mail,
      ],
      [{ from: 'early', output: 'true', to: 'mail' }],
    ],
  ];

  test.each(cases)('%s', (...[expected, words, nodes, connections]) => {
    const found = issuesOf(nodes, connections);
    expect(found.map(brief)).toEqual([expected]);
    expect(found[0]?.message).toContain(words);
    const warning = /^(?:error_output|unreachable)/.test(expected);
    expect(found[0]?.severity).toBe(warning ? 'warning' : 'error');
  });

  test('several problems are told at once', () => {
    const nodes: NodeInput[] = [
      { ...mail, config: { to: 'nobody', subjct: '{{ lead.name' } },
      { id: 'fax', type: 'fax' },
      { ...hot, config: { left: '{{ nodes.fax.output }}', operator: '≥', right: 5 } },
    ];
    const connections = [
      { from: 'hot', to: 'mail' },
      { from: 'fax', output: 'anything', to: 'gone' },
    ];
    expect(issuesOf(nodes, connections).map(brief)).toEqual([
      'missing_output /connections/0 hot',
      'dangling_connection /connections/1/to -',
      'invalid_config /nodes/0/config/to mail',
      'invalid_config /nodes/0/config/subject mail',
      'invalid_config /nodes/0/config/subjct mail',
      'invalid_expression /nodes/0/config/subjct mail',
      'unknown_node_type /nodes/1/type fax',
      'invalid_config /nodes/2/config/operator hot',
      'reference_not_upstream /nodes/2/config/left hot',
    ]);
  });
});

describe('values that an expression will fill in', () => {
  const configIssues = (type: string, config: Record<string, unknown>): string[] =>
    issuesOf([{ id: 'x', type, config }])
      .filter(({ code }) => code === 'invalid_config')
      .map(({ pointer }) => pointer);

  test.each<[string, Record<string, unknown>]>([
    ['email', { to: '{{ lead.email }}', subject: '{{ lead.a }} {{ lead.b }} {{ lead.c }}' }],
    ['email', { to: ['{{ lead.email }}'], subject: 's' }],
    ['email', { to: '{{ lead.emails }}', subject: 's' }],
    ['sheets', { range: 'A', values: '{{ lead.tags }}' }],
    ['sheets', { range: 'A', rows: '{{ lead.rows }}', limit: '{{ lead.score }}' }],
    ['condition', { left: '{{ lead.a }}', operator: '{{ lead.operator }}', right: 1 }],
  ])('are left to the run: %s %j', (type, config) => {
    expect(configIssues(type, config)).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['email', { to: '{{ lead.email }}', subject: 's', subjct: 's' }, '/subjct'],
    ['email', { to: '{{ lead.email }}' }, '/subject'],
    ['email', { to: { address: '{{ lead.email }}' }, subject: 's' }, '/to'],
    ['email', { to: '{{ lead.email }}', subject: { text: '{{ lead.name }}' } }, '/subject'],
    ['sheets', { range: '{{ lead.range }}', values: [] }, '/values'],
    ['condition', { left: '{{ lead.a }}', operatr: 'eq', right: 1 }, ''],
    ['condition', { left: '{{ lead.a }}', operator: 'is', right: 1 }, '/operator'],
    ['condition', { all: [{ left: '{{ lead.a }}', right: 1 }] }, '/all/0/operator'],
    ['set', { values: { a: '{{ lead.a }}' }, also: '{{ lead.b }}' }, '/also'],
  ])('hide no other problem: %s %j', (type, config, pointer) => {
    expect(configIssues(type, config)).toEqual([`/nodes/0/config${pointer}`]);
  });

  test('a problem that their value may solve is left to the run', () => {
    expect(configIssues('sheets', { range: '{{ lead.range }}' })).toEqual([]);
    expect(configIssues('sheets', { range: 'A' })).toEqual(['/nodes/0/config']);
  });
});

test('resolveType takes the first operation where none is named', () => {
  const resolved = resolveType({ type: 'sheets', config: {} }, fakeCatalog);
  expect(resolved).toMatchObject({ kind: 'operation', operation: { name: 'append' } });
  expect(resolveType({ type: 'constructor', config: {} }, fakeCatalog)).toEqual({
    kind: 'unknown',
    what: 'type',
  });
});

describe('the shape of a definition', () => {
  const parse = (node: Record<string, unknown>) =>
    definitionSchema.safeParse({ workflowId: 'w', name: 'W', nodes: [{ ...mail, ...node }] });
  const nested = (depth: number): unknown => {
    let value: unknown = 'end';
    for (let level = 0; level < depth; level += 1) value = [value];
    return value;
  };

  test('configs may be nested, but not without end', () => {
    expect(parse({ config: { value: nested(60) } }).success).toBe(true);
    const result = parse({ config: { value: nested(100_000) } });
    expect(result.error?.issues).toMatchObject([
      { path: ['nodes', 0, 'config'], message: 'must not be nested more than 64 levels deep' },
    ]);
  });

  test('a time limit of nothing is refused, a first retry at once is not', () => {
    expect(parse({ timeout: '0s' }).error?.issues).toMatchObject([
      { path: ['nodes', 0, 'timeout'], message: 'must be longer than 0' },
    ]);
    expect(parse({ timeout: 'soon' }).error?.issues).toHaveLength(1);
    expect(parse({ retry: { initialInterval: '0s' } }).success).toBe(true);
  });
});

test('never throws, whatever definition the schema lets through', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      '{{ lead.a }}',
      '{{ nodes.a.output }}',
      '{{',
      '{% if x %}',
      '{{ nodes }}',
      '{{ nodes[lead.a].b }}',
    ),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.constantFrom(null, true, 0, -1.5),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(
        fc.oneof(
          fc.constantFrom('left', 'operator', 'right', 'all', 'any', 'values', 'to', '__proto__'),
          text,
        ),
        tie('any'),
        { maxKeys: 4 },
      ),
    ),
  })).any;
  const id = fc.constantFrom('a', 'b', 'c', 'constructor', 'size');
  const config = fc.dictionary(
    fc.constantFrom(
      'operation',
      'left',
      'operator',
      'right',
      'all',
      'any',
      'values',
      'to',
      'subject',
      'rows',
      '',
    ),
    fc.oneof(value, fc.constantFrom('send', 'append', ...CONDITION_OPERATORS)),
  );
  const definitions = fc.record(
    {
      workflowId: fc.constant('w'),
      name: fc.constant('W'),
      nodes: fc.array(
        fc.record(
          {
            id,
            type: fc.constantFrom('condition', 'set', 'email', 'sheets', 'code', 'toString', 'fax'),
            config,
            onError: fc.constantFrom('fail', 'continue', 'error'),
            join: fc.constantFrom('all', 'any'),
          },
          { requiredKeys: ['id', 'type'] },
        ),
        { maxLength: 6 },
      ),
      connections: fc.array(
        fc.record(
          { from: id, output: fc.constantFrom('true', 'success', 'error', 'x'), to: id },
          { requiredKeys: ['from', 'to'] },
        ),
        { maxLength: 8 },
      ),
    },
    { requiredKeys: ['workflowId', 'name', 'nodes'] },
  );
  fc.assert(
    fc.property(definitions, (given) => {
      const definition: Definition = definitionSchema.parse(given);
      const before = JSON.stringify(definition);
      const issues = validateDefinition(definition, fakeCatalog);
      const wrong = issues.filter(
        (issue) => !issueSchema.safeParse(issue).success || !resolvesIn(definition, issue.pointer),
      );
      expect(wrong).toEqual([]);
      expect(JSON.stringify(definition)).toBe(before);
    }),
    { numRuns: 500 },
  );
});

/** True if all but the last step of the pointer leads somewhere: the last may name what is missing. */
function resolvesIn(root: unknown, pointer: string): boolean {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let value: unknown = root;
  for (const step of steps.slice(0, -1)) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return false;
    value = Reflect.get(value, step);
  }
  return true;
}
