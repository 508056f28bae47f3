/** Filters for text and numbers that LiquidJS has none for. */

import {
  charge,
  type ExpressionFilter,
  type FilterThis,
  latinDigits,
  localeOf,
  numberOf,
  plain,
  textArgument,
  textOf,
} from './filter-support.ts';
import { numberFormatter } from './formatters.ts';

const MAX_PAD = 1_000;

function pad(
  filter: FilterThis,
  value: unknown,
  width: unknown,
  fill: unknown,
): [string, number, string] {
  const length = numberOf(filter, width);
  if (length > MAX_PAD)
    throw new Error(`${filter.token.name} pads to ${MAX_PAD} characters at most`);
  charge(filter, length);
  return [textOf(filter, value), length, textArgument(fill, ' ')];
}

/**
 * Brings a phone number to E.164 (`+`, country code, at most 15 digits), without repeating it in an
 * error.
 * @param country the calling code of numbers that are written without one: "971" or "+971"
 */
function phone(text: string, country: string): string {
  const compact = latinDigits(text).replace(/[^\p{L}\d+]/gu, '');
  const code = country.replace(/^\+|^00/, '');
  let digits = compact.replace(/^(?:\+|00)/, '');
  if (compact === digits && code !== '' && !isWholeNumber(digits, code)) {
    // Italy keeps the leading 0 of a national number, other countries drop it.
    digits = code + (code === '39' ? digits : digits.replace(/^0/, ''));
  }
  if (!/^\d+$/.test(digits)) throw new Error('phone was given what is no phone number');
  if (digits.startsWith('0')) {
    throw new Error('phone needs the country of numbers without one, as in "| phone: \'971\'"');
  }
  if (digits.length < 8 || digits.length > 15) {
    throw new Error(
      'phone was given a number whose length isn’t 8 to 15 digits with its country code',
    );
  }
  return `+${digits}`;
}

/** A number that begins with its country's code and is too long to be a national one. */
function isWholeNumber(digits: string, code: string): boolean {
  return digits.startsWith(code) && digits.length >= code.length + 8;
}

export const TEXT_FILTERS: Readonly<Record<string, ExpressionFilter>> = {
  trim(value) {
    return textOf(this, value).trim();
  },

  phone(value, country) {
    return phone(textOf(this, value), textArgument(country, ''));
  },

  latin_digits(value) {
    return latinDigits(textOf(this, value));
  },

  pad_start(value, width, fill) {
    const [text, length, characters] = pad(this, value, width, fill);
    return text.padStart(length, characters);
  },

  pad_end(value, width, fill) {
    const [text, length, characters] = pad(this, value, width, fill);
    return text.padEnd(length, characters);
  },

  to_number(value) {
    return numberOf(this, value);
  },

  to_text(value) {
    const given = plain(value);
    return given === null ? '' : textOf(this, given);
  },

  format_number(value, locale, decimals) {
    const digits = plain(decimals) === null ? undefined : numberOf(this, decimals);
    return numberFormatter(localeOf(this, locale), {
      ...(digits === undefined
        ? { maximumFractionDigits: 20 }
        : { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    }).format(numberOf(this, value));
  },

  format_money(value, currency, locale) {
    const code = textArgument(currency, '');
    if (!/^[A-Z]{3}$/.test(code)) {
      throw new Error('format_money needs a currency, as in "| format_money: \'AED\'"');
    }
    return numberFormatter(localeOf(this, locale), {
      style: 'currency',
      currency: code,
    }).format(numberOf(this, value));
  },
};
