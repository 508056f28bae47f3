/**
 * Paths into JSON, a small part of JMESPath's language (https://jmespath.org/specification.html):
 *
 *   orders[0].items[-1]   fields and items, from the end too
 *   "a field".x           a name with other characters than letters, digits, _ and -
 *   items[2:5]            a part of a list
 *   items[*].name         of every item (nothing where an item has none)
 *   items[?price >= 50]   the items that fit; == != < <= > >= with a JSON value or 'text'
 *   prices.*              the values of an object
 */
import type { Json } from '../contract.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'item'; readonly index: number }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'items' }
  | { readonly kind: 'values' }
  | {
      readonly kind: 'filter';
      readonly path: Path;
      readonly operator: string;
      readonly value: Json;
    };

export type Path = readonly Step[];

const TOKENS: readonly (readonly [RegExp, (match: RegExpExecArray, inner: InnerParser) => Step])[] =
  [
    [/\.?\*/y, () => ({ kind: 'values' })],
    [/\[\*\]/y, () => ({ kind: 'items' })],
    [/\[(-?\d{1,9})\]/y, (match) => ({ kind: 'item', index: Number(match[1]) })],
    [
      /\[(-?\d{1,9})?:(-?\d{1,9})?\]/y,
      (match) => ({ kind: 'slice', from: optional(match[1]), to: optional(match[2]) }),
    ],
    [
      /\[\?\s*((?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"'=<>![\]])+)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"(?:[^"\\]|\\.)*"|[^'"\]]+?)\s*\]/y,
      (match, inner) => ({
        kind: 'filter',
        path: inner(match[1] ?? ''),
        operator: match[2] ?? '',
        value: literal(match[3] ?? ''),
      }),
    ],
    [
      /\.?"((?:[^"\\]|\\.)*)"/y,
      (match) => ({ kind: 'field', name: String(JSON.parse(`"${match[1]}"`)) }),
    ],
    [
      /\.?([\p{L}_@#$][\p{L}\p{N}\p{M}_:-]*)/uy,
      (match) => ({ kind: 'field', name: match[1] ?? '' }),
    ],
  ];

type InnerParser = (text: string) => Path;

/**
 * @returns the path; the empty one for an empty text, which means the whole
 * @throws SyntaxError that says where the text can't be read on
 */
export function parsePath(text: string): Path {
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    const step = nextStep(text, at);
    if (step === undefined) {
      throw new SyntaxError(
        `can’t be read from character ${at + 1} on (${JSON.stringify(text.slice(at, at + 20))})`,
      );
    }
    steps.push(step.step);
    at = step.end;
  }
  return steps;
}

function nextStep(
  text: string,
  at: number,
): { readonly step: Step; readonly end: number } | undefined {
  for (const [pattern, toStep] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) continue;
    // A name begins the path or follows a dot.
    const needsDot = /^["\p{L}_@#$*]/u.test(match[0]);
    if ((at === 0) !== needsDot && (needsDot || match[0].startsWith('.'))) continue;
    return { step: toStep(match, parsePath), end: at + match[0].length };
  }
  return undefined;
}

function optional(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function literal(text: string): Json {
  if (text.startsWith("'")) return text.slice(1, -1);
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`compares with ${text}, which is no JSON value; write texts as 'text'`);
  }
}

/** @returns what is there; null where nothing is. Lists come from [*], .*, slices and filters */
export function valueAt(root: Json, path: Path): Json {
  let value = root;
  for (const [index, step] of path.entries()) {
    switch (step.kind) {
      case 'field':
        value = fieldOf(value, step.name);
        break;
      case 'item':
        value = isList(value) ? (value.at(step.index) ?? null) : null;
        break;
      default: {
        const rest = path.slice(index + 1);
        const chosen = choose(value, step);
        // What follows is meant of each item, and an item without it is left out.
        return chosen === undefined
          ? null
          : chosen.map((item) => valueAt(item, rest)).filter((item) => item !== null);
      }
    }
  }
  return value;
}

function choose(
  value: Json,
  step: Exclude<Step, { kind: 'field' | 'item' }>,
): readonly Json[] | undefined {
  if (step.kind === 'values') {
    return value !== null && typeof value === 'object' && !isList(value)
      ? Object.values(value)
      : undefined;
  }
  if (!isList(value)) return undefined;
  switch (step.kind) {
    case 'items':
      return value;
    case 'slice':
      return value.slice(step.from, step.to);
    case 'filter':
      return value.filter((item) => compares(valueAt(item, step.path), step.operator, step.value));
  }
}

function compares(one: Json, operator: string, other: Json): boolean {
  if (operator === '==' || operator === '!=') {
    return (JSON.stringify(one) === JSON.stringify(other)) === (operator === '==');
  }
  const areComparable =
    (typeof one === 'number' && typeof other === 'number') ||
    (typeof one === 'string' && typeof other === 'string');
  if (!areComparable) return false;
  switch (operator) {
    case '<':
      return one < other;
    case '<=':
      return one <= other;
    case '>':
      return one > other;
    default:
      return one >= other;
  }
}

function fieldOf(value: Json, name: string): Json {
  if (value === null || typeof value !== 'object' || isList(value)) return null;
  return Object.hasOwn(value, name) ? (value[name] ?? null) : null;
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
