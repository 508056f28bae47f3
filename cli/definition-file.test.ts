import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseDefinition, readDefinitionFile, readValue } from './definition-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'masar-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('JSON and YAML are told apart by what is in them', () => {
  expect(parseDefinition('a.txt', ' {"name":"نور"}')).toMatchObject({
    format: 'json',
    value: { name: 'نور' },
  });
  expect(parseDefinition('a.txt', 'name: نور\nnodes: []')).toMatchObject({
    format: 'yaml',
    value: { name: 'نور', nodes: [] },
  });
  expect(parseDefinition('a.yaml', '{ name: flow }').value).toEqual({ name: 'flow' });
});

test('what is broken is told with its place', () => {
  expect(() => parseDefinition('a.json', '{"name": }')).toThrow(
    'a.json is not valid JSON: something is wrong in line 1, column 10.',
  );
  expect(() => parseDefinition('-', 'a: [1\nb: 2')).toThrow(/Standard input .*line 2/);
});

test('a file that is not there, or is a folder, is told in a sentence', () => {
  expect(() => readDefinitionFile(join(folder, 'none.json'))).toThrow('There is no file');
  expect(() => readDefinitionFile(folder)).toThrow('is a folder');
});

test('an alias that would grow without end is refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e']
    .map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcd'[at]}`).join(',')}]`)
    .join('\n')}`;
  expect(() => parseDefinition('bomb.yaml', bomb)).toThrow('alias');
});

test('a value is JSON, or a file after @', () => {
  expect(readValue('--lead', '{"score":1}')).toEqual({ score: 1 });
  writeFileSync(join(folder, 'lead.yaml'), 'score: 2\n');
  expect(readValue('--lead', `@${join(folder, 'lead.yaml')}`)).toEqual({ score: 2 });
  expect(() => readValue('--lead', 'score=1')).toThrow('--lead must be JSON');
});
