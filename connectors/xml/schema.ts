/** Shapes of the XML connector. */
import { z } from 'zod';
import type { JsonObject } from '../contract.ts';

/** Parsing it takes a worker's thread up to a second. */
export const MAX_TEXT = 1_000_000;
export const MAX_DEPTH = 100;

export const ATTRIBUTE_PREFIX = '@';
export const TEXT_NAME = '#text';

const NAME = /^[\p{L}_][\p{L}\p{N}._-]*(?::[\p{L}_][\p{L}\p{N}._-]*)?$/u;
/** @returns whether XML allows an element or attribute of that name */
export function isXmlName(name: string): boolean {
  return name.length <= 200 && NAME.test(name);
}

export const parseInputSchema = z.strictObject({
  text: z.string().meta({
    description: `The XML text, up to ${MAX_TEXT} characters, nested up to ${MAX_DEPTH} deep`,
    example: '<order id="7"><item>قهوة</item></order>',
  }),
  lists: z
    .array(z.string().min(1))
    .default([])
    .meta({
      description: 'Names of elements that are always a list, even where there is only one',
      example: ['item'],
    }),
  numbers: z.boolean().default(false).meta({
    description: 'Texts that look like numbers become numbers, except for codes such as 007',
  }),
  trim: z.boolean().default(true).meta({ description: 'Drops blanks around texts' }),
  removePrefixes: z
    .boolean()
    .default(false)
    .meta({ description: 'soap:Body becomes Body; declarations of namespaces are dropped' }),
});
export type ParseInput = z.output<typeof parseInputSchema>;

export const parseOutputSchema = z.strictObject({
  document: z.record(z.string(), z.json()).meta({
    description:
      'The root element by its name. Attributes are fields with @ before their name; an element with attributes or elements in it has its text in #text; elements of the same name are a list',
  }),
  root: z.string().meta({ description: 'Name of the root element' }),
});
export interface ParseOutput {
  readonly document: JsonObject;
  readonly root: string;
}

export const buildInputSchema = z.strictObject({
  document: z.record(z.string(), z.json()).meta({
    description: 'One field, the root element, of the form that parse answers with',
    example: { order: { '@id': 7, item: ['قهوة', 'شاي'] } },
  }),
  declaration: z.boolean().default(true).meta({ description: 'Begins with <?xml …?>' }),
  indent: z.boolean().default(false).meta({ description: 'One element a line, for people' }),
});
export type BuildInput = z.output<typeof buildInputSchema>;

export const buildOutputSchema = z.strictObject({
  text: z.string().meta({ description: 'The XML text' }),
});
export type BuildOutput = z.output<typeof buildOutputSchema>;
