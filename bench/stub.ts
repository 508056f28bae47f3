/** The provider that all variants send to: answers at once, and counts what comes twice. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { serveParent } from './child.ts';
import type { StubCounts } from './protocol.ts';

serveParent(async () => {
  const seen = new Set<string>();
  let counts: StubCounts = { requests: 0, repeated: 0 };

  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    counts = {
      requests: counts.requests + 1,
      repeated: counts.repeated + (seen.has(key) ? 1 : 0),
    };
    seen.add(key);
    request.resume();
    request.once('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`{"id":"${counts.requests}","accepted":true}`);
    });
  });
  server.keepAliveTimeout = 30_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;

  return {
    ready: { url: `http://127.0.0.1:${port}` },
    answer: async () => {
      const taken = counts;
      counts = { requests: 0, repeated: 0 };
      return taken;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
});
