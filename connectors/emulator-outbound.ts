/**
 * The client for sandbox mode, where the address comes from a running emulator and never from a
 * user: it reaches loopback, which the guarded client refuses.
 */
import { createOutbound, type Outbound } from './outbound.ts';

export type OutboundRequests = Pick<Outbound, 'request' | 'close'>;

/** @returns a client for whatever hosts emulators listen on; they may move while it is in use */
export function createEmulatorOutbound(): OutboundRequests {
  const byHost = new Map<string, Outbound>();

  function clientFor(host: string): Outbound {
    const known = byHost.get(host);
    if (known !== undefined) return known;
    const client = createOutbound({ allowHosts: [host], maxRedirects: 0 });
    byHost.set(host, client);
    return client;
  }

  return {
    request: (request) => clientFor(new URL(request.url).host).request(request),
    close: async () => {
      await Promise.all([...byHost.values()].map((client) => client.close()));
      byHost.clear();
    },
  };
}
