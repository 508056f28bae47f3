import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { failureOf, testContext } from '../connector-suite.ts';
import type { Json } from '../contract.ts';
import { createJsonOperations } from './execute.ts';
import { faultIn } from './fault-in.ts';
import { jsonManifest } from './manifest.ts';

const operations = createJsonOperations();
const context = testContext({ credential: undefined });

function run(name: keyof typeof operations, config: Json): Promise<unknown> {
  const manifest = jsonManifest.operations.find((operation) => operation.name === name);
  if (manifest === undefined) throw new Error(`The manifest lacks ${name}.`);
  const operation: { execute(input: unknown, given: typeof context): Promise<unknown> } =
    operations[name];
  return operation.execute(manifest.input.parse(config), context).then((output) => {
    expect(manifest.output.safeParse(output).error?.issues ?? []).toEqual([]);
    return output;
  });
}

test.each(jsonManifest.operations.map((operation) => [operation.name, operation.sample] as const))(
  'the sample of %s runs',
  async (name, sample) => {
    expect(Object.keys(operations)).toContain(name);
    await run(name as keyof typeof operations, sample);
  },
);

describe('query', () => {
  const data = {
    name: 'ليلى',
    'a b': { 'c"d': 1 },
    orders: [
      { id: 1, total: 50, items: [{ sku: 'x' }, { sku: 'y' }] },
      { id: 2, total: 120, items: [] },
      { id: 3, items: [{ sku: 'z' }], paid: true, by: 'ليلى' },
    ],
    totals: { jan: 1, feb: 2 },
    none: null,
  };
  test.each<[string, Json]>([
    ['', data],
    ['name', 'ليلى'],
    ['"a b"."c\\"d"', 1],
    ['orders[0].id', 1],
    ['orders[-1].id', 3],
    ['orders[9]', null],
    ['orders[1:].id', [2, 3]],
    ['orders[:-1].id', [1, 2]],
    ['orders[*].total', [50, 120]],
    ['orders[*].items[*].sku', [['x', 'y'], [], ['z']]],
    ['orders[?total > 100].id', [2]],
    ['orders[?total<=120].id', [1, 2]],
    ["orders[?by == 'ليلى'].id", [3]],
    ['orders[?paid == true].id', [3]],
    ['orders[?paid != true].id', [1, 2]],
    ['orders[?items[0].sku == "x"].id', [1]],
    ['orders[?total > 100][0].id', []],
    ['totals.*', [1, 2]],
    ['none.x', null],
    ['name.length', null],
    ['orders.length', null],
    ['constructor', null],
    ['__proto__.x', null],
  ])('%s', async (path, value) => {
    expect(await run('query', { data, path })).toEqual({ value });
  });

  test('a default stands in for nothing', async () => {
    expect(await run('query', { data, path: 'none', default: 5 })).toEqual({ value: 5 });
  });

  test.each([
    'orders[',
    'a..b',
    '.a',
    'a b',
    'orders[?total > ]',
    'orders[?x == yes]',
    'a[x]',
    '[*',
  ])('the path %j is refused before anything runs', (path) => {
    const issues = jsonManifest.operations[0].input.safeParse({ data, path }).error?.issues ?? [];
    expect(issues.map((issue) => issue.message).join()).toMatch(/^The path /);
  });
});

