import type { ConnectorManifest, JsonObject, OperationManifest } from '../contract.ts';
import {
  changedOutputSchema,
  flattenInputSchema,
  mergeInputSchema,
  objectOutputSchema,
  parseInputSchema,
  pickInputSchema,
  queryInputSchema,
  renameInputSchema,
  stringifyInputSchema,
  textOutputSchema,
  valueOutputSchema,
} from './schema.ts';

function operation(
  described: Pick<OperationManifest, 'name' | 'title' | 'description' | 'input' | 'output'>,
  sample: JsonObject,
): OperationManifest {
  return { ...described, idempotency: 'read', duration: 'short', timeoutMs: 20_000, sample };
}

export const jsonManifest: ConnectorManifest = {
  type: 'json',
  title: 'JSON',
  description: 'Takes JSON apart, changes its shape, and puts it together.',
  credential: null,
  operations: [
    operation(
      {
        name: 'query',
        title: 'Take out a part',
        description: 'Finds what is at a path: a field, an item, or a field of all items that fit.',
        input: queryInputSchema,
        output: valueOutputSchema,
      },
      { data: { orders: [{ id: 7, total: 120 }] }, path: 'orders[?total > 100].id' },
    ),
    operation(
      {
        name: 'pick',
        title: 'Choose fields',
        description: 'Keeps some fields of an object, or of each object of a list.',
        input: pickInputSchema,
        output: changedOutputSchema,
      },
      { data: { name: 'ليلى', email: 'layla@example.com', notes: '…' }, fields: ['name', 'email'] },
    ),
    operation(
      {
        name: 'rename',
        title: 'Rename fields',
        description: 'Gives fields of an object, or of each object of a list, other names.',
        input: renameInputSchema,
        output: changedOutputSchema,
      },
      { data: [{ fname: 'ليلى' }], names: { fname: 'firstName' } },
    ),
    operation(
      {
        name: 'merge',
        title: 'Merge objects',
        description: 'Makes one object of several.',
        input: mergeInputSchema,
        output: objectOutputSchema,
      },
      { objects: [{ name: 'ليلى', tags: { vip: false } }, { tags: { vip: true } }] },
    ),
    operation(
      {
        name: 'flatten',
        title: 'Flatten',
        description: 'Makes one level of many: { a: { b: [1] } } becomes { "a.b.0": 1 }.',
        input: flattenInputSchema,
        output: changedOutputSchema,
      },
      { data: { address: { city: 'دبي' } } },
    ),
    operation(
      {
        name: 'unflatten',
        title: 'Unflatten',
        description: 'The reverse of flatten; levels whose names are 0, 1, 2, … become lists.',
        input: flattenInputSchema,
        output: changedOutputSchema,
      },
      { data: { 'address.city': 'دبي' } },
    ),
    operation(
      {
        name: 'parse',
        title: 'Read JSON text',
        description: 'Turns JSON text into a value.',
        input: parseInputSchema,
        output: valueOutputSchema,
      },
      { text: '{"name": "ليلى"}' },
    ),
    operation(
      {
        name: 'stringify',
        title: 'Write JSON text',
        description: 'Turns a value into JSON text.',
        input: stringifyInputSchema,
        output: textOutputSchema,
      },
      { data: { name: 'ليلى' }, indent: 2 },
    ),
  ],
};
