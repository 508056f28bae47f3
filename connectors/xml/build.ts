import { XMLBuilder } from 'fast-xml-parser';
import type { Json } from '../contract.ts';
import { refusedData } from '../refused-data.ts';
import {
  ATTRIBUTE_PREFIX,
  type BuildInput,
  type BuildOutput,
  isXmlName,
  MAX_DEPTH,
  TEXT_NAME,
} from './schema.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';
/** What XML 1.0 can't hold, escaped or not: https://www.w3.org/TR/xml/#charsets */
const FORBIDDEN = /(?![\t\n\r\u0080-\u009f])\p{Cc}|[\ufffe\uffff]/u;

/** @throws ConnectorError `invalid_config` with the place in the document */
export function buildXml({ document, declaration, indent }: BuildInput): BuildOutput {
  const names = Object.keys(document);
  const [root] = names;
  const content = root === undefined ? undefined : document[root];
  if (root === undefined || names.length > 1 || content === undefined || Array.isArray(content)) {
    throw refusedData(
      'An XML document has exactly one outermost element: give "document" one field.',
      '/document',
    );
  }
  const checked = check(document, '/document', 0);
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: ATTRIBUTE_PREFIX,
    textNodeName: TEXT_NAME,
    format: indent,
    suppressEmptyNode: true,
    suppressBooleanAttributes: false,
    processEntities: true,
  });
  const body = builder.build(checked).trim();
  return { text: declaration ? `${DECLARATION}${indent ? '\n' : ''}${body}` : body };
}

/**
 * Names would be written as they are, so that a name could bring elements of its own.
 * @returns the value as the builder takes it: it moves null to the front of a list
 */
function check(value: Json, pointer: string, depth: number): Json {
  if (depth > MAX_DEPTH) {
    throw refusedData(`The document is nested more than ${MAX_DEPTH} deep.`, '/document');
  }
  if (typeof value === 'string' && FORBIDDEN.test(value)) {
    throw refusedData(
      `The text at ${pointer} has a control character, which XML can’t hold. Remove it first.`,
      pointer,
    );
  }
  if (Array.isArray(value)) {
    return value.map((item: Json, index) => {
      if (Array.isArray(item)) {
        throw refusedData(
          `At ${pointer}/${index} a list is in a list, which XML has no form for.`,
          pointer,
        );
      }
      return check(item, `${pointer}/${index}`, depth);
    });
  }
  if (value === null) return '';
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]): [string, Json] => {
      const at = `${pointer}/${name.slice(0, 50).replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const isAttribute = name.startsWith(ATTRIBUTE_PREFIX);
      const isText = name === TEXT_NAME;
      if (!isText && !isXmlName(isAttribute ? name.slice(ATTRIBUTE_PREFIX.length) : name)) {
        throw refusedData(
          `The field at ${at} can’t be the name of an XML element or attribute: names begin with a letter, and have no blanks or signs in them.`,
          pointer,
        );
      }
      if ((isAttribute || isText) && typeof field === 'object' && field !== null) {
        throw refusedData(`At ${at} there must be a text, a number, or true or false.`, pointer);
      }
      return [name, check(field, at, depth + 1)];
    }),
  );
}
