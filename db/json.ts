/** A JSON value as a bound value of a statement; absent values become SQL NULL. */
export function toJsonParameter(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
