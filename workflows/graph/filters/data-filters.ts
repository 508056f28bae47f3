/** Filters for lists, objects and JSON. */
import {
  charge,
  type ExpressionFilter,
  type FilterThis,
  itemsOf,
  numberOf,
  objectOf,
  plain,
  textArgument,
  textOf,
} from './filter-support.ts';

/** Deeper data than this is no data that people work with. */
const MAX_DEPTH = 20;

function toJsonText(filter: FilterThis, value: unknown, indent: unknown): string {
  const spaces = plain(indent) === null ? undefined : Math.min(numberOf(filter, indent), 8);
  const text = JSON.stringify(plain(value), undefined, spaces);
  charge(filter, text.length);
  return text;
}

function fromJsonText(filter: FilterThis, value: unknown): unknown {
  const text = textOf(filter, value);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message repeats a piece of the text.
    throw new Error(`${filter.token.name} was given a text that is no JSON`);
  }
}

function flatten(filter: FilterThis, items: readonly unknown[], depth: number): unknown[] {
  charge(filter, items.length);
  return items.flatMap((item) =>
    Array.isArray(item) && depth > 0 ? flatten(filter, item, depth - 1) : [item],
  );
}

function numbersOf(filter: FilterThis, value: unknown, field: unknown): number[] {
  const name = textArgument(field, '');
  const numbers = itemsOf(filter, value).map((item) =>
    numberOf(filter, name === '' ? item : ownField(item, name)),
  );
  if (numbers.length === 0) throw new Error(`${filter.token.name} needs at least one item`);
  return numbers;
}

function ownField(item: unknown, name: string): unknown {
  if (typeof item !== 'object' || item === null || !Object.hasOwn(item, name)) return null;
  return (item as Readonly<Record<string, unknown>>)[name];
}

/** fromEntries defines fields; assigning one called __proto__ would set the object's prototype. */
function selected(
  filter: FilterThis,
  value: unknown,
  keeps: (name: string) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(objectOf(filter, value)).filter(([name]) => keeps(name)),
  );
}

export const DATA_FILTERS: Readonly<Record<string, ExpressionFilter>> = {
  json(value, indent) {
    return toJsonText(this, value, indent);
  },
  to_json(value, indent) {
    return toJsonText(this, value, indent);
  },
  parse_json(value) {
    return fromJsonText(this, value);
  },
  from_json(value) {
    return fromJsonText(this, value);
  },

  keys(value) {
    return Object.keys(objectOf(this, value));
  },
  values(value) {
    return Object.values(objectOf(this, value));
  },
  pick(value, ...names) {
    const wanted = new Set(names.flatMap((name) => itemsOf(this, name)).map(String));
    return selected(this, value, (name) => wanted.has(name));
  },
  omit(value, ...names) {
    const unwanted = new Set(names.flatMap((name) => itemsOf(this, name)).map(String));
    return selected(this, value, (name) => !unwanted.has(name));
  },
  merge(value, other) {
    return Object.fromEntries([
      ...Object.entries(objectOf(this, value)),
      ...Object.entries(objectOf(this, other)),
    ]);
  },

  flatten(value, depth) {
    const levels = plain(depth) === null ? MAX_DEPTH : Math.min(numberOf(this, depth), MAX_DEPTH);
    return flatten(this, itemsOf(this, value), levels);
  },
  chunk(value, size) {
    const length = Math.floor(numberOf(this, size));
    if (length < 1) throw new Error('chunk needs a size of at least 1');
    const items = itemsOf(this, value);
    return Array.from({ length: Math.ceil(items.length / length) }, (_, index) =>
      items.slice(index * length, (index + 1) * length),
    );
  },
  min(value, field) {
    return numbersOf(this, value, field).reduce((one, other) => Math.min(one, other));
  },
  max(value, field) {
    return numbersOf(this, value, field).reduce((one, other) => Math.max(one, other));
  },
  average(value, field) {
    const numbers = numbersOf(this, value, field);
    return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  },
};
