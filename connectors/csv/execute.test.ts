import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { failureOf, testContext } from '../connector-suite.ts';
import type { JsonObject } from '../contract.ts';
import { createCsvOperations } from './execute.ts';
import { csvManifest } from './manifest.ts';
import {
  parseInputSchema,
  parseOutputSchema,
  stringifyInputSchema,
  stringifyOutputSchema,
} from './schema.ts';

const operations = createCsvOperations();
const context = testContext({ credential: undefined });

async function parse(config: JsonObject) {
  return parseOutputSchema.parse(
    await operations.parse.execute(parseInputSchema.parse(config), context),
  );
}
async function stringify(config: JsonObject) {
  return stringifyOutputSchema.parse(
    await operations.stringify.execute(stringifyInputSchema.parse(config), context),
  );
}

test('the samples are valid', () => {
  for (const operation of csvManifest.operations) {
    expect(operation.input.safeParse(operation.sample).success).toBe(true);
    expect(operation.idempotency).toBe('read');
  }
});

describe('parse', () => {
  test('Arabic, quotes, line breaks and direction marks stay as they are', async () => {
    const text = '\ufeffالاسم,city\r\n"ليلى، ""نور""","دبي\nUAE"\r\n\u200fعمر,\r\n';
    expect(await parse({ text })).toEqual({
      rows: [
        { الاسم: 'ليلى، "نور"', city: 'دبي\nUAE' },
        { الاسم: '\u200fعمر', city: '' },
      ],
      columns: ['الاسم', 'city'],
      count: 2,
      delimiter: ',',
    });
  });

  test.each([
    ['a,b\n1,2', ','],
    ['a;b\n1;2,5', ';'],
    ['a\tb\n1\t2', '\t'],
    ['a|b\n1|2', '|'],
    ['"a,b,c";d\n1;2', ';'],
    ['a\n1', ','],
  ])('finds the delimiter of %j', async (text, delimiter) => {
    expect((await parse({ text })).delimiter).toBe(delimiter);
  });

  test('without a header rows are lists, or get names', async () => {
    expect((await parse({ text: '1,2\n3,4', header: false })).rows).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect((await parse({ text: '1,2', header: false, columns: ['a', 'b'] })).rows).toEqual([
      { a: '1', b: '2' },
    ]);
    expect((await parse({ text: 'x,y\n1,2', columns: ['a', 'b'] })).rows).toEqual([
      { a: '1', b: '2' },
    ]);
  });

  test('numbers only where nothing is lost', async () => {
    const cells = '1,-2.5,0,007,+971501234567,12345678901234567,1e5, 3,٤,';
    const { rows } = await parse({ text: cells, header: false, numbers: true });
    expect(rows).toEqual([
      [1, -2.5, 0, '007', '+971501234567', '12345678901234567', '1e5', ' 3', '٤', ''],
    ]);
  });

  test('short rows are filled where that is wanted', async () => {
    const { rows } = await parse({ text: 'a,b\n1\n', short: 'fill' });
    expect(rows).toEqual([{ a: '1', b: null }]);
  });

  test('an empty text has no rows', async () => {
    expect(await parse({ text: '' })).toMatchObject({ rows: [], columns: [], count: 0 });
  });

  test.each([
    ['a,b\n1,2\n3,secret,5', 'line 3 has 3 cells, and there are 2 columns'],
    ['a,b\n1', 'line 2 has 1 cells'],
    ['a,b\n1,"secret\n', 'in line 2: a quote that is opened there is never closed'],
    ['a,b\n1,"x"secret', 'in line 2: there is text after the closing quote'],
    ['a,b\n1,sec"ret', 'in line 2: there is a quote amid a cell'],
    ['secret,secret\n1,2', 'Columns 1 and 2 have the same name'],
    ['__proto__,b\nsecret,y', 'A column is called "__proto__"'],
  ])('%j is refused with its line, and without what it says', async (text, words) => {
    const error = await failureOf(parse({ text }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('secret');
  });

  test('too many rows and too long a text are refused', async () => {
    const many = await failureOf(parse({ text: 'a\n'.repeat(100_002) }));
    expect(many.message).toContain('100000 is the limit');
    const long = await failureOf(parse({ text: 'a'.repeat(4_000_001) }));
    expect(long).toMatchObject({ code: 'too_large', permanent: true, effect: 'none' });
  });
});

describe('stringify', () => {
  test('objects by the union of their fields, with what needs quotes in quotes', async () => {
    const rows = [
      { name: 'ليلى "نور"', city: 'دبي' },
      { city: 'a,b', vip: true, more: { x: [1] } },
    ];
    expect(await stringify({ rows })).toEqual({
      text: 'name,city,vip,more\r\n"ليلى ""نور""",دبي,,\r\n,"a,b",true,"{""x"":[1]}"\r\n',
      count: 2,
    });
  });

  test('the options', async () => {
    const options = {
      columns: ['b', 'a'],
      delimiter: ';',
      bom: true,
      lineEnding: 'lf',
      quoteAll: true,
    };
    expect((await stringify({ rows: [{ a: 1, b: null }], ...options })).text).toBe(
      '\ufeff"b";"a"\n"";"1"\n',
    );
    expect((await stringify({ rows: [[1, 2]], columns: ['x', 'y'] })).text).toBe('x,y\r\n1,2\r\n');
    expect((await stringify({ rows: [[1, 2]] })).text).toBe('1,2\r\n');
    expect((await stringify({ rows: [{ a: 1 }], header: false })).text).toBe('1\r\n');
  });

  test('what a spreadsheet would run gets an apostrophe, numbers and phones do not', async () => {
    const rows = [['=1+1', '@x', '-cmd', '+971501234567', -5, '-5', '+x']];
    expect((await stringify({ rows })).text).toBe("'=1+1,'@x,'-cmd,+971501234567,-5,-5,'+x\r\n");
    expect((await stringify({ rows, formulas: 'keep' })).text).toContain('=1+1,@x,-cmd');
  });

  test.each([
    [{ rows: [{ a: 1 }, [1]] }, 'Some rows are objects and others are lists'],
    [{ rows: [[1, 2]], columns: ['a'] }, 'Row 1 has 2 cells'],
  ])('%j is refused', async (config, words) => {
    expect((await failureOf(stringify(config))).message).toContain(words);
  });

  test('what was written is read back', async () => {
    const cell = fc
      .string({ unit: 'grapheme', maxLength: 8 })
      .map((text) => text.replaceAll('\r', ''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: cell, ب: cell }), { minLength: 1 }),
        fc.constantFrom(',', ';', '\t', '|'),
        async (rows, delimiter) => {
          const { text } = await stringify({ rows, delimiter, formulas: 'keep', bom: true });
          expect((await parse({ text, delimiter })).rows).toEqual(rows);
        },
      ),
    );
  });
});
