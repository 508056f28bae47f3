/**
 * Expressions: LiquidJS inside the strings of a node's config.
 *
 * A string that is one whole expression (`"{{ lead.score }}"`) keeps the value's type; any other is
 * text. Names are strict: an unknown one is an error that says which, unless `| default:` follows.
 * Rendering is pure and deterministic: it runs in the workflow, so that what a node got is what the
 * history shows. Nothing outside the given scope can be reached: no files, no partials, own
 * properties only.
 */
import { Liquid, type Template } from 'liquidjs';
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

/** Characters that one string may render to, and iterations it may take: a runaway loop ends here. */
const MEMORY_LIMIT = 2_000_000;
const PARSE_LIMIT = 200_000;

const engine = createEngine();

function createEngine(): Liquid {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    memoryLimit: MEMORY_LIMIT,
    parseLimit: PARSE_LIMIT,
    // Replay on another machine must print the same times.
    timezoneOffset: 0,
    locale: 'en-US',
    // No partials: nothing is read from a disk.
    templates: {},
  });
  for (const tag of ['include', 'render', 'layout', 'block'] as const) delete liquid.tags[tag];
  return liquid;
}

/** Matches a string that is one output tag and nothing else; its body is checked for a second one. */
const WHOLE = /^\s*\{\{-?([\s\S]*?)-?\}\}\s*$/;

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
  if (typeof value === 'string') return renderString(value, scope, pointer);
  if (Array.isArray(value)) {
    return value.map((item, index) => renderValue(item, scope, pointer + pointerStep(index)));
  }
  if (value !== null && typeof value === 'object') {
    const rendered: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      rendered[key] = renderValue(item, scope, pointer + pointerStep(key));
    }
    return rendered;
  }
  return value;
}

function renderString(text: string, scope: ExpressionScope, pointer: string): Json {
  if (!hasTemplate(text)) return text;
  try {
    const whole = wholeExpression(text);
    if (whole === undefined) return engine.parseAndRenderSync(text, scope);
    return toJson(engine.evalValueSync(whole, scope));
  } catch (error) {
    throw toExpressionError(error, text, pointer);
  }
}

/** @returns the expression inside the braces, if the string is exactly one output tag */
function wholeExpression(text: string): string | undefined {
  const body = WHOLE.exec(text)?.[1]?.trim();
  if (body === undefined || body === '') return undefined;
  const templates = engine.parse(text).filter((template) => !isBlankText(template));
  return templates.length === 1 ? body : undefined;
}

function isBlankText(template: Template): boolean {
  return template.token.getText().trim() === '';
}

/** What an expression yields may share structure with the scope; the result must be plain JSON. */
function toJson(value: unknown): Json {
  if (value === undefined) return null;
  return JSON.parse(JSON.stringify(value)) as Json;
}

function toExpressionError(error: unknown, text: string, pointer: string): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const unknown = /undefined variable: ([^,\n]+)/.exec(cause.message);
  if (unknown !== null) {
    const name = unknown[1]?.trim() ?? '';
    return new ExpressionError(
      'unknown_name',
      pointer,
      `"${name}" has no value here. Correct the name, or give it a default: {{ ${name} | default: "…" }}.`,
    );
  }
  const reason = cause.message.split('\n')[0]?.replace(/, line:\d+, col:\d+$/, '') ?? '';
  return new ExpressionError(
    'invalid_expression',
    pointer,
    `The expression ${shorten(text)} can’t be read: ${reason}.`,
  );
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}

/** One use of a name in a config: `nodes.mail.output.messageId` at `/body`. */
export interface Reference {
  readonly pointer: string;
  readonly path: readonly (string | number)[];
  /** True where `| default:` follows or it stands in an `if`, so that a missing value is no error. */
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
        const templates = engine.parse(item);
        for (const path of engine.globalVariableSegmentsSync(templates)) {
          references.push({
            pointer: at,
            path: path.filter((step) => typeof step === 'string' || typeof step === 'number'),
            optional: /\|\s*default\b|\{%-?\s*(?:if|unless|elsif|case)\b/.test(item),
          });
        }
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
