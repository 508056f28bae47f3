import { z } from 'zod';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { eventIdField, executionIdField, jsonField, leadField, leadIdField } from '../fields.ts';
import { newEventId } from '../identifiers.ts';
import type { StartService } from '../start-service.ts';

const eventSchema = z
  .strictObject({
    eventId: eventIdField.optional(),
    type: z.string().min(1).max(128).meta({ example: 'lead.created' }),
    leadId: leadIdField.optional(),
    lead: leadField.optional(),
    data: jsonField.optional().meta({ description: 'Any JSON; `trigger.data` in expressions' }),
  })
  .refine((event) => event.leadId !== undefined || event.lead !== undefined, {
    message:
      'says nothing of the lead that the event is about. Send `leadId`, the id of a stored one, or `lead`, its data.',
  })
  .meta({ id: 'Event' });

const answerSchema = z
  .object({
    eventId: z.string(),
    executions: z.array(z.object({ executionId: executionIdField, workflowId: z.string() })),
    problems: z
      .array(z.object({ workflowId: z.string(), code: z.string(), message: z.string() }))
      .meta({
        description: 'Workflows that wait for such events but were not started, and why',
      }),
  })
  .meta({ id: 'EventAnswer' });

export function eventRoutes({ starts }: { readonly starts: StartService }): Endpoint[] {
  return [
    endpoint({
      method: 'post',
      path: '/events',
      operationId: 'sendEvent',
      tag: 'Events',
      summary: 'Tell of an event, which starts every published workflow whose trigger it matches',
      description:
        'The same eventId again gets the same answer and starts nothing. `lead` is merged into what is known of the lead.',
      idempotency: 'own',
      problems: [404],
      body: eventSchema,
      responses: { 202: { description: 'What it started', schema: answerSchema } },
    }).handledBy(async ({ caller, body, idempotencyKey }) => {
      const eventId = body.eventId ?? idempotencyKey ?? newEventId();
      const { executions, problems } = await starts.startByEvent(caller.projectId, {
        eventId,
        type: body.type,
        leadId: body.leadId,
        lead: body.lead,
        data: body.data ?? null,
      });
      return {
        status: 202,
        body: { eventId, executions: [...executions], problems: [...problems] },
      };
    }),
  ];
}
