/** What all filters share: how they read their value and arguments, and how they pay for their work. */
import { type FilterImplOptions, toValue } from 'liquidjs';

/** What LiquidJS gives a filter as `this`. */
export type FilterThis = ThisParameterType<Exclude<FilterImplOptions, { handler: unknown }>>;

/**
 * A filter: pure and synchronous. Its time is the workflow's (`Date.now` is replaced there), so that
 * a replay comes to the same result.
 */
export type ExpressionFilter = (this: FilterThis, value: unknown, ...args: unknown[]) => unknown;

/**
 * Charges work to the rendering: characters read or made, items looked at.
 * @throws Error once the string has used up its limit
 */
export function charge(filter: FilterThis, amount: number): void {
  filter.context.memoryLimit.use(amount);
}

/** `nil`, `empty` and `blank` are objects of LiquidJS that stand for a value. */
export function plain(value: unknown): unknown {
  const standsFor: unknown = toValue(value);
  return standsFor === undefined ? null : standsFor;
}

/**
 * @returns the value as text: a text as it is, a number or a boolean as it is written
 * @throws Error for anything else, and what was read is charged
 */
export function textOf(filter: FilterThis, value: unknown): string {
  const given = plain(value);
  if (typeof given === 'object') {
    const what = given === null ? 'nothing' : Array.isArray(given) ? 'a list' : 'an object';
    const advice = given === null ? '' : ' (| json makes one of it)';
    throw new Error(`${filter.token.name} needs a text, and was given ${what}${advice}`);
  }
  const text = String(given);
  charge(filter, text.length);
  return text;
}

/** @returns an argument as text, or the default where it is left out */
export function textArgument(value: unknown, otherwise: string): string {
  const given = plain(value);
  return given === null ? otherwise : String(given);
}

/** @throws Error if the argument is none of those */
export function oneOf<Choice extends string>(
  filter: FilterThis,
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const given = textArgument(value, choices[0]);
  const found = choices.find((choice) => choice === given);
  if (found !== undefined) return found;
  const known = choices.map((choice) => `"${choice}"`).join(', ');
  throw new Error(`${filter.token.name} knows ${known}, not ${JSON.stringify(given)}`);
}

/** @returns the items, charged; a single value is a list of one, nothing is an empty one */
export function itemsOf(filter: FilterThis, value: unknown): readonly unknown[] {
  const given = plain(value);
  if (given === null) return [];
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  charge(filter, items.length);
  return items;
}

/** @throws Error if the value is no object */
export function objectOf(filter: FilterThis, value: unknown): Readonly<Record<string, unknown>> {
  const given = plain(value);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error(`${filter.token.name} needs an object`);
  }
  const object = given as Readonly<Record<string, unknown>>;
  charge(filter, Object.keys(object).length);
  return object;
}

/** @throws Error if the value is no number */
export function numberOf(filter: FilterThis, value: unknown): number {
  const given = plain(value);
  const number =
    typeof given === 'string' && given.trim() !== '' ? Number(latinDigits(given)) : given;
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new Error(`${filter.token.name} needs a number`);
  }
  return number;
}

/** Arabic-Indic and Persian digits as 0 to 9. */
export function latinDigits(text: string): string {
  return text.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) =>
    // Both blocks begin at a multiple of 16.
    String((digit.codePointAt(0) ?? 0) & 0xf),
  );
}

/** @throws Error if the argument is no BCP 47 language tag */
export function localeOf(filter: FilterThis, value: unknown): string {
  const locale = textArgument(value, 'en-US');
  try {
    Intl.getCanonicalLocales(locale);
  } catch {
    throw new Error(
      `${filter.token.name} doesn’t know the language ${JSON.stringify(locale)}: write one such as "ar-AE"`,
    );
  }
  return locale;
}
