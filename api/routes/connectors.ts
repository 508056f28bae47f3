import { z } from 'zod';
import type { ConnectorManifest } from '../../connectors/contract.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';

const jsonSchemaField = z
  .record(z.string(), z.unknown())
  .meta({ description: 'A JSON Schema (draft 2020-12)' });

const connectorSchema = z
  .object({
    type: z.string().meta({ example: 'email' }),
    title: z.string(),
    description: z.string(),
    credential: z
      .object({
        type: z.string().meta({ example: 'smtp' }),
        title: z.string(),
        optional: z.boolean(),
        schema: jsonSchemaField,
      })
      .nullable()
      .meta({ description: 'What a credential must hold; null: none is needed' }),
    operations: z
      .array(
        z.object({
          name: z.string().meta({ example: 'send' }),
          title: z.string(),
          description: z.string(),
          inputSchema: jsonSchemaField,
          outputSchema: jsonSchemaField,
          outputs: z.array(z.string()).meta({ example: ['success', 'error'] }),
          idempotency: z.enum(['read', 'native-key', 'queryable', 'blind']).meta({
            description:
              'Whether an attempt in doubt may be repeated: freely, with our key, after a look, or not at all',
          }),
          sample: z.record(z.string(), z.unknown()),
        }),
      )
      .meta({ description: 'The first one is the default' }),
  })
  .meta({ id: 'Connector' });

export function connectorRoutes(catalog: readonly ConnectorManifest[]): Endpoint[] {
  // Manifests never change while the process lives.
  const items = catalog.map(toConnector);
  return [
    endpoint({
      method: 'get',
      path: '/connectors',
      operationId: 'listConnectors',
      tag: 'Connectors',
      summary: 'What nodes can do, with the schemas of their configs',
      responses: {
        200: {
          description: 'Every connector',
          schema: z.object({ items: z.array(connectorSchema), nextCursor: z.null() }),
        },
      },
    }).handledBy(async () => ({ status: 200, body: { items, nextCursor: null } })),
  ];
}

function toConnector(manifest: ConnectorManifest): z.input<typeof connectorSchema> {
  const { credential } = manifest;
  return {
    type: manifest.type,
    title: manifest.title,
    description: manifest.description,
    credential:
      credential === null
        ? null
        : {
            type: credential.type,
            title: credential.title,
            optional: manifest.credentialOptional ?? false,
            schema: toJsonSchema(credential.schema, 'input'),
          },
    operations: manifest.operations.map((operation) => ({
      name: operation.name,
      title: operation.title,
      description: operation.description,
      inputSchema: toJsonSchema(operation.input, 'input'),
      outputSchema: toJsonSchema(operation.output, 'output'),
      outputs: ['success', 'error'],
      idempotency: operation.idempotency,
      sample: operation.sample,
    })),
  };
}

/** What JSON Schema can't say (a refinement in code) is left open: the server checks it anyway. */
function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io, unrepresentable: 'any' }) };
}
