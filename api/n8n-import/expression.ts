/**
 * Translates n8n's expressions (JavaScript in double braces) to Masar's, where it is certain that
 * they mean the same. https://docs.n8n.io/code/expressions/
 */
import type { Json, JsonObject } from '../../workflows/graph/json.ts';

export type Step = string | number;

/** What a name comes to: an expression, or why it can't be said. */
export type Resolved = { readonly text: string } | { readonly problem: string };

/** What the names of an expression stand for at the node that has it. */
export interface Names {
  /** `$json` with the fields after it. */
  json(path: readonly Step[]): Resolved;
  /** `$('name').item.json` with the fields after it. */
  node(name: string, path: readonly Step[]): Resolved;
  /** `$itemIndex`. */
  index(): Resolved;
  readonly timezone: string | undefined;
}

/** An expression that has no certain counterpart. Its message says why. */
class UncertainError extends Error {
  override readonly name = 'UncertainError';
}

export interface Translated {
  readonly value: Json;
  /** What could not be carried over, and why. */
  readonly problems: readonly { readonly expression: string; readonly reason: string }[];
}

/** Translates a parameter with all that is in it. */
export function translateValue(value: Json, names: Names): Translated {
  const problems: { expression: string; reason: string }[] = [];
  const visit = (item: Json): Json => {
    if (typeof item === 'string') return translateText(item, names, problems);
    if (Array.isArray(item)) return item.map(visit);
    if (item === null || typeof item !== 'object') return item;
    return Object.fromEntries(
      Object.entries(item as JsonObject).map(([key, entry]) => [key, visit(entry)]),
    );
  };
  return { value: visit(value), problems };
}

/** Longer ones are programs, which belong into a code node. */
const MAX_EXPRESSION = 2_000;

function translateText(
  text: string,
  names: Names,
  problems: { expression: string; reason: string }[],
): string {
  if (!text.startsWith('=')) return literal(text);
  return segments(text.slice(1))
    .map((segment) => {
      if ('text' in segment) return literal(segment.text);
      const { expression } = segment;
      try {
        if (expression.length > MAX_EXPRESSION) throw new UncertainError('it is too long');
        return `{{ ${translateExpression(expression, names)} }}`;
      } catch (error) {
        if (!(error instanceof UncertainError)) throw error;
        problems.push({ expression: expression.slice(0, 200), reason: error.message });
        return leftOver(expression);
      }
    })
    .join('');
}

/** A template's texts and expressions, in their order. */
function segments(
  template: string,
): readonly ({ readonly text: string } | { readonly expression: string })[] {
  const found: ({ text: string } | { expression: string })[] = [];
  let position = 0;
  for (;;) {
    const start = template.indexOf('{{', position);
    const end = start < 0 ? -1 : template.indexOf('}}', start);
    if (end < 0) return [...found, { text: template.slice(position) }];
    found.push({ text: template.slice(position, start) });
    found.push({ expression: template.slice(start + 2, end).trim() });
    position = end + 2;
  }
}

