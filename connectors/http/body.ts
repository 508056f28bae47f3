/** From the node's `body` to the bytes that go out. */
import { z } from 'zod';
import type { Json } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import type { RequestInput } from './schema.ts';

/** Of a multipart body, its files included. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface RequestBody {
  readonly body: string | Buffer | undefined;
  readonly contentType?: string;
}

/** @throws ConnectorError with effect `none` */
export type FetchFile = (
  url: string,
  maxBytes: number,
) => Promise<{ readonly bytes: Buffer; readonly contentType: string | undefined }>;

const fileSchema = z
  .strictObject({
    filename: z.string().min(1).max(255).optional(),
    contentType: z
      .string()
      .regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w.=+"-]+)*$/, 'must be a type such as image/png')
      .optional(),
    contentBase64: z.base64().optional(),
    url: z.url({ protocol: /^https?$/ }).optional(),
  })
  .refine(({ contentBase64, url }) => (contentBase64 === undefined) !== (url === undefined), {
    error: 'give either contentBase64 or url',
  });
type FilePart = z.output<typeof fileSchema>;

/**
 * @param boundary separates the parts of a multipart body; must be the same on every attempt, since
 *   servers that recognise a repeated request compare what they got
 * @throws ConnectorError `invalid_config` if the body does not fit its type, `too_large`, and
 *   whatever the download of a file fails with; nothing was sent then
 */
export async function writeBody(
  { body, bodyType }: Pick<RequestInput, 'body' | 'bodyType'>,
  boundary: string,
  fetchFile: FetchFile,
): Promise<RequestBody> {
  if (body === undefined) return { body: undefined };
  switch (bodyType ?? (typeof body === 'string' ? 'text' : 'json')) {
    case 'json':
      return { body: toJsonText(body), contentType: 'application/json' };
    case 'form':
      return { body: toFormText(body), contentType: 'application/x-www-form-urlencoded' };
    case 'multipart':
      return {
        body: await toMultipart(body, boundary, fetchFile),
        contentType: `multipart/form-data; boundary=${boundary}`,
      };
    case 'text':
      if (typeof body === 'object') {
        throw invalidConfig(
          'A body of type text must be a text. For objects and lists use bodyType json.',
          '/body',
        );
      }
      return { body: String(body), contentType: 'text/plain; charset=utf-8' };
  }
}

/** A text under `json` is a document that its author wrote out, not a JSON string. */
function toJsonText(body: Json): string {
  if (typeof body !== 'string') return JSON.stringify(body);
  try {
    JSON.parse(body);
  } catch {
    // The parser's own message quotes the text, which is not ours to tell.
    throw invalidConfig(
      'The body is a text that is not valid JSON. Give the object itself, or set bodyType to text.',
      '/body',
    );
  }
  return body;
}

function toFormText(body: Json): string {
  if (typeof body === 'string') return body;
  const form = new URLSearchParams();
  for (const { name, value } of fieldsOf(body)) {
    if (typeof value === 'object') {
      throw invalidConfig(
        'A form holds texts, numbers and lists of them; it can’t hold objects. Use bodyType json, or multipart for files.',
        pointerTo(name),
      );
    }
    form.append(name, String(value));
  }
  return form.toString();
}

/** https://www.rfc-editor.org/rfc/rfc7578 */
async function toMultipart(body: Json, boundary: string, fetchFile: FetchFile): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const add = (chunk: string | Buffer): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw bodyTooLarge();
    chunks.push(bytes);
  };
  for (const { name, value } of fieldsOf(body)) {
    add(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`);
    if (typeof value !== 'object') {
      add(`\r\n\r\n${String(value)}\r\n`);
      continue;
    }
    const file = toFile(value, name);
    const { bytes, contentType } = await readFile(file, MAX_BODY_BYTES - size, fetchFile);
    add(`; filename="${quoted(filenameOf(file))}"\r\n`);
    add(`Content-Type: ${file.contentType ?? contentType ?? 'application/octet-stream'}\r\n\r\n`);
    add(bytes);
    add('\r\n');
  }
  add(`--${boundary}--\r\n`);
  return Buffer.concat(chunks);
}

/** A list repeats its name; null leaves it out. */
function fieldsOf(body: Json): readonly { readonly name: string; readonly value: Json }[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidConfig('A form must be an object of names and values.', '/body');
  }
  return Object.entries(body).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((item: Json) =>
      item === null ? [] : [{ name, value: item }],
    ),
  );
}

function toFile(value: Json, name: string): FilePart {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidConfig(
    `The file "${name}" isn’t right (${[...(issue?.path ?? []).map(String), issue?.message].join(': ')}). A file is { filename?, contentType?, contentBase64 or url }.`,
    pointerTo(name),
  );
}

async function readFile(
  file: FilePart,
  maxBytes: number,
  fetchFile: FetchFile,
): Promise<{ readonly bytes: Buffer; readonly contentType: string | undefined }> {
  if (file.url !== undefined) return fetchFile(file.url, maxBytes);
  return { bytes: Buffer.from(file.contentBase64 ?? '', 'base64'), contentType: undefined };
}

function filenameOf(file: FilePart): string {
  if (file.filename !== undefined) return file.filename;
  const last = file.url === undefined ? undefined : new URL(file.url).pathname.split('/').at(-1);
  return last === undefined || last === '' ? 'file' : last;
}

/** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function quoted(text: string): string {
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function pointerTo(name: string): string {
  return `/body/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function bodyTooLarge(): ConnectorError {
  return new ConnectorError(
    'too_large',
    `The form with its files is larger than ${MAX_BODY_BYTES} bytes, the limit here. Send smaller files, or links to them.`,
    { effect: 'none', permanent: true, pointer: '/body', details: { limitBytes: MAX_BODY_BYTES } },
  );
}

function invalidConfig(message: string, pointer: string): ConnectorError {
  return new ConnectorError('invalid_config', message, {
    effect: 'none',
    permanent: true,
    pointer,
  });
}
