import type { Operation } from '../contract.ts';
import { buildXml } from './build.ts';
import { parseXml } from './parse.ts';
import type { BuildInput, BuildOutput, ParseInput, ParseOutput } from './schema.ts';

/** A type, not an interface: it is used as a record of operations. */
export type XmlOperations = {
  readonly parse: Operation<ParseInput, ParseOutput, undefined>;
  readonly build: Operation<BuildInput, BuildOutput, undefined>;
};

/** How the operations of the XML connector act. They call nobody. */
export function createXmlOperations(): XmlOperations {
  return {
    parse: { execute: async (input) => parseXml(input) },
    build: { execute: async (input) => buildXml(input) },
  };
}
