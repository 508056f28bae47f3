/** Reads JSON bodies: type, size, encoding, syntax, and what no JSON column could hold. */
import express, { type RequestHandler } from 'express';
import { findJsonError } from './json-position.ts';
import { ApiError } from './problem.ts';
import { TextBody } from './text-body.ts';
import { toPointer } from './zod-issues.ts';

/** Largest body in bytes, after decompression. */
export const BODY_LIMIT_BYTES = 1_048_576;
/** Deepest nesting of a body; deeper ones serve only to exhaust the stack. */
const MAX_DEPTH = 100;

const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)$/i;

/**
 * Middleware that leaves the parsed body in `request.body`, undefined where there is none.
 * @param options.textPaths paths whose body is left as a TextBody
 */
export function readJsonBody(options: {
  readonly textPaths: readonly string[];
  /** Paths whose body is left as a Buffer, byte for byte. */
  readonly rawPaths: RegExp;
}): RequestHandler[] {
  const isRaw = (path: string): boolean => options.rawPaths.test(path);
  const isText = (path: string): boolean => options.textPaths.includes(path);
  const collect = express.raw({ type: () => true, limit: BODY_LIMIT_BYTES });
  return [
    (request, _response, next) => {
      if (hasBody(request.headers) && !isRaw(request.path)) {
        const { type, charset } = mediaTypeOf(request.headers['content-type']);
        if (!isText(request.path)) requireJson(type);
        requireUtf8(charset);
      }
      next();
    },
    (request, response, next) => {
      collect(request, response, (error: unknown) => {
        next(error === undefined ? undefined : explainReadError(error));
      });
    },
    (request, _response, next) => {
      const bytes: unknown = request.body;
      if (isRaw(request.path)) request.body = Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
      else if (!Buffer.isBuffer(bytes) || bytes.length === 0) request.body = undefined;
      else if (isText(request.path)) {
        const { type } = mediaTypeOf(request.headers['content-type']);
        request.body = new TextBody(decode(bytes), type);
      } else request.body = parseJson(decode(bytes));
      next();
    },
  ];
}

function hasBody(headers: {
  'content-length'?: string | undefined;
  'transfer-encoding'?: string | undefined;
}): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? '0') > 0;
}

function mediaTypeOf(contentType: string | undefined): {
  readonly type: string;
  readonly charset: string | undefined;
} {
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim());
  const charset = parameters
    .map((parameter) => /^charset="?([\w-]+)"?$/i.exec(parameter)?.[1]?.toLowerCase())
    .find((value) => value !== undefined);
  return { type: type.toLowerCase(), charset };
}

function requireJson(type: string): void {
  if (JSON_TYPE.test(type)) return;
  throw new ApiError(
    'media_type_unsupported',
    'The body must be JSON: send it with the header "content-type: application/json".',
  );
}

function requireUtf8(charset: string | undefined): void {
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return;
  throw new ApiError('media_type_unsupported', 'The body must be in UTF-8.');
}

function explainReadError(error: unknown): unknown {
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new ApiError(
        'body_too_large',
        `The body is larger than ${BODY_LIMIT_BYTES} bytes, the limit of one request.`,
      );
    case 'encoding.unsupported':
      return new ApiError(
        'media_type_unsupported',
        'The body’s content-encoding is not supported: send it plain, or with gzip, deflate or br.',
      );
    case 'request.size.invalid':
    case 'request.aborted':
      return new ApiError(
        'malformed_request',
        'The body ended before its announced length. Send it again.',
      );
    default:
      return error instanceof Error && 'status' in error && error.status === 400
        ? new ApiError('malformed_request', 'The body could not be decompressed.')
        : error;
  }
}

export function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ApiError('malformed_json', 'The body is not valid UTF-8.', { cause: error });
  }
}

/** @throws ApiError `malformed_json` with the place, `invalid_request` if it can’t be stored */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = findJsonError(text);
    throw new ApiError(
      'malformed_json',
      place === undefined
        ? 'The body is not JSON.'
        : `The body is not JSON: it breaks at line ${place.line}, column ${place.column} (position ${place.position}).`,
      { cause: error, ...(place === undefined ? {} : { extra: { ...place } }) },
    );
  }
  requireStorable(value);
  return value;
}

/**
 * PostgreSQL's jsonb can hold neither the character U+0000 nor half a surrogate pair
 * (https://www.postgresql.org/docs/current/datatype-json.html); better said here, with its place.
 */
export function requireStorable(body: unknown): void {
  const stack: { value: unknown; path: readonly PropertyKey[] }[] = [{ value: body, path: [] }];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, path } = item;
    if (path.length > MAX_DEPTH) {
      throw new ApiError(
        'invalid_request',
        `The body is nested more than ${MAX_DEPTH} levels deep, the limit.`,
      );
    }
    if (typeof value === 'string') {
      requireText(value, path);
    } else if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        stack.push({ value: value[index], path: [...path, index] });
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, entry] of Object.entries(value)) {
        requireText(key, path);
        stack.push({ value: entry, path: [...path, key] });
      }
    }
  }
}

function requireText(text: string, path: readonly PropertyKey[]): void {
  if (!text.includes('\0') && text.isWellFormed()) return;
  const pointer = toPointer(path.map((part) => String(part).replaceAll('\0', '').toWellFormed()));
  throw new ApiError('invalid_request', 'The body holds a character that can’t be stored.', {
    issues: [
      {
        code: 'character_not_allowed',
        severity: 'error',
        pointer,
        message: `${pointer === '' ? 'The body' : pointer} holds the character U+0000 or half of a surrogate pair; leave it out.`,
      },
    ],
  });
}
