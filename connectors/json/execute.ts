import type { Json, JsonObject, Operation } from '../contract.ts';
import { refusedData } from '../refused-data.ts';
import { parseText } from './parse-text.ts';
import { isList, parsePath, valueAt } from './path.ts';
import {
  type FlattenInput,
  MAX_DEPTH,
  type MergeInput,
  type ObjectOutput,
  type ParseInput,
  type PickInput,
  type QueryInput,
  type RenameInput,
  type StringifyInput,
} from './schema.ts';

interface Value {
  readonly value: Json;
}
interface Changed {
  readonly data: Json;
}

/** A type, not an interface: it is used as a record of operations. */
export type JsonOperations = {
  readonly query: Operation<QueryInput, Value, undefined>;
  readonly pick: Operation<PickInput, Changed, undefined>;
  readonly rename: Operation<RenameInput, Changed, undefined>;
  readonly merge: Operation<MergeInput, ObjectOutput, undefined>;
  readonly flatten: Operation<FlattenInput, Changed, undefined>;
  readonly unflatten: Operation<FlattenInput, Changed, undefined>;
  readonly parse: Operation<ParseInput, Value, undefined>;
  readonly stringify: Operation<StringifyInput, { readonly text: string }, undefined>;
};

/** How the operations of the JSON connector act. They call nobody. */
export function createJsonOperations(): JsonOperations {
  return {
    query: { execute: async (input) => ({ value: query(input) }) },
    pick: {
      execute: async ({ data, fields, keep }) => {
        const named = new Set(fields);
        return {
          data: eachObject(data, (object) =>
            Object.fromEntries(Object.entries(object).filter(([name]) => named.has(name) === keep)),
          ),
        };
      },
    },
    rename: {
      execute: async ({ data, names, others }) => ({
        data: eachObject(data, (object) => renamed(object, names, others)),
      }),
    },
    merge: { execute: async ({ objects, deep }) => ({ data: merged(objects, deep) }) },
    flatten: {
      execute: async ({ data, separator }) => ({
        data: eachObject(data, (object) => Object.fromEntries(flattened(object, '', separator, 0))),
      }),
    },
    unflatten: {
      execute: async ({ data, separator }) => ({
        data: eachObject(data, (object) => unflattened(object, separator)),
      }),
    },
    parse: { execute: async (input) => ({ value: parseText(input) }) },
    stringify: {
      execute: async ({ data, indent }) => ({ text: JSON.stringify(data, undefined, indent) }),
    },
  };
}

function query({ data, path, default: otherwise }: QueryInput): Json {
  let steps: ReturnType<typeof parsePath>;
  try {
    steps = parsePath(path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refusedData(`The path ${error.message}.`, '/path');
  }
  return valueAt(data, steps) ?? otherwise ?? null;
}

function eachObject(data: Json, change: (object: JsonObject) => JsonObject): Json {
  if (isList(data)) {
    return data.map((item, index) => {
      if (isObject(item)) return change(item);
      throw refusedData(`Item ${index + 1} of the data is no object.`, `/data/${index}`);
    });
  }
  if (isObject(data)) return change(data);
  throw refusedData('The data must be an object or a list of objects.', '/data');
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !isList(value);
}

function renamed(
  object: JsonObject,
  names: Readonly<Record<string, string>>,
  others: RenameInput['others'],
): JsonObject {
  const entries = Object.entries(object).flatMap(([name, value]): [string, Json][] => {
    if (Object.hasOwn(names, name)) return [[names[name] ?? name, value]];
    return others === 'keep' ? [[name, value]] : [];
  });
  const result = Object.fromEntries(entries);
  if (Object.keys(result).length < entries.length) {
    throw refusedData('Two fields would have the same name, and one would be lost.', '/names');
  }
  return result;
}

function merged(objects: MergeInput['objects'], deep: boolean): JsonObject {
  return objects
    .filter((object) => object !== null)
    .reduce<JsonObject>((one, other) => mergePair(one, other, deep, 0), {});
}

function mergePair(one: JsonObject, other: JsonObject, deep: boolean, depth: number): JsonObject {
  refuseDepth(depth, '/objects');
  return Object.fromEntries([
    ...Object.entries(one),
    ...Object.entries(other).map(([name, value]): [string, Json] => {
      const before = Object.hasOwn(one, name) ? one[name] : undefined;
      return deep && before !== undefined && isObject(before) && isObject(value)
        ? [name, mergePair(before, value, deep, depth + 1)]
        : [name, value];
    }),
  ]);
}

/** Empty objects and lists stay as they are, so that nothing is lost. */
function flattened(
  value: Json,
  prefix: string,
  separator: string,
  depth: number,
): [string, Json][] {
  refuseDepth(depth, '/data');
  const inner = isList(value) || isObject(value) ? Object.entries(value) : [];
  if (inner.length === 0) return prefix === '' ? [] : [[prefix, value]];
  return inner.flatMap(([name, field]: [string, Json]) =>
    flattened(field, prefix === '' ? name : prefix + separator + name, separator, depth + 1),
  );
}

type Tree = Map<string, Json | Tree>;

function unflattened(object: JsonObject, separator: string): JsonObject {
  const root: Tree = new Map();
  for (const [path, value] of Object.entries(object)) {
    const steps = path.split(separator);
    const last = steps.pop() ?? '';
    refuseDepth(steps.length, '/data');
    let level = root;
    for (const step of steps) {
      const next: Json | Tree = level.get(step) ?? new Map();
      if (!(next instanceof Map)) throw clash(path);
      level.set(step, next);
      level = next;
    }
    if (level.has(last)) throw clash(path);
    level.set(last, value);
  }
  return Object.fromEntries([...root].map(([name, value]) => [name, fromTree(value)]));
}

function clash(path: string): Error {
  return refusedData(
    `The field ${JSON.stringify(path.slice(0, 100))} would have to be both a value and an object.`,
    '/data',
  );
}

function fromTree(tree: Json | Tree): Json {
  if (!(tree instanceof Map)) return tree;
  const isSequence = [...tree.keys()].every((name, index) => name === String(index));
  return isSequence
    ? [...tree.values()].map(fromTree)
    : Object.fromEntries([...tree].map(([name, value]) => [name, fromTree(value)]));
}

function refuseDepth(depth: number, pointer: string): void {
  if (depth <= MAX_DEPTH) return;
  throw refusedData(`The data is nested more than ${MAX_DEPTH} deep.`, pointer);
}
