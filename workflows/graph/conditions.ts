/**
 * What a condition node decides. Apart from the node's schema, so that the workflow that evaluates
 * conditions doesn't load a schema library for every execution.
 */
import type { Json, JsonObject } from './json.ts';
import { findsPattern, PatternError } from './pattern.ts';

export const CONDITION_OPERATORS = [
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'contains',
  'notContains',
  'startsWith',
  'endsWith',
  'in',
  'notIn',
  'matches',
  'exists',
  'empty',
] as const;
export type ConditionOperator = (typeof CONDITION_OPERATORS)[number];

/** A condition that can't be decided: its message says why. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}

/**
 * Decides a rendered condition.
 * Numbers compare as numbers, also where one side is text that reads as a number; texts that are
 * ISO 8601 times compare as times; other texts by code point.
 * @throws ConditionError if an operator can't be applied to the values
 */
export function evaluateCondition(condition: JsonObject): boolean {
  const { all, any } = condition;
  if (Array.isArray(all)) return all.every((entry: Json) => evaluateCondition(group(entry)));
  if (Array.isArray(any)) return any.some((entry: Json) => evaluateCondition(group(entry)));
  const left = condition.left ?? null;
  const right = condition.right ?? null;
  const operator = CONDITION_OPERATORS.find((known) => known === condition.operator);
  switch (operator) {
    case undefined:
      throw new ConditionError(
        `${JSON.stringify(condition.operator)} is not an operator. Known ones: ${CONDITION_OPERATORS.join(', ')}.`,
      );
    case 'eq':
      return equal(left, right);
    case 'ne':
      return !equal(left, right);
    case 'gt':
      return compare(left, right, operator) > 0;
    case 'gte':
      return compare(left, right, operator) >= 0;
    case 'lt':
      return compare(left, right, operator) < 0;
    case 'lte':
      return compare(left, right, operator) <= 0;
    case 'contains':
      return contains(left, right);
    case 'notContains':
      return !contains(left, right);
    case 'startsWith':
      return text(left).startsWith(text(right));
    case 'endsWith':
      return text(left).endsWith(text(right));
    case 'in':
      return contains(right, left);
    case 'notIn':
      return !contains(right, left);
    case 'matches':
      return matches(left, right);
    case 'exists':
      return left !== null;
    case 'empty':
      return isEmpty(left);
  }
}

function group(entry: Json): JsonObject {
  if (entry !== null && typeof entry === 'object' && !Array.isArray(entry))
    return entry as JsonObject;
  throw new ConditionError(
    `A list under "all" or "any" holds conditions, but one of them is ${kind(entry)}.`,
  );
}

const NUMERIC = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

function asNumber(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && NUMERIC.test(value.trim())) return Number(value);
  return undefined;
}

/** Equality as `eq` and `switch` mean it. */
export function equal(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (typeof left === 'number' || typeof right === 'number') {
    const numbers = [asNumber(left), asNumber(right)];
    return numbers[0] !== undefined && numbers[0] === numbers[1];
  }
  if (typeof left === 'boolean' || typeof right === 'boolean') return text(left) === text(right);
  if (left !== null && right !== null && typeof left === 'object' && typeof right === 'object') {
    return canonical(left) === canonical(right);
  }
  return false;
}

/** JSON with sorted keys, so that objects with the same fields are equal whatever their order. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function compare(left: Json, right: Json, operator: string): number {
  const a = asNumber(left);
  const b = asNumber(right);
  if (a !== undefined && b !== undefined) return order(a, b);
  if (typeof left === 'string' && typeof right === 'string') {
    const times = [asTime(left), asTime(right)] as const;
    if (times[0] !== undefined && times[1] !== undefined) return order(times[0], times[1]);
    return order(left, right);
  }
  throw new ConditionError(
    `"${operator}" compares two numbers, two times or two texts, but got ${kind(left)} and ${kind(right)}.`,
  );
}

/** Not a difference, which for two infinite numbers would be neither more nor less nor equal. */
function order<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @returns milliseconds since the epoch; a time without a zone is UTC, wherever the worker stands */
function asTime(value: string): number | undefined {
  const match = ISO_TIME.exec(value);
  if (match === null) return undefined;
  const [, clock, zone] = match;
  const at = Date.parse(clock !== undefined && zone === undefined ? `${value}Z` : value);
  return Number.isNaN(at) ? undefined : at;
}

function contains(container: Json, item: Json): boolean {
  if (typeof container === 'string') return container.includes(text(item));
  if (Array.isArray(container)) return container.some((entry: Json) => equal(entry, item));
  if (container === null) return false;
  throw new ConditionError(
    `"contains" and "in" look into a text or a list, but got ${kind(container)}.`,
  );
}

const PATTERN_LIMIT = 200;
const SUBJECT_LIMIT = 10_000;

function matches(value: Json, pattern: Json): boolean {
  const source = text(pattern);
  const subject = text(value);
  if (source.length > PATTERN_LIMIT || subject.length > SUBJECT_LIMIT) {
    throw new ConditionError(
      `"matches" takes a pattern of up to ${PATTERN_LIMIT} characters and a text of up to ${SUBJECT_LIMIT}, but got ${source.length} and ${subject.length}.`,
    );
  }
  try {
    return findsPattern(source, subject);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ConditionError(
      `The pattern ${JSON.stringify(source)} of "matches" ${error.message}.`,
    );
  }
}

function isEmpty(value: Json): boolean {
  if (value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function text(value: Json): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function kind(value: Json): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object'
    ? 'an object'
    : typeof value === 'string'
      ? 'a text'
      : `a ${typeof value}`;
}
