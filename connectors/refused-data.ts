/** Errors of the connectors that change data and call nobody. */
import { ConnectorError } from './errors.ts';

/** The data, or what is asked of it, isn't right: the same would fail again. Never repeats the data. */
export function refusedData(
  message: string,
  pointer: string,
  details?: Readonly<Record<string, string | number | boolean>>,
): ConnectorError {
  return new ConnectorError('invalid_config', message, {
    effect: 'none',
    permanent: true,
    pointer,
    ...(details === undefined ? {} : { details }),
  });
}

/** @throws ConnectorError `too_large` */
export function refuseLonger(text: string, limit: number, what: string, pointer: string): void {
  if (text.length <= limit) return;
  throw new ConnectorError(
    'too_large',
    `The ${what} has ${text.length} characters; ${limit} is the most that this step takes. Split it, or work on a part of it.`,
    { effect: 'none', permanent: true, pointer, details: { length: text.length, limit } },
  );
}

/** @returns the line and column of a position in a text, both from 1 */
export function placeIn(
  text: string,
  position: number,
): { readonly line: number; readonly column: number } {
  const before = text.slice(0, position);
  return {
    line: before.split('\n').length,
    column: position - before.lastIndexOf('\n'),
  };
}
