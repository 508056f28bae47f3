/** A Temporal that suggests after few events that a run goes on as a new one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../cli/local-process.ts';
import { startTemporalDevServer } from '../../temporal/dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../../temporal/search-attributes.ts';
import { findTemporalBinary } from '../../temporal/temporal-binary.ts';

export interface ShortHistoryServer {
  /** host:port */
  readonly address: string;
  stop(): Promise<void>;
}

/** @param events after how many the server suggests it */
export async function startShortHistoryServer(events: number): Promise<ShortHistoryServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'masar-short-histories-'));
  const port = await freePort();
  const server = await startTemporalDevServer({
    binary: await findTemporalBinary(),
    dataDir,
    logFile: join(dataDir, 'temporal.log'),
    port,
    uiPort: await freePort([], new Set([port])),
    searchAttributes: SEARCH_ATTRIBUTES,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': String(events) },
  });
  return {
    address: server.address,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
