import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { toIssues, toPointer } from './zod-issues.ts';

const issuesOf = (schema: z.ZodType, value: unknown) => {
  const result = schema.safeParse(value);
  return result.success ? [] : toIssues(result.error.issues);
};

test('pointers follow RFC 6901', () => {
  expect(toPointer(['a/b', 0, 'c~d'])).toBe('/a~1b/0/c~0d');
  expect(toPointer([])).toBe('');
});

test('sentences name the field and what it must be, never what was sent', () => {
  const schema = z.strictObject({
    name: z.string(),
    age: z.number().int().max(150),
    tags: z.array(z.string()).max(1),
    kind: z.enum(['a', 'b']),
    when: z.iso.date(),
  });
  const issues = issuesOf(schema, {
    age: 151,
    tags: ['secret', 'secret'],
    kind: 'secret',
    when: 'secret',
    'new field': 1,
  });
  expect(issues.map(({ pointer, message }) => [pointer, message])).toEqual([
    ['/name', '/name is missing; a text is needed.'],
    ['/age', '/age is too large: it must be at most 150.'],
    ['/tags', '/tags has too many entries: at most 1.'],
    ['/kind', '/kind must be "a" or "b".'],
    ['/when', '/when must be a date such as 2026-03-01.'],
    ['/new field', '/new field is not known here.'],
  ]);
  expect(JSON.stringify(issues)).not.toContain('secret');
  expect(issuesOf(z.string(), 5)[0]?.message).toBe('The body must be a text.');
  const told = z.object({
    to: z.union([z.string(), z.array(z.string())], { error: 'must be mail' }),
  });
  expect(issuesOf(told, { to: 5 })[0]?.message).toBe('/to must be mail.');
});
