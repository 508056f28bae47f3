import { describe, expect, test } from '@jest/globals';
import { ConnectorError } from '../errors.ts';
import { toE164 } from './phone-number.ts';

describe('toE164', () => {
  test.each([
    ['+971501234567', '+971501234567'],
    ['971501234567', '+971501234567'],
    ['00971501234567', '+971501234567'],
    ['+971 50 123-4567', '+971501234567'],
    ['00 971 (50) 123.4567', '+971501234567'],
    ['\u202a+971\u00a050\u202f123 4567\u202c', '+971501234567'],
    ['+٩٧١٥٠١٢٣٤٥٦٧', '+971501234567'],
    ['+۹۷۱ ۵۰ ۱۲۳ ۴۵۶۷', '+971501234567'],
    ['+1 (650) 555-1234', '+16505551234'],
    ['+123456789012345', '+123456789012345'],
  ])('understands %s', (written, expected) => {
    expect(toE164(written)).toBe(expected);
  });

  test.each([
    ['0501234567', /country code is missing/],
    ['+0971501234567', /country code is missing/],
    ['+1234567', /7 digits/],
    ['+1234567890123456', /16 digits/],
    ['', /no phone number has/],
    ['+97150CALLME', /no phone number has/],
    ['lead@example.com', /no phone number has/],
    ['++971501234567', /no phone number has/],
  ])('refuses %s', (written, reason) => {
    let error: unknown;
    try {
      toE164(written);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConnectorError);
    expect(error).toMatchObject({
      code: 'invalid_config',
      effect: 'none',
      permanent: true,
      pointer: '/to',
      message: expect.stringMatching(reason),
    });
    if (written !== '') expect((error as Error).message).not.toContain(written);
  });
});
