import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { z } from 'zod';
import type { Json } from '../contract.ts';
import { placeIn, refusedData, refuseLonger } from '../refused-data.ts';
import {
  ATTRIBUTE_PREFIX,
  MAX_DEPTH,
  MAX_TEXT,
  type ParseInput,
  type ParseOutput,
  TEXT_NAME,
} from './schema.ts';

const CDATA_NAME = '#cdata';
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));/gi;
/** An entity that a document defines can grow a short text without end, or name a file. */
const FOREIGN_REFERENCE = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)/i;
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/;

const documentSchema = z.record(z.string(), z.json());

/**
 * https://www.w3.org/TR/xml/, without document types that define anything.
 * @throws ConnectorError `invalid_config` with the line, `too_large`
 */
export function parseXml(input: ParseInput): ParseOutput {
  const text = input.text.replace(/^\ufeff/, '');
  refuseLonger(text, MAX_TEXT, 'XML text', '/text');
  refuseEntities(text);
  const valid = XMLValidator.validate(text, { allowBooleanAttributes: false });
  if (valid !== true) {
    const { line, msg } = valid.err;
    throw refusedData(
      `The XML text isn’t right in line ${line}: ${msg.replace(/\.$/, '')}.`,
      '/text',
      {
        line,
      },
    );
  }
  const parsed = documentSchema.parse(read(text, input));
  const roots = Object.entries(parsed).filter(([name]) => !name.startsWith('?'));
  const [root, another] = roots;
  if (
    root === undefined ||
    another !== undefined ||
    (Array.isArray(root[1]) && !input.lists.includes(root[0]))
  ) {
    throw refusedData('The XML text must have exactly one outermost element.', '/text');
  }
  return { document: { [root[0]]: plain(root[1], input) }, root: root[0] };
}

function read(text: string, input: ParseInput): unknown {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: ATTRIBUTE_PREFIX,
    textNodeName: TEXT_NAME,
    // Kept apart: what stands there is text as it is, with no references in it.
    cdataPropName: CDATA_NAME,
    processEntities: false,
    htmlEntities: false,
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: input.trim,
    removeNSPrefix: input.removePrefixes,
    maxNestedTags: MAX_DEPTH,
    isArray: (name) => input.lists.includes(name),
  });
  try {
    return parser.parse(text);
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    if (/nested/i.test(said)) {
      throw refusedData(`The XML text is nested more than ${MAX_DEPTH} deep.`, '/text');
    }
    if (said.includes('[SECURITY]')) {
      throw refusedData(
        'The XML text has an element with a name that JavaScript keeps for itself, such as "constructor" or "__proto__".',
        '/text',
      );
    }
    throw refusedData('The XML text can’t be read.', '/text');
  }
}

function refuseEntities(text: string): void {
  // Of the same length, so that positions stay what they are.
  const markup = text.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>/g, (part) =>
    part.replace(/[^\n]/g, ' '),
  );
  const definition = markup.search(/<!ENTITY|<!DOCTYPE[^>]*\[/i);
  if (definition !== -1) {
    const { line } = placeIn(text, definition);
    throw refusedData(
      `The XML text defines entities of its own in line ${line}, which isn’t allowed, since a few of them can fill any memory. Remove the definitions.`,
      '/text',
      { line },
    );
  }
  const foreign = markup.search(FOREIGN_REFERENCE);
  if (foreign !== -1) {
    const { line, column } = placeIn(text, foreign);
    throw refusedData(
      `The XML text has an "&" in line ${line}, column ${column} that begins none of &amp; &lt; &gt; &quot; &apos; or a number such as &#233;. Write &amp; for an "&" of its own.`,
      '/text',
      { line, column },
    );
  }
}

/** From the parser's form to ours: references resolved, CDATA as text. */
function plain(value: Json, input: ParseInput): Json {
  if (typeof value === 'string') return scalar(decoded(value), input);
  if (Array.isArray(value)) return value.map((item: Json) => plain(item, input));
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value).filter(
    ([name]) => name !== CDATA_NAME && !(input.removePrefixes && /^@xmlns(?::|$)/.test(name)),
  );
  const cdata = Object.hasOwn(value, CDATA_NAME)
    ? [(value as Readonly<Record<string, Json>>)[CDATA_NAME] ?? ''].flat().map(String).join('')
    : undefined;
  const entries = fields.map(([name, field]): [string, Json] => [name, plain(field, input)]);
  if (cdata === undefined) {
    return entries.length === 0 && fields.length !== Object.keys(value).length
      ? ''
      : Object.fromEntries(entries);
  }
  const before = fields.find(([name]) => name === TEXT_NAME)?.[1] ?? '';
  const text = decoded(String(before)) + cdata;
  const others = entries.filter(([name]) => name !== TEXT_NAME);
  return others.length === 0 ? text : Object.fromEntries([...others, [TEXT_NAME, text]]);
}

function scalar(text: string, input: ParseInput): Json {
  return input.numbers && NUMBER.test(text) ? Number(text) : text;
}

function decoded(text: string): string {
  return text.replace(
    REFERENCE,
    (whole, name: string | undefined, decimal: string | undefined, hex: string | undefined) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
      const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      return point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff) && point !== 0
        ? String.fromCodePoint(point)
        : '\ufffd';
    },
  );
}
