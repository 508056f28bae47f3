/** Connectors through which messages come in. */
import type { InboundSource } from './inbound.ts';
import { whatsappInbound } from './whatsapp/trigger.ts';

/** With its settings folded away: they are parsed by its own schema before it sees them. */
export interface KnownInboundSource extends Pick<InboundSource, 'type' | 'title' | 'read'> {
  readonly settings: InboundSource['settings'];
  challenge(query: Readonly<Record<string, unknown>>, settings: unknown): string | undefined;
  isAuthentic: InboundSource['isAuthentic'];
}

function known<Settings>(source: InboundSource<Settings>): KnownInboundSource {
  return {
    type: source.type,
    title: source.title,
    settings: source.settings,
    read: source.read,
    challenge: (query, settings) => source.challenge(query, source.settings.parse(settings)),
    isAuthentic: (request, settings) =>
      source.isAuthentic(request, source.settings.parse(settings)),
  };
}

export const INBOUND_SOURCES: readonly KnownInboundSource[] = [known(whatsappInbound)];
