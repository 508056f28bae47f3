import { ConnectorError } from '../errors.ts';

/** What people put between digits, and the invisible direction marks that copied numbers carry. */
const SEPARATORS = /[\s\-‐-―()./\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const ARABIC_INDIC_ZERO = 0x0660;
const EXTENDED_ARABIC_INDIC_ZERO = 0x06f0;

/**
 * Brings a phone number to E.164 (ITU-T E.164: `+`, country code, at most 15 digits).
 * @param text a number with its country code: `+971 50 123-4567`, `00971501234567`, `971501234567`;
 *   Arabic digits are understood
 * @throws ConnectorError invalid_config for anything else, without repeating the number
 */
export function toE164(text: string): string {
  const compact = text
    .replace(/[\u0660-\u0669]/g, (digit) => asciiDigit(digit, ARABIC_INDIC_ZERO))
    .replace(/[\u06f0-\u06f9]/g, (digit) => asciiDigit(digit, EXTENDED_ARABIC_INDIC_ZERO))
    .replace(SEPARATORS, '');
  const digits = compact.replace(/^(\+|00)/, '');
  if (!/^\d+$/.test(digits)) throw refused('it has characters that no phone number has');
  if (digits.startsWith('0')) throw refused('it starts with 0, so its country code is missing');
  if (digits.length < 8 || digits.length > 15) {
    throw refused(`it has ${digits.length} digits, and a number with country code has 8 to 15`);
  }
  return `+${digits}`;
}

function asciiDigit(digit: string, zero: number): string {
  return String((digit.codePointAt(0) ?? zero) - zero);
}

function refused(reason: string): ConnectorError {
  return new ConnectorError(
    'invalid_config',
    `The field "to" is no phone number that WhatsApp can reach: ${reason}. Write it with its country code, for example +971501234567.`,
    { effect: 'none', permanent: true, pointer: '/to' },
  );
}
