import { createHash, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { isolateHelpers } from './isolate-helpers.ts';

const made = z
  .record(
    z.string(),
    z.custom<(...args: readonly unknown[]) => unknown>((f) => typeof f === 'function'),
  )
  .parse(isolateHelpers('execution/node/'));
const call = (name: string, ...args: readonly unknown[]): unknown => made[name]?.(...args);

describe('hashes agree with Node', () => {
  test.each(['sha256', 'sha1', 'md5'])('%s', (algorithm) => {
    for (const size of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 1_000, 10_000]) {
      const text = randomBytes(size).toString('latin1');
      const secret = randomBytes(size % 200).toString('latin1');
      for (const encoding of ['hex', 'base64'] as const) {
        expect(call('hash', text, algorithm, encoding)).toBe(
          createHash(algorithm).update(text).digest(encoding),
        );
        expect(call('hmac', text, secret, algorithm, encoding)).toBe(
          createHmac(algorithm, secret).update(text).digest(encoding),
        );
      }
    }
  });

  test('sha256 in hex is what is meant where nothing is said', () => {
    expect(call('hash', 5)).toBe(createHash('sha256').update('5').digest('hex'));
    expect(() => call('hash', { a: 1 })).toThrow('helpers.hash needs a text');
    expect(() => call('hash', 'a', 'sha3')).toThrow('sha256, sha1 and md5');
    expect(() => call('hash', 'a', 'md5', 'base32')).toThrow('hex and base64');
  });
});

test('Base64 agrees with Node', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(call('base64Encode', text)).toBe(Buffer.from(text).toString('base64'));
      expect(call('base64Decode', Buffer.from(text).toString('base64url'))).toBe(text);
    }),
  );
  expect(() => call('base64Decode', 'é')).toThrow('no Base64');
});

test('ids are of version 5 (RFC 9562), in the namespace of URLs', () => {
  const namespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');
  const name = 'https://example.com/ليلى';
  const bytes = createHash('sha1').update(namespace).update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  expect(String(call('uuid', name)).replaceAll('-', '')).toBe(bytes.toString('hex'));
  expect(call('uuid')).not.toBe(call('uuid'));
});

test('times', () => {
  expect(call('addTime', '2026-01-31', '1mo')).toBe('2026-02-28T00:00:00.000Z');
  expect(call('addTime', '2024-02-29', '-1y')).toBe('2023-02-28T00:00:00.000Z');
  expect(call('addTime', '2026-01-31T10:00:00Z', '36h')).toBe('2026-02-01T22:00:00.000Z');
  expect(call('addTime', 0, '2w')).toBe('1970-01-15T00:00:00.000Z');
  expect(
    call('formatDate', '2026-03-01T20:30:00Z', { zone: 'Asia/Dubai', timeStyle: 'short' }),
  ).toMatch(/^12:30\sAM$/);
  expect(() => call('addTime', 'soon', '1d')).toThrow('no time');
  expect(() => call('addTime', 0, 'a while')).toThrow('a length such as');
});

test('ways into objects', () => {
  const input = { lead: { tags: ['gold'], none: null } };
  expect(call('get', input, 'lead.tags.0')).toBe('gold');
  expect(call('get', input, 'lead.none', 'x')).toBe('x');
  expect(call('get', input, 'lead.tags.length.x', 'x')).toBe('x');
  expect(call('get', input, 'constructor.name')).toBeNull();
  expect(call('parseJson', '{"a":1}')).toEqual({ a: 1 });
  expect(call('parseJson', 'x', [])).toEqual([]);
});
