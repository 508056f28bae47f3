/** zod's findings in plain sentences with JSON pointers. */
import type { z } from 'zod';
import { predicateOf } from '../workflows/graph/issue-words.ts';
import type { ProblemIssue } from './problem.ts';

type ZodIssue = z.core.$ZodIssue;

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
    return [
      toIssue(issue.code, `${base}${toPointer(issue.path)}`, predicateOf(issue, isAbsent(issue))),
    ];
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

/** zod's words are the only place where it says that there was no value. */
function isAbsent(issue: ZodIssue): boolean {
  return issue.message.includes('received undefined');
}
