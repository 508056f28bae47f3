import { z } from 'zod';
import type { SandboxMessageRepository } from '../../db/repositories/sandbox-messages.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { executionIdField, timeField } from '../fields.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';

const messageSchema = z
  .object({
    id: z.string(),
    connector: z.string(),
    operation: z.string(),
    receivedAt: timeField,
    executionId: z.string().optional(),
    nodeId: z.string().optional(),
    iteration: z.string().optional(),
    to: z.string().optional().meta({ description: 'Address, phone number, spreadsheet id, URL' }),
    message: z.record(z.string(), z.unknown()).meta({ description: 'As the provider received it' }),
  })
  .meta({ id: 'SandboxMessage' });

export function outboxRoutes(messages: SandboxMessageRepository): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/sandbox/outbox',
      operationId: 'listOutbox',
      tag: 'Sandbox',
      summary: 'What the emulators accepted instead of the providers, newest first',
      query: z.object({
        connector: z.string().max(64).optional(),
        executionId: executionIdField.optional(),
        ...pageQuery,
      }),
      responses: { 200: { description: 'A page', schema: pageOf(messageSchema) } },
    }).handledBy(async ({ caller, query }) => {
      const before = decodeCursor(query.cursor, z.tuple([cursorNumber]))?.[0];
      const rows = await messages.page(
        caller.projectId,
        { connector: query.connector, executionId: query.executionId },
        query.limit + 1,
        before,
      );
      return {
        status: 200,
        body: toPage(
          rows,
          query.limit,
          ({ lookupKey: _lookupKey, ...message }) => message,
          (row) => [row.id],
        ),
      };
    }),
  ];
}
