import { z } from 'zod';
import { workflowIdSchema } from '../../workflows/graph/definition.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import {
  executionIdField,
  executionStatusField,
  jsonObjectField,
  leadIdField,
  modeField,
  nodeIdField,
} from '../fields.ts';
import type { StartService } from '../start-service.ts';

const callSchema = z
  .object({
    leadId: leadIdField,
    workflowId: workflowIdSchema,
    nodeId: nodeIdField,
    config: jsonObjectField.meta({
      description:
        'The node’s config, as in a definition; may hold expressions such as {{lead.name}}',
      override: { type: 'object', additionalProperties: true },
    }),
    credential: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({ description: 'Id or name of a stored credential' }),
    mode: modeField.optional(),
  })
  .meta({ id: 'SingleNodeCall' });

const answerSchema = z
  .object({ executionId: executionIdField, status: executionStatusField })
  .meta({ id: 'SingleNodeAnswer' });

const CALLS = [
  ['email', '/automation/email/send', 'sendEmail', 'Run one email node for a lead'],
  ['whatsapp', '/automation/whatsapp/send', 'sendWhatsapp', 'Run one WhatsApp node for a lead'],
  [
    'google-sheets',
    '/automation/google-sheets/process',
    'processGoogleSheets',
    'Run one Google Sheets node for a lead, falling back to BigQuery',
  ],
  ['code', '/automation/code/execute', 'executeCode', 'Run one custom-code node in the sandbox'],
] as const;

/** Executions of a single node, which belongs to no published version. */
export function singleNodeRoutes({ starts }: { readonly starts: StartService }): Endpoint[] {
  return CALLS.map(([connector, path, operationId, summary]) =>
    endpoint({
      method: 'post',
      path,
      operationId,
      tag: 'Single nodes',
      summary,
      description: 'The lead need not be stored; what is stored of it is there as `lead`.',
      idempotency: 'own',
      problems: [409, 422],
      body: callSchema,
      responses: { 202: { description: 'Accepted', schema: answerSchema } },
    }).handledBy(async ({ caller, body, idempotencyKey }) => {
      const { executionId, status } = await starts.startNode(
        caller.projectId,
        { connector, ...body },
        idempotencyKey,
      );
      return { status: 202, body: { executionId, status: status ?? 'queued' } };
    }),
  );
}
