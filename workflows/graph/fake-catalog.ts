/** A catalog for tests of validation and planning: one connector for each thing that they tell apart. */
import { z } from 'zod';
import type { CatalogView } from './catalog-view.ts';

export const fakeCatalog: CatalogView = [
  {
    type: 'email',
    title: 'Email',
    operations: [
      {
        name: 'send',
        title: 'Send an email',
        input: z.strictObject({
          to: z.union([z.email(), z.array(z.email()).min(1)]),
          subject: z.string().max(20),
          text: z.string().optional(),
        }),
        duration: 'short',
        timeoutMs: 15_000,
      },
    ],
  },
  {
    type: 'sheets',
    title: 'Sheets',
    operations: [
      {
        name: 'append',
        title: 'Append a row',
        input: z
          .strictObject({
            range: z.string(),
            values: z.array(z.unknown()).min(1).optional(),
            rows: z.array(z.array(z.unknown())).min(1).optional(),
            limit: z.number().optional(),
          })
          .refine((input) => (input.values === undefined) !== (input.rows === undefined), {
            error: 'give either values or rows',
          }),
        duration: 'short',
        timeoutMs: 20_000,
      },
      {
        name: 'export',
        title: 'Export a sheet',
        input: z.strictObject({ format: z.enum(['csv', 'pdf']) }),
        duration: 'long',
        timeoutMs: 600_000,
      },
    ],
  },
  {
    type: 'code',
    title: 'Code',
    operations: [
      {
        name: 'run',
        title: 'Run code',
        input: z.strictObject({ code: z.string(), timeout: z.string().optional() }),
        duration: 'short',
        timeoutMs: 10_000,
        timeoutField: 'timeout',
        rawFields: ['code'],
        receivesScope: true,
      },
    ],
  },
];
