/** How an API hands out a long list page by page. */
import { z } from 'zod';

export const MAX_PAGES = 100;
const MAX_ITEMS = 10_000;

const pathSchema = z
  .string()
  .max(512)
  .regex(/^[^.]+(\.[^.]+)*$/, 'must be names separated by dots, for example data.items');
const parameterSchema = z.string().min(1).max(256);

const limits = {
  itemsPath: pathSchema.optional().meta({
    description: 'Where the list is in a page’s body; the body itself if left out',
    example: 'data.items',
  }),
  maxPages: z.number().int().min(1).max(MAX_PAGES).default(10),
  maxItems: z.number().int().min(1).max(MAX_ITEMS).default(1_000),
};

export const paginationSchema = z.discriminatedUnion('mode', [
  z
    .strictObject({ mode: z.literal('link-header'), ...limits })
    .meta({ description: 'The header Link names the next page with rel="next"' }),
  z
    .strictObject({
      mode: z.literal('next-link'),
      nextPath: pathSchema.meta({
        description: 'Where the body has the address of the next page',
        example: 'paging.next',
      }),
      ...limits,
    })
    .meta({ description: 'The body names the address of the next page' }),
  z
    .strictObject({
      mode: z.literal('page'),
      parameter: parameterSchema.default('page'),
      first: z.number().int().min(0).default(1),
      pageSize: z.number().int().min(1).optional().meta({
        description: 'Items of a full page: a shorter one is the last. Else an empty page ends it',
      }),
      sizeParameter: parameterSchema.optional().meta({
        description: 'The query parameter that asks for pageSize items',
        example: 'per_page',
      }),
      ...limits,
    })
    .meta({ description: 'A query parameter counts pages' }),
  z
    .strictObject({
      mode: z.literal('offset'),
      parameter: parameterSchema.default('offset'),
      pageSize: z.number().int().min(1).default(100),
      sizeParameter: parameterSchema.default('limit'),
      ...limits,
    })
    .meta({ description: 'A query parameter counts the items that were read' }),
  z
    .strictObject({
      mode: z.literal('cursor'),
      parameter: parameterSchema.default('cursor'),
      cursorPath: pathSchema.meta({
        description:
          'Where the body has the cursor of the next page; missing, null or empty at the end',
        example: 'meta.next_cursor',
      }),
      ...limits,
    })
    .meta({ description: 'The body names a cursor that asks for the next page' }),
]);
export type Pagination = z.output<typeof paginationSchema>;
