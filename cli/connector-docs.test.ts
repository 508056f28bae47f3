import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { connectorPages } from './connector-docs.ts';
import { schemaVariants } from './schema-rows.ts';

describe('rows of a schema', () => {
  const rows = (schema: z.ZodType, io: 'input' | 'output' = 'input') =>
    schemaVariants(schema, io).map((variant) =>
      variant.rows.map((row) =>
        [row.name, row.type, row.required ? 'required' : '', row.byDefault ?? '', row.description]
          .filter((part) => part !== '')
          .join(' · '),
      ),
    );

  test('types, limits, defaults and what is inside lists and objects', () => {
    const schema = z.strictObject({
      to: z.union([z.string(), z.array(z.string())]).meta({ description: 'Who gets it' }),
      size: z.number().int().min(1).max(9).default(5),
      count: z.number().int(),
      kind: z.enum(['a', 'b']).optional(),
      any: z.json().optional(),
      files: z.array(z.object({ name: z.string(), url: z.url().optional() })).optional(),
      page: z
        .discriminatedUnion('mode', [
          z.object({ mode: z.literal('one'), x: z.string() }),
          z.object({ mode: z.literal('two'), y: z.boolean().optional() }),
        ])
        .optional(),
    });
    expect(rows(schema)).toEqual([
      [
        'to · text or list of texts · required · Who gets it',
        'size · whole number, 1 to 9 · 5',
        'count · whole number · required',
        'kind · `"a"`, `"b"`',
        'any · any JSON',
        'files · list of objects',
        'files[].name · text · required',
        'files[].url · address (URL)',
        'page · object',
        'page.mode · `"one"` or `"two"` · required',
        'page.x · text',
        'page.y · true or false',
      ],
    ]);
    // Whoever gets it always finds the default there.
    expect(rows(schema, 'output')[0]).toContain('size · whole number, 1 to 9 · required · 5');
  });

  test('a choice between objects is one table each', () => {
    const schema = z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]);
    expect(rows(schema)).toEqual([['a · text · required'], ['b · text · required']]);
  });
});

describe('the pages', () => {
  const pages = new Map(connectorPages(CONNECTOR_MANIFESTS).map(({ path, text }) => [path, text]));

  test.each(CONNECTOR_MANIFESTS.map((manifest) => [manifest.type, manifest] as const))(
    '%s has its operations, fields, repetition and a sample that is valid',
    (type, manifest) => {
      const text = pages.get(`docs/connectors/${type}.md`) ?? '';
      expect(text).not.toMatch(/undefined|\[object/);
      for (const operation of manifest.operations) {
        expect(text).toContain(`(\`${operation.name}\`)`);
        expect(text).toContain(`(\`${operation.idempotency}\`)`);
        for (const { rows } of schemaVariants(operation.output, 'output')) {
          for (const row of rows) expect(text).toContain(`| \`${row.name}\` |`);
        }
      }
      const samples = [...text.matchAll(/```json\n([\s\S]*?)```/g)];
      expect(samples).toHaveLength(manifest.operations.length);
      for (const [index, [, sample]] of samples.entries()) {
        const { config } = z
          .object({ config: z.looseObject({ operation: z.string().optional() }) })
          .parse(JSON.parse(sample ?? ''));
        const { operation, ...input } = config;
        expect(operation ?? manifest.operations[0].name).toBe(manifest.operations[index]?.name);
        expect(manifest.operations[index]?.input.safeParse(input).success).toBe(true);
      }
      expect(pages.get('docs/connectors/README.md')).toContain(`(${type}.md)`);
    },
  );

  test('a field of the engine’s own is not shown to people', () => {
    expect(pages.get('docs/connectors/code.md')).not.toContain('| `input` |');
  });
});
