/**
 * What a schema finds wrong, in words for people who don't program. Every sentence's predicate
 * comes from here, for bodies of requests and for configs of nodes alike.
 */
import type { InputIssue } from './catalog-view.ts';

const FORMATS: Readonly<Record<string, string>> = {
  base64: 'base64',
  date: 'a date such as 2026-03-01',
  datetime: 'a time such as 2026-03-01T09:00:00Z',
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
};

const TYPES: Readonly<Record<string, string>> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'null',
};

/**
 * @param isAbsent true if there is no value at the issue's path
 * @returns the rest of a sentence that begins with the field, full stop included
 */
export function predicateOf(issue: InputIssue, isAbsent: boolean): string {
  const told = issue.message;
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.expected === 'nonoptional') return 'is missing; give it a value.';
      const expected = TYPES[issue.expected ?? ''] ?? `a ${issue.expected ?? 'value'}`;
      if (isAbsent) return `is missing; ${expected} is needed.`;
      return /^Invalid input/.test(told) ? `must be ${expected}.` : own(told, false);
    }
    case 'too_small':
      return /^Too small/.test(told)
        ? tooSmall(issue.origin, Number(issue.minimum), issue.inclusive !== false)
        : own(told, isAbsent);
    case 'too_big':
      return /^Too big/.test(told)
        ? tooBig(issue.origin, Number(issue.maximum), issue.inclusive !== false)
        : own(told, isAbsent);
    case 'invalid_value': {
      if (!/^Invalid (?:option|input)/.test(told)) return own(told, isAbsent);
      const choices = alternatives((issue.values ?? []).map((value) => shown(value)));
      return isAbsent ? `is missing: it must be ${choices}.` : `must be ${choices}.`;
    }
    case 'invalid_union':
      if (told !== 'Invalid input') return own(told, isAbsent);
      return unionPredicate(issue.errors ?? [], isAbsent);
    case 'invalid_format':
      // zod's own words name the format only; a schema's own message is a sentence already.
      return told.startsWith('Invalid ')
        ? `must be ${FORMATS[issue.format ?? ''] ?? `a valid ${issue.format ?? 'text'}`}.`
        : own(told, isAbsent);
    case 'not_multiple_of':
      return 'must be a whole number.';
    case 'unrecognized_keys':
      return `has fields that are not known here: ${(issue.keys ?? []).join(', ')}.`;
    default:
      return /^Invalid (?:input|element|key)/.test(told)
        ? 'is not of a form that is known here.'
        : own(told, isAbsent);
  }
}

/** A schema's own words: the end of a sentence already. */
function own(message: string, isAbsent: boolean): string {
  const text = message.charAt(0).toLowerCase() + message.slice(1);
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return isAbsent && /^must\b/.test(ended) ? `is missing: it ${ended}` : ended;
}

/** Of a union: the types that it takes, where that is all that its members say. */
function unionPredicate(members: readonly (readonly InputIssue[])[], isAbsent: boolean): string {
  const types = members.map((found) => {
    const [first] = found;
    if (found.length !== 1 || first?.path.length !== 0) return undefined;
    if (first.code === 'invalid_type') return TYPES[first.expected ?? ''];
    if (first.code === 'invalid_value') return alternatives((first.values ?? []).map(shown));
    return undefined;
  });
  const known = types.filter((type) => type !== undefined);
  if (known.length === 0 || known.length < types.length) {
    return isAbsent ? 'is missing.' : 'is not of a form that is known here.';
  }
  const choices = alternatives([...new Set(known)]);
  return isAbsent ? `is missing: it must be ${choices}.` : `must be ${choices}.`;
}

/**
 * Of a union's members the one that was most likely meant, if one is: the only one that finds
 * nothing wrong with the value's own type.
 * @returns its issues, with paths that start at the union's value
 */
export function meantMember(issue: InputIssue): readonly InputIssue[] | undefined {
  if (issue.code !== 'invalid_union') return undefined;
  const fitting = (issue.errors ?? []).filter((found) =>
    found.every(
      ({ code, path }) =>
        path.length > 0 || (code !== 'invalid_type' && code !== 'unrecognized_keys'),
    ),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function tooSmall(origin: string | undefined, limit: number, inclusive: boolean): string {
  switch (origin) {
    case 'string':
      return limit <= 1
        ? 'must not be empty.'
        : `is too short: it needs at least ${limit} characters.`;
    case 'array':
    case 'set':
      return limit <= 1
        ? 'needs at least one entry.'
        : `has too few entries: it needs at least ${limit}.`;
    default:
      return inclusive
        ? `is too small: it must be at least ${limit}.`
        : `must be more than ${limit}.`;
  }
}

function tooBig(origin: string | undefined, limit: number, inclusive: boolean): string {
  switch (origin) {
    case 'string':
      return `is too long: at most ${limit} characters.`;
    case 'array':
    case 'set':
      return `has too many entries: at most ${limit}.`;
    default:
      return inclusive
        ? `is too large: it must be at most ${limit}.`
        : `must be less than ${limit}.`;
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}

/** `a, b or c` */
export function alternatives(texts: readonly string[]): string {
  const last = texts.at(-1) ?? '';
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} or ${last}`;
}

/**
 * The name that was probably meant: one that holds the other, or else the one with the fewest
 * letters to change: two, or a third of a long one, at most.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const holds =
      Math.min(wanted.length, other.length) >= 3 &&
      (other.includes(wanted) || wanted.includes(other));
    const distance = holds ? 0.5 : editDistance(wanted, other);
    const longer = Math.max(wanted.length, other.length);
    const limit = Math.max(longer < 4 ? 1 : 2, Math.floor(longer / 3));
    if (distance <= limit && (best === undefined || distance < best.distance)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
}

/** Letters to insert, remove or replace (Wagner and Fischer 1974), in two rows. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 32) return Number.POSITIVE_INFINITY;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const changed = Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1);
      current.push(Math.min(replaced, changed));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
