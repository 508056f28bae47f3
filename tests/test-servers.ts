import type { EmbeddedPostgres } from '../db/embedded-postgres.ts';
import type { TemporalDevServer } from '../temporal/dev-server.ts';

/** What tests/global-setup.ts started, for tests/global-teardown.ts to stop. */
export const testServers: {
  folder?: string;
  postgres?: EmbeddedPostgres;
  temporal?: TemporalDevServer;
} = {};
