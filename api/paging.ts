/** Cursor paging: every list has `limit`, `cursor` and `{ items, nextCursor }`. */
import { z } from 'zod';
import { ApiError } from './problem.ts';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .default(DEFAULT_PAGE_SIZE)
    .meta({ description: 'Most items in the answer', example: DEFAULT_PAGE_SIZE }),
  cursor: z
    .string()
    .max(1_000)
    .optional()
    .meta({ description: '`nextCursor` of the page before; opaque' }),
};

/** @returns the schema of a page of items */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z
      .string()
      .nullable()
      .meta({ description: 'Pass as `cursor` to go on; null on the last page' }),
  });
}

/** A cursor holds the sort key of the last item. Its form may change: clients only hand it back. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * @param schema one per part of the sort key, so that a forged cursor never reaches the database
 * @throws ApiError `malformed_request` if the cursor is not one of ours
 */
export function decodeCursor<Parts extends readonly [z.ZodType, ...z.ZodType[]]>(
  cursor: string | undefined,
  schema: z.ZodTuple<Parts, null>,
): z.output<z.ZodTuple<Parts, null>> | undefined {
  if (cursor === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw badCursor(error);
  }
  const result = schema.safeParse(parsed);
  if (!result.success) throw badCursor(result.error);
  return result.data;
}

function badCursor(cause: unknown): ApiError {
  return new ApiError(
    'malformed_request',
    'The cursor is not one that a list answered. Pass `nextCursor` of the page before, unchanged.',
    { cause },
  );
}

/** Splits a result that was read one longer than the page. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  key: (row: Row) => readonly string[],
): { items: Item[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(item),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(key(last)) : null,
  };
}

/** Part of a cursor: a time as PostgreSQL writes it, with microseconds and zone. */
export const cursorTime = z
  .string()
  .regex(/^\d{4,6}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?[+-]\d{2}(?::\d{2}(?::\d{2})?)?$/);
export const cursorText = z
  .string()
  .max(300)
  .refine((text) => !text.includes('\0'));
export const cursorNumber = z.string().regex(/^\d{1,19}$/);
