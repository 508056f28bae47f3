import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { CONNECTOR_ERROR_CODES } from '../connectors/errors.ts';
import { ENGINE_ERRORS, ISSUE_CODES } from './error-docs.ts';

/** Texts of the sources in a folder whose names fit, without their tests. */
function sources(folder: string, name: RegExp): string {
  const url = new URL(`../${folder}/`, import.meta.url);
  return readdirSync(url)
    .filter((file) => name.test(file) && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, url), 'utf8'))
    .join('\n');
}

const found = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, code = '']) => code))].sort();

test('every code that validation reports is documented, and no other', () => {
  const reported = found(
    sources('workflows/graph', /^validate/),
    /(?:report|add|problem)\(\s*(?:[a-zA-Z.]+,\s*)?'([a-z_]+)'/g,
  );
  expect(reported.length).toBeGreaterThan(20);
  expect(reported.filter((code) => ISSUE_CODES[code] === undefined)).toEqual([]);
});

test('every code that the engine ends nodes and executions with is documented', () => {
  const used = [
    ...found(sources('workflows', /\.ts$/), /\bcode: '([a-z_]+)'/g),
    ...found(sources('workflows', /\.ts$/), /refuse\(\s*node,\s*'([a-z_]+)'/g),
    ...found(sources('workers', /^subworkflow/), /failed\(\s*'([a-z_]+)'/g),
    ...found(sources('activities', /\.ts$/), /\bcode: '([a-z_]+)'/g),
  ];
  expect(used.length).toBeGreaterThan(8);
  const known: readonly string[] = [...Object.keys(ENGINE_ERRORS), ...CONNECTOR_ERROR_CODES];
  expect(used.filter((code) => !known.includes(code))).toEqual([]);
});
