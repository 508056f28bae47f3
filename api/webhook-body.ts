/** Reads what senders of webhooks send: JSON, forms, text. */
import type { Json } from '../workflows/graph/json.ts';
import { ApiError } from './problem.ts';
import { decode, parseJson, requireStorable } from './request-body.ts';

/**
 * @returns JSON as it is, a form as an object (a repeated field as a list), other text as a string,
 * null for nothing
 * @throws ApiError if it can't be read or stored
 */
export function readWebhookBody(bytes: Buffer, contentType: string): Json {
  if (bytes.length === 0) return null;
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded') {
    const form: Json = formFields(decode(bytes));
    requireStorable(form);
    return form;
  }
  if (/^application\/(?:json|[\w.-]+\+json)$/.test(type)) return parseJson(decode(bytes)) as Json;
  if (type === '' || type.startsWith('text/') || /[/+]xml$/.test(type)) {
    const text = decode(bytes);
    requireStorable(text);
    return text;
  }
  throw new ApiError(
    'media_type_unsupported',
    'The body must be JSON, a form (application/x-www-form-urlencoded) or text.',
  );
}

function formFields(text: string): { readonly [name: string]: Json } {
  const fields = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  // fromEntries defines fields; assigning one called __proto__ would set the object's prototype.
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}
