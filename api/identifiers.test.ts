import { expect, test } from '@jest/globals';
import { canonicalJson, keyedExecutionId, newExecutionId, timeOrderedHex } from './identifiers.ts';

test('ids made later sort later, and are UUIDs of version 7', () => {
  const earlier = timeOrderedHex(1_700_000_000_000);
  const later = timeOrderedHex(1_700_000_000_001);
  expect(earlier < later).toBe(true);
  expect(earlier).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect(newExecutionId('w')).toMatch(/^w_[0-9a-f]{32}$/);
});

test('a key gives the same id, and another one per project and workflow', () => {
  const id = keyedExecutionId('p', 'w', 'k');
  expect(keyedExecutionId('p', 'w', 'k')).toBe(id);
  expect(id).toMatch(/^w_[0-9a-f]{32}$/);
  // The parts are kept apart: moving a character from one to the next makes another id.
  expect(keyedExecutionId('pw', '', 'k')).not.toBe(keyedExecutionId('p', 'w', 'k'));
  expect(keyedExecutionId('p2', 'w', 'k')).not.toBe(id);
});

test('the order of keys does not matter, that of items does', () => {
  expect(canonicalJson({ b: 1, a: { d: 2, c: [1, 2] } })).toBe(
    canonicalJson({ a: { c: [1, 2], d: 2 }, b: 1 }),
  );
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  expect(canonicalJson(undefined)).toBe('null');
});
