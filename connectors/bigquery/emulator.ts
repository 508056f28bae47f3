import type { EmulatorDeps } from '../contract.ts';
import { createBigQueryEmulation } from '../google/emulator-bigquery.ts';
import { type GoogleEmulator, isTokenRequest, startGoogleApis } from '../google/emulator-google.ts';

const CONNECTOR = 'bigquery';

/** Plays BigQuery and Google's token endpoint. What `inject` is given strikes BigQuery only. */
export function startBigQueryEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<GoogleEmulator> {
  return startGoogleApis({
    connector: CONNECTOR,
    host,
    port,
    apis: { '/bigquery/v2/': createBigQueryEmulation({ store, connector: CONNECTOR }) },
    takesFault: (request) => !isTokenRequest(request),
  });
}
