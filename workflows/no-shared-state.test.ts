/**
 * All executions of a process share the evaluated modules (workers/workflow-bundle.ts), so a module
 * that remembered something would let one execution see another's, and a replay differ.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** At the margin, which is where a module's own values stand: biome formats every file. */
const STATE = [
  /^(?:export )?(?:let|var)\b/,
  /^(?:export )?const [^=]*= (?:new (?:Map|Set|WeakMap|WeakSet|Array)\b|\[\];|\{\};)/,
  /^(?:export )?class .*\bstatic\b/,
];

/** Tables, and what is kept as a function of its key alone, so that no result depends on it. */
const HARMLESS = [
  'graph/expression-engine.ts: const kept = new Map<string, ParsedText>();',
  'graph/expression-engine.ts: let keptCharacters = 0;',
  'graph/local-time.ts: const clocks = new Map<string, Intl.DateTimeFormat>();',
  'graph/filters/bytes.ts: const VALUES = ',
];

function statefulLines(name: string, source: string): string[] {
  return source
    .split('\n')
    .filter((line) => STATE.some((form) => form.test(line)) && !/: Readonly(?:Map|Set)</.test(line))
    .map((line) => `${name}: ${line}`)
    .filter((line) => !HARMLESS.some((known) => line.startsWith(known)));
}

test('no module of the workflows keeps state', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  expect(files.length).toBeGreaterThan(20);
  expect(
    files.flatMap((name) => statefulLines(name, readFileSync(join(FOLDER, name), 'utf8'))),
  ).toEqual([]);
});

test('state would be found', () => {
  const found = (source: string) => statefulLines('a.ts', source).length;
  expect(found('let count = 0;')).toBe(1);
  expect(found('export const seen = new Map<string, number>();')).toBe(1);
  expect(found('const rows: string[] = [];')).toBe(1);
  expect(found('function f() {\n  let count = 0;\n}')).toBe(0);
  expect(found('const KNOWN: ReadonlySet<string> = new Set(["a"]);')).toBe(0);
});
