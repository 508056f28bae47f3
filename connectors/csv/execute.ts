import type { Operation } from '../contract.ts';
import { parseCsv } from './parse.ts';
import type { ParseInput, ParseOutput, StringifyInput, StringifyOutput } from './schema.ts';
import { stringifyCsv } from './stringify.ts';

/** A type, not an interface: it is used as a record of operations. */
export type CsvOperations = {
  readonly parse: Operation<ParseInput, ParseOutput, undefined>;
  readonly stringify: Operation<StringifyInput, StringifyOutput, undefined>;
};

/** How the operations of the CSV connector act. They call nobody. */
export function createCsvOperations(): CsvOperations {
  return {
    parse: { execute: async (input) => parseCsv(input) },
    stringify: { execute: async (input) => stringifyCsv(input) },
  };
}
