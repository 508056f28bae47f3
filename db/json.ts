/** What JSON can say and jsonb can't: NUL, and halves of surrogate pairs (as JSON.stringify writes them). */
const UNSTORABLE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/**
 * A JSON value as a bound value of a statement; absent values become SQL NULL. Characters that
 * PostgreSQL's jsonb refuses (https://www.postgresql.org/docs/current/datatype-json.html) become
 * U+FFFD: a row that can't be written would leave a side effect in doubt.
 */
export function toJsonParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  return UNSTORABLE.test(text) ? JSON.stringify(storable(JSON.parse(text))) : text;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [storableText(name), storable(field)]),
  );
}

function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}