/** Text that only looks like an expression of ours. */
function literal(text: string): string {
  return /\{\{|\{%/.test(text) ? `{% raw %}${text}{% endraw %}` : text;
}

/** Names nothing, so that validation refuses to publish the draft until a person has replaced it. */
export function leftOver(expression: string): string {
  const shown = expression.replaceAll(/\s+/g, ' ').replaceAll('"', "'").replaceAll(/[{}%]/g, '');
  return `{{ n8n["${shown.slice(0, 200)}"] }}`;
}

/** @throws UncertainError */
function translateExpression(expression: string, names: Names): string {
  const reader = createReader(expression, names);
  const result = reader.alternatives();
  reader.end();
  return result;
}

const JSON_HEAD = /\$json(?![\w$])|\$input\.(?:item|first\(\)|last\(\))\.json(?![\w$])/y;
const NODE_HEADS = [
  /\$\(\s*(["'`])(.*?)\1\s*\)\.(?:item|first\(\)|last\(\)|all\(\)\[0\])\.json(?![\w$])/y,
  /\$node\[\s*(["'`])(.*?)\1\s*\]\.(?:json|data)(?![\w$])/y,
  /\$node()\.(\w+)\.(?:json|data)(?![\w$])/y,
  /\$items\(\s*(["'`])(.*?)\1\s*(?:,\s*0\s*)*\)\[0\]\.json(?![\w$])/y,
] as const;
const STEP =
  /\s*(?:\??\.\s*([A-Za-z_$][\w$]*)(?!\w*\s*\()|\??\.?\[\s*(?:(["'`])(.*?)\2|(\d+))\s*\])/y;
const METHOD = /\s*\??\.\s*([A-Za-z_$][\w$]*)\s*\(([^()]*)\)/y;
const LENGTH = /\s*\??\.\s*length(?![\w$(])/y;
const STRING = /(["'`])((?:(?!\1|\\|\$\{)[\s\S])*)\1/y;
const NUMBER = /-?\d+(?:\.\d+)?(?![\w.])/y;
const KEYWORD = /(true|false|null|undefined)(?![\w$])/y;

/** A small recursive-descent reader: alternatives, sums, values with what is called on them. */
function createReader(source: string, names: Names) {
  let position = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = position;
    const match = pattern.exec(source);
    if (match !== null) position = pattern.lastIndex;
    return match;
  }

  function alternatives(): string {
    let result = sum();
    for (let sign = take(/\s*(\|\||\?\?)/y); sign !== null; sign = take(/\s*(\|\||\?\?)/y)) {
      const other = sum();
      if (/\s\|\s/.test(other))
        throw new UncertainError('its last part is a calculation of its own');
      result += ` | default: ${other}`;
    }
    return result;
  }

  function sum(): string {
    const parts = [value()];
    while (take(/\s*\+(?!\+)/y) !== null) parts.push(value());
    if (parts.length === 1) return parts[0] ?? '';
    // With a text among them, + joins; with none it may add numbers, which nobody knows here.
    if (!parts.some((part) => /^["']/.test(part) && !part.startsWith('"now"'))) {
      throw new UncertainError('"+" may add numbers or join texts');
    }
    const [first = '', ...rest] = parts;
    if (rest.some((part) => part.includes(' | '))) {
      throw new UncertainError('a part of the sum is a calculation of its own');
    }
    return first + rest.map((part) => ` | append: ${part}`).join('');
  }

  function value(): string {
    take(/\s*/y);
    return calls(primary());
  }

  function primary(): string {
    if (take(JSON_HEAD) !== null) return resolved(names.json(path()));
    for (const head of NODE_HEADS) {
      const match = take(head);
      if (match !== null) return resolved(names.node(match[2] ?? '', path()));
    }
    if (take(/\$now(?![\w$])|DateTime\.(?:now|local)\(\)|new Date\(\)/y) !== null) return '"now"';
    if (take(/\$today(?![\w$])/y) !== null) {
      return `"now" | start_of: "day", ${quote(names.timezone ?? 'UTC')}`;
    }
    if (take(/\$execution\.id(?![\w$])/y) !== null) return 'execution.id';
    const workflow = take(/\$workflow\.(id|name)(?![\w$])/y);
    if (workflow !== null) return `workflow.${workflow[1]}`;
    if (take(/\$(?:itemIndex|runIndex)(?![\w$])/y) !== null) return resolved(names.index());
    const text = take(STRING);
    if (text !== null) return quote(text[2] ?? '');
    const number = take(NUMBER);
    if (number !== null) return number[0];
    const keyword = take(KEYWORD);
    if (keyword !== null)
      return keyword[1] === 'undefined' ? 'nil' : (keyword[1] ?? 'nil').replace('null', 'nil');
    const secret = /^\s*\$(env|vars|secrets)\b/.exec(source.slice(position));
    if (secret !== null) {
      throw new UncertainError(
        `$${secret[1]} is a setting of n8n that expressions can’t reach here`,
      );
    }
    throw new UncertainError('it is JavaScript that has no counterpart in expressions');
  }

  function path(): readonly Step[] {
    const steps: Step[] = [];
    for (;;) {
      const before = position;
      // What a text or a list has besides its fields.
      if (take(LENGTH) !== null) {
        position = before;
        return steps;
      }
      const match = take(STEP);
      if (match === null) return steps;
      const [, field, , quoted, index] = match;
      steps.push(field ?? quoted ?? Number(index));
    }
  }

  function calls(base: string): string {
    let result = base;
    for (;;) {
      if (take(LENGTH) !== null) {
        result += ' | size';
        continue;
      }
      const match = take(METHOD);
      if (match === null) return result;
      result += ` | ${filterFor(match[1] ?? '', (match[2] ?? '').trim(), names.timezone)}`;
    }
  }

  return {
    alternatives,
    end(): void {
      if (source.slice(position).trim() !== '') {
        throw new UncertainError('it is JavaScript that has no counterpart in expressions');
      }
    },
  };
}

function resolved(result: Resolved): string {
  if ('problem' in result) throw new UncertainError(result.problem);
  return result.text;
}

export function quote(text: string): string {
  if (!text.includes('"')) return `"${text}"`;
  if (!text.includes("'")) return `'${text}'`;
  throw new UncertainError('it has a text with both kinds of quotes');
}

const PLAIN: Readonly<Record<string, string>> = {
  toUpperCase: 'upcase',
  toLowerCase: 'downcase',
  trim: 'strip',
  toString: 'to_text',
  toISO: 'iso',
  toISOString: 'iso',
  first: 'first',
  last: 'last',
  toTitleCase: 'capitalize',
};

/** The filter that does what a method does. @throws UncertainError */
function filterFor(method: string, written: string, timezone: string | undefined): string {
  const given = written === '' ? [] : written.split(/,(?=(?:[^"']*["'][^"']*["'])*[^"']*$)/);
  const texts = given.map((argument) => /^\s*(["'])(.*)\1\s*$/s.exec(argument)?.[2]);
  const [first, second] = texts;
  const plain = PLAIN[method];
  if (plain !== undefined && given.length === 0) return plain;
  if (method === 'join' && first !== undefined) return `join: ${quote(first)}`;
  if (method === 'split' && first !== undefined) return `split: ${quote(first)}`;
  if (method === 'replace' && first !== undefined && second !== undefined) {
    return `replace_first: ${quote(first)}, ${quote(second)}`;
  }
  if (method === 'replaceAll' && first !== undefined && second !== undefined) {
    return `replace: ${quote(first)}, ${quote(second)}`;
  }
  if ((method === 'toFormat' || method === 'format') && first !== undefined) {
    return `date: ${quote(strftime(first))}, ${quote(timezone ?? 'UTC')}`;
  }
  if (method === 'plus' || method === 'minus') {
    const span = timeSpan(written);
    if (span !== undefined) {
      return `${method === 'plus' ? 'date_add' : 'date_subtract'}: "${span}", ${quote(timezone ?? 'UTC')}`;
    }
  }
  throw new UncertainError(`the method ${method}() has no filter that does just the same`);
}

const UNITS: Readonly<Record<string, string>> = {
  second: 's',
  minute: 'm',
  hour: 'h',
  day: 'd',
  week: 'w',
  month: 'mo',
  year: 'y',
};

/** `{ days: 2 }` or `2, 'days'` */
function timeSpan(written: string): string | undefined {
  const match =
    /^\{\s*["']?(\w+?)s?["']?\s*:\s*(\d+)\s*\}$/.exec(written) ??
    /^(?<amount>\d+)\s*,\s*["'](?<unit>\w+?)s?["']$/.exec(written);
  if (match === null) return undefined;
  const unit = UNITS[match.groups?.unit ?? match[1] ?? ''];
  return unit === undefined ? undefined : `${match.groups?.amount ?? match[2]}${unit}`;
}

/** https://moment.github.io/luxon/#/formatting?id=table-of-tokens */
const TOKENS: Readonly<Record<string, string>> = {
  yyyy: '%Y',
  yy: '%y',
  LLLL: '%B',
  MMMM: '%B',
  LLL: '%b',
  MMM: '%b',
  LL: '%m',
  MM: '%m',
  dd: '%d',
  d: '%-d',
  cccc: '%A',
  EEEE: '%A',
  ccc: '%a',
  EEE: '%a',
  HH: '%H',
  H: '%-H',
  hh: '%I',
  h: '%-I',
  mm: '%M',
  ss: '%S',
  SSS: '%L',
  a: '%p',
};

function strftime(format: string): string {
  return format.replaceAll(/'([^']*)'|([A-Za-z])\2*/g, (token, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted;
    const directive = TOKENS[token];
    if (directive === undefined) {
      throw new UncertainError(`"${token}" in a date’s form has no counterpart`);
    }
    return directive;
  });
}

/** `base.a["b c"][0]` */
export function pathText(base: string, path: readonly Step[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return /^[A-Za-z_]\w*$/.test(step) ? `${text}.${step}` : `${text}[${quote(step)}]`;
  }, base);
}
