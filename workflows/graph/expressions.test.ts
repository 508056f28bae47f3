import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ExpressionError, findReferences, renderValue } from './expressions.ts';
import type { Json } from './json.ts';

const scope = {
  lead: {
    name: 'نور الهدى',
    score: 80,
    vip: false,
    note: null,
    tags: ['gold', 'ذهبي'],
    address: { city: 'دبي' },
    sneaky: '{{ lead.score }}',
    many: Array.from({ length: 100 }, (_, index) => index),
  },
  nodes: { mail: { status: 'succeeded', output: { messageId: 'm-1' } }, 'my-node': { output: 1 } },
  vars: {},
};

function failure(value: Json, pointer?: string): ExpressionError {
  try {
    renderValue(value, scope, pointer);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(value)} was rendered.`);
}

describe('a string that is one whole expression keeps the value’s type', () => {
  test.each<[string, Json]>([
    ['{{ lead.score }}', 80],
    ['  {{lead.score}}\n', 80],
    ['{{- lead.score -}}', 80],
    ['{{ lead.vip }}', false],
    ['{{ lead.note }}', null],
    ['{{ lead.tags }}', ['gold', 'ذهبي']],
    ['{{ lead.address }}', { city: 'دبي' }],
    ['{{ lead.score | plus: 1 }}', 81],
    ['{{ lead.score >= 50 }}', true],
    ['{{ lead.tags[1] }}', 'ذهبي'],
    ['{{ lead["name"] }}', 'نور الهدى'],
    ['{{ nodes.my-node.output }}', 1],
    ['{{ 5 }}', 5],
    ['{{ nil }}', null],
    ['{{ empty }}', ''],
    ['{{ lead.phone | default: nil }}', null],
    ['{{ lead.phone | default: 0 }}', 0],
    ['{{ "}} {{" }}', '}} {{'],
    ["{{ '{{' }}", '{{'],
    ['{{ "{{ lead.score }}" }}', '{{ lead.score }}'],
  ])('%j', (text, expected) => {
    expect(renderValue(text, scope)).toEqual(expected);
  });

  test('the result shares nothing with the scope', () => {
    const rendered = renderValue('{{ lead.address }}', scope);
    expect(rendered).not.toBe(scope.lead.address);
  });
});

describe('any other string is text', () => {
  test.each([
    ['{{ lead.score }} {{ lead.score }}', '80 80'],
    ['{{ lead.score }}{{ lead.score }}', '8080'],
    ['{{ lead.score }}{% comment %}x{% endcomment %}', '80'],
    ['{% # why %}{{ lead.score }}', '80'],
    ['{{ lead.score }}}', '80}'],
    ['{{ "a" }}-{{ "b" }}', 'a-b'],
    ['مرحباً {{lead.name}}، درجتك {{ lead.score }}', 'مرحباً نور الهدى، درجتك 80'],
    ['{% if lead.score > 50 %}ساخن{% else %}بارد{% endif %}', 'ساخن'],
    ['{% for tag in lead.tags %}[{{ tag }}]{% endfor %}', '[gold][ذهبي]'],
    ['{% raw %}{{ lead.name }}{% endraw %}', '{{ lead.name }}'],
    ['no braces', 'no braces'],
    ['{ "json": { "a": 1 } }', '{ "json": { "a": 1 } }'],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(renderValue(text, scope)).toBe(expected);
  });

  test('what a value says is never rendered again', () => {
    expect(renderValue('{{ lead.sneaky }}', scope)).toBe('{{ lead.score }}');
    expect(renderValue('x {{ lead.sneaky }}', scope)).toBe('x {{ lead.score }}');
  });

  test('values without braces come back as they are, wherever they stand', () => {
    fc.assert(
      fc.property(
        fc.jsonValue().filter((value) => !JSON.stringify(value).includes('{{')),
        (value) => {
          const json: Json = JSON.parse(JSON.stringify(value).replaceAll('{%', ''));
          expect(renderValue(json, scope)).toEqual(json);
        },
      ),
    );
  });

  test('a field called __proto__ stays a field', () => {
    const config: Json = JSON.parse('{"__proto__": {"admin": "{{ lead.score }}"}}');
    const rendered = renderValue(config, scope);
    expect(JSON.stringify(rendered)).toBe('{"__proto__":{"admin":80}}');
    expect(Object.getPrototypeOf(rendered)).toBe(Object.prototype);
  });
});

describe('names are strict', () => {
  test.each([
    ['{{ lead.phone }}', 'lead.phone'],
    ['Dear {{ lead.nmae }}', 'lead.nmae'],
    ['{{ lead.phone.mobile }}', 'lead.phone'],
    ['{{ constructor }}', 'constructor'],
    ['{{ lead.constructor }}', 'lead.constructor'],
    ['{{ lead.__proto__ }}', 'lead.__proto__'],
    ['{{ lead.tags.constructor.name }}', 'lead.tags.constructor'],
    ['{{ nodes.mail.output.toString }}', 'nodes.mail.output.toString'],
    ['{{ process.env }}', 'process'],
    ['{% for x in lead.phones %}{{ x }}{% endfor %}', 'lead.phones'],
  ])('%j names %s', (text, name) => {
    const error = failure(text);
    expect(error.code).toBe('unknown_name');
    expect(error.message).toContain(`"${name}" has no value here`);
  });

  test('the pointer says where the unknown name stands', () => {
    const config = { rows: ['fine', { 'a/b~c': 'x {{ lead.phone }}' }] };
    expect(failure(config, '/config').pointer).toBe('/config/rows/1/a~1b~0c');
  });

  test.each<[string, Json]>([
    ['{{ lead.phone | default: "none" }}', 'none'],
    ['{{ lead.phone.mobile.first | default: "none" }}', 'none'],
    ['to {{ lead.phone | default: lead.name }}', 'to نور الهدى'],
    ['{{ lead.score | default: 1 }}', 80],
    ['{% if lead.phone %}call{% else %}write{% endif %}', 'write'],
    ['{% unless lead.phone %}write{% endunless %}', 'write'],
  ])('%j may be missing', (text, expected) => {
    expect(renderValue(text, scope)).toBe(expected);
  });

  test('a default that is missing itself is an error', () => {
    expect(failure('{{ lead.phone | default: lead.fax }}').message).toContain('"lead.fax"');
  });
});

describe('what can’t be read is an error that says why', () => {
  test.each([
    ['{{', 'not closed'],
    ['{{ }}', 'invalid value expression'],
    ['{{{ lead.name }}}', 'invalid value expression'],
    ['{% if lead.name %}', 'not closed'],
    ['{{ lead.name | upcas }}', 'there is no filter "upcas"; did you mean "upcase"?'],
    ['{% include "x" %}', 'tag "include" not found'],
    ['{% render "x" %}', 'tag "render" not found'],
    ['{% layout "x" %}', 'tag "layout" not found'],
    ['{% block x %}{% endblock %}', 'tag "block" not found'],
  ])('%j', (text, reason) => {
    const error = failure(text, '/config/body');
    expect(error).toMatchObject({ code: 'invalid_expression', pointer: '/config/body' });
    expect(error.message).toContain(reason);
    // The same is said before anything runs.
    const { errors } = findReferences(text, '/config/body');
    expect(errors.map(({ message }) => message)).toEqual([error.message]);
  });

  test('long texts are shortened in the message', () => {
    expect(failure(`{{ ${'x'.repeat(500)} | nofilter }}`).message.length).toBeLessThan(200);
  });
});

describe('runaway expressions end', () => {
  const nested = (depth: number, list: string): string =>
    `${`{% for a in ${list} %}`.repeat(depth)}${'{% endfor %}'.repeat(depth)}`;

  test.each([
    ['a range', '{% for i in (1..100000000) %}x{% endfor %}'],
    ['a range as a value', '{{ (1..100000000) }}'],
    ['nested ranges', nested(3, '(1..1000)')],
    ['nested loops over a list', nested(8, 'lead.many')],
    [
      'doubling text',
      '{% assign s = "xxxxxxxx" %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}',
    ],
  ])('%s', (_name, text) => {
    const started = performance.now();
    expect(failure(text).code).toBe('invalid_expression');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('a loop over a long list is none', () => {
    const items = Array.from({ length: 10_000 }, (_, index) => index);
    const text = renderValue('{% for i in vars.items %}{{ i }},{% endfor %}', { vars: { items } });
    expect(text).toBe(`${items.join(',')},`);
  });
});

describe('rendering is pure', () => {
  test.each([
    '{% assign lead = 5 %}{{ lead }}',
    '{% increment lead %}{{ lead }}',
    '{% decrement vars %}',
    '{% capture nodes %}x{% endcapture %}{{ nodes }}',
    '{{ lead.tags | push: "x" | reverse | sort | join: "," }}',
    '{{ lead.many | concat: lead.tags | shift | pop | unshift: 1 | size }}',
  ])('%j leaves the scope alone', (text) => {
    const before = JSON.stringify(scope);
    const first = renderValue(text, scope);
    expect(renderValue(text, scope)).toEqual(first);
    expect(JSON.stringify(scope)).toBe(before);
  });

  test('times are printed in UTC', () => {
    const at = { vars: { at: '2026-03-01T23:30:00+04:00' } };
    expect(renderValue('{{ vars.at | date: "%Y-%m-%d %H:%M" }}', at)).toBe('2026-03-01 19:30');
  });
});

describe('findReferences', () => {
  const paths = (value: Json): string[] =>
    findReferences(value).references.map(({ path }) => path.join('.'));

  test('lists each name with where it stands', () => {
    const config = {
      to: '{{ lead.email }}',
      rows: [['{{ nodes.mail.output.messageId }}', 'x {{ lead.name | append: lead.city }}']],
      plain: 'nodes.none',
      number: 5,
    };
    expect(findReferences(config, '/nodes/0/config')).toEqual({
      references: [
        { pointer: '/nodes/0/config/to', path: ['lead', 'email'], optional: false },
        {
          pointer: '/nodes/0/config/rows/0/0',
          path: ['nodes', 'mail', 'output', 'messageId'],
          optional: false,
        },
        { pointer: '/nodes/0/config/rows/0/1', path: ['lead', 'name'], optional: false },
        { pointer: '/nodes/0/config/rows/0/1', path: ['lead', 'city'], optional: false },
      ],
      errors: [],
    });
  });

  test('names that the text itself makes are no references', () => {
    expect(paths('{% assign x = lead.a %}{{ x }}')).toEqual(['lead.a']);
    expect(paths('{% for t in lead.tags %}{{ t }}{{ forloop.index }}{% endfor %}')).toEqual([
      'lead.tags',
    ]);
    expect(paths('{% raw %}{{ lead.a }}{% endraw %}{% comment %}{{ x }}{% endcomment %}')).toEqual(
      [],
    );
  });

  test('finds names in conditions, brackets and arguments', () => {
    expect(paths('{% if lead.a == lead.b %}{% elsif vars.c %}{% endif %}')).toEqual([
      'lead.a',
      'lead.b',
      'vars.c',
    ]);
    expect(paths('{{ nodes["mail"].output }}')).toEqual(['nodes.mail.output']);
  });

  test('a path ends where only the run can tell how it goes on', () => {
    expect(paths('{{ nodes[lead.which].output }}')).toEqual(['nodes', 'lead.which']);
  });

  test('marks what may be missing', () => {
    const [reference] = findReferences('{{ lead.phone | default: "" }}').references;
    expect(reference).toMatchObject({ path: ['lead', 'phone'], optional: true });
  });

  test('never throws, and finds an error wherever rendering finds one of syntax', () => {
    const pieces = [
      '{{',
      '}}',
      '{%',
      '%}',
      ' lead.a ',
      '|',
      ' upcas',
      'if ',
      'endif',
      '"',
      '[',
      '.',
    ];
    const texts = fc
      .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(texts, (text) => {
        const { errors } = findReferences({ text });
        for (const error of errors) {
          expect(error.pointer).toBe('/text');
          expect(() => renderValue(text, scope)).toThrow(ExpressionError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('below nothing', () => {
  const scope = { lead: null, nodes: { row: { status: 'succeeded', output: null, error: null } } };

  test.each([
    ['Hi {{ lead.name }}!', 'lead.name'],
    ['{{ lead.name }}', 'lead.name'],
    ['{{ nodes.row.output.id }}', 'nodes.row.output.id'],
    ['{% for tag in lead.tags %}{{ tag }}{% endfor %}', 'lead.tags'],
  ])('%s is an unknown name, not an empty text', (text, name) => {
    expect(() => renderValue(text, scope)).toThrow(`"${name}" has no value here`);
  });

  test('a default, an if and the null itself are no error', () => {
    expect(renderValue('{{ lead.name | default: "you" }}', scope)).toBe('you');
    expect(renderValue('{% if lead.name %}x{% endif %}y', scope)).toBe('y');
    expect(renderValue('{{ nodes.row.output }}', scope)).toBeNull();
  });
});
