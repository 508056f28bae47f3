import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { failureOf, testContext } from '../connector-suite.ts';
import type { Json, JsonObject } from '../contract.ts';
import { createXmlOperations } from './execute.ts';
import { xmlManifest } from './manifest.ts';
import { buildInputSchema, parseInputSchema, parseOutputSchema } from './schema.ts';

const operations = createXmlOperations();
const context = testContext({ credential: undefined });

async function parse(config: JsonObject) {
  return parseOutputSchema.parse(
    await operations.parse.execute(parseInputSchema.parse(config), context),
  );
}
async function build(config: JsonObject) {
  return (await operations.build.execute(buildInputSchema.parse(config), context)).text;
}

test('the samples are valid', () => {
  for (const operation of xmlManifest.operations) {
    expect(operation.input.safeParse(operation.sample).success).toBe(true);
    expect(operation.idempotency).toBe('read');
  }
});

describe('parse', () => {
  test.each<[string, string, Json]>([
    ['text', '<a>ليلى</a>', 'ليلى'],
    ['attributes', '<a id="7" n="x &amp; y">t</a>', { '@id': '7', '@n': 'x & y', '#text': 't' }],
    ['an empty element', '<a/>', ''],
    ['elements', '<a><b>1</b><c/></a>', { b: '1', c: '' }],
    ['several of a name', '<a><b>1</b><b>2</b></a>', { b: ['1', '2'] }],
    ['references', '<a>&lt;&#1604;&#x6A9;&gt; &amp;amp;</a>', '<لک> &amp;'],
    ['a reference to no character', '<a>&#0;&#xD800;</a>', '\ufffd\ufffd'],
    ['CDATA', '<a><![CDATA[x &amp; <b>]]></a>', 'x &amp; <b>'],
    ['CDATA beside an element', '<a><![CDATA[<x>]]><b/></a>', { b: '', '#text': '<x>' }],
    ['comments', '<a><!-- &x; <b> -->1</a>', '1'],
    ['a declaration and a plain document type', '<?xml version="1.0"?><!DOCTYPE a><a>1</a>', '1'],
    ['a byte order mark', '\ufeff<a>1</a>', '1'],
  ])('%s', async (_name, text, value) => {
    expect(await parse({ text })).toEqual({ document: { a: value }, root: 'a' });
  });

  test('the options', async () => {
    const text =
      '<s:E xmlns:s="urn:x"><s:item s:id="01"> 5 </s:item><phone>+97150</phone><code>007</code></s:E>';
    expect(
      (await parse({ text, removePrefixes: true, lists: ['item'], numbers: true })).document,
    ).toEqual({ E: { item: [{ '@id': '01', '#text': 5 }], phone: '+97150', code: '007' } });
    expect((await parse({ text: '<a> x </a>', trim: false })).document).toEqual({ a: ' x ' });
  });

  test.each([
    ['<a>\n<b>secret</a>', 'in line 2: Expected closing tag'],
    ['hello', 'in line 1'],
    ['', 'in line 1'],
    ['<a/><b/>', 'exactly one outermost element'],
    ['<a/><a/>', 'exactly one outermost element'],
    ['<a>\nsecret & more</a>', 'an "&" in line 2, column 8'],
    ['<a>&nbsp;</a>', 'an "&" in line 1, column 4'],
    ['<!DOCTYPE a [\n<!ENTITY x "y">]><a>&x;</a>', 'defines entities of its own in line 1'],
    ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 'defines entities'],
    ['<a><constructor/></a>', 'JavaScript keeps for itself'],
    [`${'<a>'.repeat(200)}${'</a>'.repeat(200)}`, 'more than 100 deep'],
  ])('%j is refused', async (text, words) => {
    const error = await failureOf(parse({ text }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('secret');
  });

  test('too long a text is refused', async () => {
    const error = await failureOf(parse({ text: `<a>${'x'.repeat(1_000_000)}</a>` }));
    expect(error).toMatchObject({ code: 'too_large', permanent: true, effect: 'none' });
  });
});

describe('build', () => {
  test('elements, attributes, lists and what is escaped', async () => {
    const document = {
      order: {
        '@id': 7,
        '@n': '"<&>"',
        item: ['قهوة & شاي', null, true],
        empty: {},
        '#text': 'x<y',
      },
    };
    const text = await build({ document });
    expect(text).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?><order id="7" n="&quot;&lt;&amp;&gt;&quot;">/,
    );
    expect((await parse({ text })).document).toEqual({
      order: {
        '@id': '7',
        '@n': '"<&>"',
        item: ['قهوة & شاي', '', 'true'],
        empty: '',
        '#text': 'x<y',
      },
    });
    expect(await build({ document: { a: { b: 1 } }, declaration: false, indent: true })).toBe(
      '<a>\n  <b>1</b>\n</a>',
    );
  });

  test.each<[JsonObject, string]>([
    [{}, 'exactly one outermost element'],
    [{ a: 1, b: 2 }, 'exactly one outermost element'],
    [{ a: [1, 2] }, 'exactly one outermost element'],
    [{ a: { 'b><c': 1 } }, 'can’t be the name of an XML element'],
    [{ a: { '@x y': 1 } }, 'can’t be the name of an XML element or attribute'],
    [{ a: { '?pi': 1 } }, 'can’t be the name'],
    [{ a: { '#cdata': 1 } }, 'can’t be the name'],
    [{ a: { '@x': { y: 1 } } }, 'there must be a text'],
    [{ a: { b: [[1]] } }, 'a list is in a list'],
    [{ a: 'x\u0001' }, 'control character'],
  ])('%j is refused', async (document, words) => {
    const error = await failureOf(build({ document }));
    expect(error).toMatchObject({ code: 'invalid_config', effect: 'none', permanent: true });
    expect(error.message).toContain(words);
  });

  test('what was written is read back', async () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 10 })
      .filter((value) => !/\p{Cc}|[\ufffe\uffff]/u.test(value) && value.trim() === value);
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(text, { minLength: 2 }), async (a, b, items) => {
        const document = { r: { '@a': a, b, items } };
        const read = await parse({ text: await build({ document }) });
        expect(read.document).toEqual(document);
      }),
    );
  });
});
