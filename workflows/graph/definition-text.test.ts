import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { definitionSchema } from './definition.ts';
import { readYaml, TEXT_FORMATS, writeDefinition } from './definition-text.ts';

const WELCOME = definitionSchema.parse({
  workflowId: 'welcome',
  name: 'ترحيب: "yes"',
  nodes: [
    {
      config: { to: '{{lead.email}}', subject: 'no', body: 'Two\nlines' },
      type: 'email',
      id: 'mail',
      credential: 'smtp-main',
    },
    {
      id: 'loop',
      type: 'forEach',
      config: {
        items: '{{lead.list}}',
        body: { nodes: [{ config: { b: 1, a: 2 }, type: 'set', id: 'inner' }] },
      },
    },
  ],
  triggers: [{ timezone: 'Asia/Dubai', cron: '0 9 * * 1-5', type: 'schedule' }],
});

describe('writing', () => {
  test('keys stand in the order in which people write them, also inside a forEach', () => {
    const text = writeDefinition(WELCOME, 'yaml');
    expect(text).toBe(`workflowId: welcome
name: 'ترحيب: "yes"'
nodes:
  - id: mail
    type: email
    config:
      body: |-
        Two
        lines
      subject: "no"
      to: "{{lead.email}}"
    credential: smtp-main
  - id: loop
    type: forEach
    config:
      body:
        nodes:
          - id: inner
            type: set
            config:
              a: 2
              b: 1
      items: "{{lead.list}}"
connections: []
triggers:
  - type: schedule
    cron: 0 9 * * 1-5
    timezone: Asia/Dubai
settings: {}
`);
  });

  test.each(TEXT_FORMATS)('what was written as %s is read as it was', (format) => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        (config, name) => {
          const definition = definitionSchema.parse(
            JSON.parse(
              JSON.stringify({
                workflowId: 'w',
                name,
                nodes: [
                  { id: 'a', type: 'set', config: { values: config } },
                  { id: 'b', type: 'forEach', config: { body: config, ...config } },
                ],
              }),
            ),
          );
          const text = writeDefinition(definition, format);
          const reading = readYaml(text);
          if (!('value' in reading)) throw new Error(JSON.stringify(reading.problems));
          expect(reading.value).toEqual(definition);
          expect(writeDefinition(definitionSchema.parse(reading.value), format)).toBe(text);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('reading', () => {
  const problemsOf = (text: string) => {
    const reading = readYaml(text);
    if ('value' in reading) throw new Error('It was read.');
    return reading.problems;
  };

  test('every syntax error has its line', () => {
    expect(problemsOf('name: a\nname: b\n')).toEqual([
      expect.objectContaining({ line: 2, message: expect.stringContaining('twice') }),
    ]);
    expect(problemsOf('a: 1\nb: [1, 2\nc: 3\n')[0]?.line).toBeGreaterThanOrEqual(2);
    expect(problemsOf('a:\n\tb: 1')[0]).toMatchObject({ line: 2 });
    expect(problemsOf('a: 1\n---\nb: 2')[0]?.message).toContain('several documents');
  });

  test('what would exhaust memory, run something or is no JSON is refused', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh']) {
      bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(',')}]`);
    }
    expect(problemsOf(bomb.join('\n'))[0]?.message).toContain('aliases');
    expect(problemsOf('a: !!js/function "x"')[0]?.message).toContain('Tags');
    expect(problemsOf('a: .inf')[0]?.message).toContain('infinite');
    expect(problemsOf(`a: ${'['.repeat(2_000)}${']'.repeat(2_000)}`)[0]?.message).toContain(
      'nested',
    );
  });

  test('the place of a value is told, or of what holds it', () => {
    const reading = readYaml('nodes:\n  - id: a\n    type: 5\n');
    if (!('value' in reading)) throw new Error('It was not read.');
    expect(reading.placeOf(['nodes', '0', 'type'])).toEqual({ line: 3, column: 11 });
    expect(reading.placeOf(['nodes', '0', 'config'])).toEqual({ line: 2, column: 5 });
    expect(reading.placeOf(['name'])).toBeUndefined();
  });

  test('a key called __proto__ is a key', () => {
    const reading = readYaml('__proto__: { polluted: 1 }');
    if (!('value' in reading)) throw new Error('It was not read.');
    expect(Object.keys(reading.value as object)).toEqual(['__proto__']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
