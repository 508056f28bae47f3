/** Takes messages that come in: each is recorded once, for a lead, and starts what waits for it. */
import { createHash } from 'node:crypto';
import type { InboundMessage } from '../connectors/inbound.ts';
import type { LeadRepository } from '../db/repositories/leads.ts';
import type { Json } from '../workflows/graph/json.ts';
import { requireStorable } from './request-body.ts';
import type { EventOutcome, StartService } from './start-service.ts';

export interface InboundServiceDeps {
  readonly leads: LeadRepository;
  readonly starts: StartService;
}

export type InboundService = ReturnType<typeof createInboundService>;

export function createInboundService({ leads, starts }: InboundServiceDeps) {
  return {
    /**
     * @param mode `sandbox` for a simulated message
     * @throws ApiError if it can't be stored
     */
    async receive(
      projectId: string,
      connector: string,
      inbound: InboundMessage,
      mode?: 'sandbox',
    ): Promise<EventOutcome & { readonly eventId: string; readonly leadId: string }> {
      const { messageId, from, name, text } = inbound;
      // Read from JSON, whose strings are checked here.
      const message = inbound.message as Json;
      requireStorable(message);
      const known = await leads.findByPhone(projectId, from);
      const leadId = known ?? leadIdOf(projectId, from);
      const eventId = eventIdOf(connector, messageId);
      const outcome = await starts.startByEvent(projectId, {
        eventId,
        source: 'inbound',
        type: connector,
        ...(known === undefined
          ? { lead: { id: leadId, name: name ?? from, phone: from } }
          : { leadId }),
        data: message,
        trigger: { type: 'inbound', connector, messageId, from, text, message },
        ...(mode === undefined ? {} : { mode }),
      });
      return { ...outcome, eventId, leadId };
    },
  };
}

/** The same for every message of one sender, so that two first ones at once make one lead. */
function leadIdOf(projectId: string, from: string): string {
  const hash = createHash('sha256').update(JSON.stringify(['phone', projectId, from]));
  return `lead_${hash.digest('hex').slice(0, 32)}`;
}

/** Apart from the ids of events, which others choose. */
function eventIdOf(connector: string, messageId: string): string {
  const id = `inbound:${connector}:${messageId}`;
  return id.length <= 200
    ? id
    : `inbound:${connector}:${createHash('sha256').update(messageId).digest('hex')}`;
}
