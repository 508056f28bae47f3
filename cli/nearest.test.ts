import { expect, test } from '@jest/globals';
import { nearest } from './nearest.ts';

const WORDS = ['approval', 'broadcast', 'saga'];

test.each([
  ['aproval', 'approval'],
  ['Broadcats', 'broadcast'],
  ['sag', 'saga'],
  ['invoice', undefined],
])('%s is taken for %s', (written, meant) => {
  expect(nearest(written, WORDS)).toBe(meant);
});
