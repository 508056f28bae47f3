/** zod's findings in plain sentences with JSON pointers. */
import type { z } from 'zod';
import type { ProblemIssue } from './problem.ts';

type ZodIssue = z.core.$ZodIssue;

const FORMATS: Readonly<Record<string, string>> = {
  date: 'a date such as 2026-03-01',
  datetime: 'a time such as 2026-03-01T09:00:00Z',
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
};

/** @returns the JSON pointer (RFC 6901) of a path */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/**
 * @param issues what zod found
 * @param base pointer of the value that was checked, `''` for the body itself
 */
export function toIssues(issues: readonly ZodIssue[], base = ''): ProblemIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        toIssue('unknown_field', `${base}${toPointer([...issue.path, key])}`, 'is not known here.'),
      );
    }
    return [toIssue(issue.code, `${base}${toPointer(issue.path)}`, sentence(issue))];
  });
}

function toIssue(code: string, pointer: string, predicate: string): ProblemIssue {
  return {
    code,
    severity: 'error',
    pointer,
    message: `${pointer === '' ? 'The body' : pointer} ${predicate}`,
  };
}

/** What is wrong, as the rest of a sentence that begins with the field. */
function sentence(issue: ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.includes('received undefined')
        ? `is missing; ${article(issue.expected)} is needed.`
        : `must be ${article(issue.expected)}.`;
    case 'too_small':
      return tooSmall(issue.origin, Number(issue.minimum), issue.inclusive !== false);
    case 'too_big':
      return tooBig(issue.origin, Number(issue.maximum), issue.inclusive !== false);
    case 'invalid_value':
      return `must be ${alternatives(issue.values.map((value) => JSON.stringify(value)))}.`;
    case 'invalid_union':
      if (issue.message !== 'Invalid input') return `${decapitalized(issue.message)}.`;
      return issue.errors.length === 0
        ? 'has a value that is not known here.'
        : 'matches none of the allowed forms.';
    case 'invalid_format':
      // zod's own words name the format only; a schema's own message is a sentence already.
      return issue.message.startsWith('Invalid ')
        ? `must be ${FORMATS[issue.format] ?? `a valid ${issue.format}`}.`
        : `${decapitalized(issue.message)}.`;
    case 'custom':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
    case 'unrecognized_keys':
      return `${decapitalized(issue.message)}${issue.message.endsWith('.') ? '' : '.'}`;
  }
}

function article(type: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'an object',
    record: 'an object',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    null: 'null',
  };
  return names[type] ?? `a ${type}`;
}

function tooSmall(origin: string, limit: number, inclusive: boolean): string {
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

function tooBig(origin: string, limit: number, inclusive: boolean): string {
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

function alternatives(texts: readonly string[]): string {
  const last = texts.at(-1) ?? '';
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} or ${last}`;
}

function decapitalized(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