describe('changes of shape', () => {
  test('pick keeps or drops, in objects and lists', async () => {
    const data = [{ a: 1, b: 2 }, { b: 3 }];
    expect(await run('pick', { data, fields: ['a'] })).toEqual({ data: [{ a: 1 }, {}] });
    expect(await run('pick', { data, fields: ['a'], keep: false })).toEqual({
      data: [{ b: 2 }, { b: 3 }],
    });
  });

  test('rename keeps the order, and loses nothing', async () => {
    expect(JSON.stringify(await run('rename', { data: { a: 1, b: 2 }, names: { a: 'x' } }))).toBe(
      '{"data":{"x":1,"b":2}}',
    );
    expect(
      await run('rename', { data: { a: 1, b: 2 }, names: { a: 'x' }, others: 'drop' }),
    ).toEqual({
      data: { x: 1 },
    });
    const error = await failureOf(run('rename', { data: { a: 1, b: 2 }, names: { a: 'b' } }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
  });

  test('merge is deep, and lists are replaced', async () => {
    const objects = [{ a: { x: 1, y: [1] } }, null, { a: { y: [2] }, b: 1 }];
    expect(await run('merge', { objects })).toEqual({ data: { a: { x: 1, y: [2] }, b: 1 } });
    expect(await run('merge', { objects, deep: false })).toEqual({ data: { a: { y: [2] }, b: 1 } });
  });

  test('flatten and unflatten are each other’s reverse', async () => {
    const data = { a: { b: [1, { c: null }], empty: {}, list: [] }, 'x y': 'ليلى' };
    const flat = { 'a.b.0': 1, 'a.b.1.c': null, 'a.empty': {}, 'a.list': [], 'x y': 'ليلى' };
    expect(await run('flatten', { data })).toEqual({ data: flat });
    expect(await run('unflatten', { data: flat })).toEqual({ data });
    expect(await run('flatten', { data: { a: { b: 1 } }, separator: '_' })).toEqual({
      data: { a_b: 1 },
    });
  });

  test('a field called __proto__ reaches no prototype', async () => {
    const data: Json = JSON.parse(
      '{"__proto__": {"x": 1}, "constructor": {"prototype": {"x": 1}}}',
    );
    await run('merge', { objects: [{}, data] });
    await run('unflatten', {
      data: JSON.parse('{"__proto__.x": 1, "constructor.prototype.x": 1}'),
    });
    expect('x' in {}).toBe(false);
  });

  test.each<[keyof typeof operations, Json, string]>([
    ['pick', { data: 5, fields: ['a'] }, 'an object or a list of objects'],
    ['pick', { data: [{ a: 1 }, 5], fields: ['a'] }, 'Item 2 of the data is no object'],
    ['unflatten', { data: { a: 1, 'a.b': 2 } }, '"a.b" would have to be both'],
    ['unflatten', { data: { 'a.b': 2, a: 1 } }, '"a" would have to be both'],
    ['unflatten', { data: { [`a${'.a'.repeat(101)}`]: 1 } }, 'more than 100 deep'],
  ])('%s of %j is refused', async (name, config, words) => {
    const error = await failureOf(run(name, config));
    expect(error.message).toContain(words);
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
  });
});

describe('text', () => {
  test('is read and written', async () => {
    expect(await run('parse', { text: '\ufeff{"a": ["ليلى"]}' })).toEqual({
      value: { a: ['ليلى'] },
    });
    expect(await run('parse', { text: '{"a":1}\n\n{"a":2}\r\n', lines: true })).toEqual({
      value: [{ a: 1 }, { a: 2 }],
    });
    expect(await run('stringify', { data: { a: 1 }, indent: 1 })).toEqual({
      text: '{\n "a": 1\n}',
    });
  });

  test.each([
    [{ text: '{\n  "a": secret\n}' }, 'there is what JSON doesn’t allow in line 2, column 8'],
    [{ text: '{"a": 1' }, 'it ends too early in line 1, column 8'],
    [{ text: '' }, 'it ends too early in line 1, column 1'],
    [{ text: '{"a":1}\n{"a": secret}', lines: true }, 'in line 2, column 7'],
    [{ text: '["x", secret]' }, 'in line 1, column 7'],
  ])('%j is refused with its place, and without what it says', async (config, words) => {
    const error = await failureOf(run('parse', config));
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('secret');
  });

  test('the place of a fault is where JSON.parse stops, wherever it tells', () => {
    const piece = fc.constantFrom(
      ...'{}[],: \n\t'.split(''),
      '"a"',
      '"',
      '\\',
      '"\\u00g0"',
      '1',
      '-',
      '01',
      '1.',
      '1e5',
      'true',
      'nul',
      '\u0001',
      "'",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        (text) => {
          let said: string | undefined;
          try {
            JSON.parse(text);
          } catch (error) {
            said = error instanceof Error ? error.message : '';
          }
          const at = faultIn(text);
          expect(at).toBeLessThanOrEqual(text.length);
          // Without a fault it comes to the end, and there is nothing open there.
          if (said === undefined) expect(at).toBe(text.length);
          if (said?.startsWith('Unexpected non-whitespace') === true) {
            expect(said).toContain(`at position ${at}`);
          }
          if (said === 'Unexpected end of JSON input')
            expect(text.slice(at).trim()).toMatch(/^("|-|1\.|1e|t|n|$)/);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('too long a text is refused', async () => {
    const error = await failureOf(run('parse', { text: ' '.repeat(8_000_001) }));
    expect(error).toMatchObject({ code: 'too_large', effect: 'none', permanent: true });
  });
});
