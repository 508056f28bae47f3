/**
 * Expressions: LiquidJS inside the strings of a node's config.
 *
 * A string that is one whole expression (`"{{ lead.score }}"`) keeps the value's type; any other is
 * text. Names are strict: an unknown one is an error that says which, unless `| default:` follows.
 * Rendering is pure and deterministic: it runs in the workflow, so that what a node got is what the
 * history shows. Nothing outside the given scope can be reached: no files, no partials, own
 * properties only.
 */
import { toValue } from 'liquidjs';
import {
  type Budget,
  createBudget,
  FILTER_NAMES,
  MEMORY_LIMIT,
  type ParsedText,
  parseText,
} from './expression-engine.ts';
import { unknownFilter } from './expression-filters.ts';
import type { Json, JsonObject } from './json.ts';

/** The names an expression may start from. */
export const EXPRESSION_ROOTS = [
  'lead',
  'input',
  'trigger',
  'nodes',
  'execution',
  'workflow',
  'vars',
  'item',
  'index',
] as const;

export type ExpressionScope = { readonly [root: string]: Json };

/** An expression that can't be rendered. `pointer` says where in the config it stands. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly code: 'unknown_name' | 'invalid_expression';
  readonly pointer: string;

  constructor(code: 'unknown_name' | 'invalid_expression', pointer: string, message: string) {
    super(message);
    this.code = code;
    this.pointer = pointer;
  }
}

function hasTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}

/** Escapes one step of a JSON pointer (RFC 6901). */
export function pointerStep(step: string | number): string {
  return `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/**
 * Renders every string of a config.
 * @param pointer where `value` stands, the prefix of an error's pointer
 * @throws ExpressionError on an unknown name or a syntax error
 */
export function renderValue(value: Json, scope: ExpressionScope, pointer = ''): Json {
  return renderWithin(createBudget(), value, scope, pointer);
}

function renderWithin(budget: Budget, value: Json, scope: ExpressionScope, pointer: string): Json {
  if (typeof value === 'string') return renderString(value, scope, pointer, budget);
  if (Array.isArray(value)) {
    return value.map((item: Json, index) =>
      renderWithin(budget, item, scope, pointer + pointerStep(index)),
    );
  }
  if (value !== null && typeof value === 'object') {
    // fromEntries defines fields; assigning one called __proto__ would set the object's prototype.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        renderWithin(budget, item, scope, pointer + pointerStep(key)),
      ]),
    );
  }
  return value;
}

function renderString(text: string, scope: ExpressionScope, pointer: string, budget: Budget): Json {
  if (!hasTemplate(text)) return text;
  try {
    const parsed = parseText(text);
    refuseNamesBelowNothing(parsed, scope, pointer);
    const result = parsed.evaluate(scope, budget);
    return typeof result === 'string' ? result : toJson(result);
  } catch (error) {
    throw toExpressionError(error, text, pointer);
  }
}

/**
 * LiquidJS is strict about unknown names, but not below a null: `lead.name` without a lead, or a
 * field of a result that is null, would silently render as nothing, and be sent so.
 */
function refuseNamesBelowNothing(
  { paths, optional }: ParsedText,
  scope: ExpressionScope,
  pointer: string,
): void {
  if (optional) return;
  for (const path of paths) {
    let value: Json | undefined = scope;
    for (const [index, step] of path.entries()) {
      if (value === null) throw unknownName(path.slice(0, index + 1).join('.'), pointer);
      if (typeof value !== 'object') break;
      value = (value as { readonly [key: string]: Json | undefined })[step];
    }
  }
}

/** What an expression yields may share structure with the scope; the result must be plain JSON. */
function toJson(result: unknown): Json {
  // `nil`, `empty` and `blank` are objects of LiquidJS that stand for a value.
  const value: unknown = toValue(result);
  if (value === undefined) return null;
  return JSON.parse(JSON.stringify(value)) as Json;
}

function toExpressionError(error: unknown, text: string, pointer: string): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const unknown = /undefined variable: ([^,\n]+)/.exec(cause.message);
  if (unknown !== null) return unknownName(unknown[1]?.trim() ?? '', pointer);
  const said = cause.message.split('\n')[0]?.replace(/, line:\d+, col:\d+$/, '') ?? '';
  const reason = inPlainWords(said);
  const end = /[.?]$/.test(reason) ? '' : '.';
  return new ExpressionError(
    'invalid_expression',
    pointer,
    `The expression ${shorten(text)} can’t be worked out: ${reason}${end}`,
  );
}

/** LiquidJS's own words are for those who write templates for a living. */
function inPlainWords(said: string): string {
  const filter = /undefined filter: (\S+)/.exec(said)?.[1];
  if (filter !== undefined) return unknownFilter(filter, FILTER_NAMES);
  if (said === 'memory alloc limit exceeded') {
    return `it works on more than ${MEMORY_LIMIT} characters or items; do that in a code node`;
  }
  return said;
}

function unknownName(name: string, pointer: string): ExpressionError {
  return new ExpressionError(
    'unknown_name',
    pointer,
    `"${name}" has no value here. Correct the name, or give it a default: {{ ${name} | default: "…" }}.`,
  );
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}

/** One use of a name in a config: `nodes.mail.output.messageId` at `/body`. */
export interface Reference {
  readonly pointer: string;
  readonly path: readonly (string | number)[];
  /** True where its text has a `| default:` or an `if`, so that a missing value may be no error. */
  readonly optional: boolean;
}

/**
 * Lists the names that a config uses, and the expressions in it that can't be parsed.
 * Never throws.
 */
export function findReferences(
  value: Json,
  pointer = '',
): { readonly references: readonly Reference[]; readonly errors: readonly ExpressionError[] } {
  const references: Reference[] = [];
  const errors: ExpressionError[] = [];
  const visit = (item: Json, at: string): void => {
    if (typeof item === 'string') {
      if (!hasTemplate(item)) return;
      try {
        const { paths, optional } = parseText(item);
        for (const path of paths) references.push({ pointer: at, path, optional });
      } catch (error) {
        errors.push(toExpressionError(error, item, at));
      }
      return;
    }
    if (Array.isArray(item)) {
      item.forEach((entry: Json, index) => {
        visit(entry, at + pointerStep(index));
      });
    } else if (item !== null && typeof item === 'object') {
      for (const [key, entry] of Object.entries(item as JsonObject))
        visit(entry, at + pointerStep(key));
    }
  };
  visit(value, pointer);
  return { references, errors };
}
