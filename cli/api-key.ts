/** The API key with which this command line itself uses the API. */

import { bootstrap } from '../db/bootstrap.ts';
import { apiKeyFile, newApiKey } from './data-files.ts';
import { isKeyAccepted } from './demo.ts';
import type { Environment } from './environment.ts';
import type { Terminal } from './terminal.ts';

/**
 * Sees to it that this folder has a key that works. It is written down before the database learns
 * it, so that no interruption loses it.
 * @returns the key, if the database learnt it now
 */
export async function ensureApiKey(
  environment: Environment,
  databaseUrl: string,
): Promise<string | undefined> {
  const file = apiKeyFile(environment.dataDir);
  const known = file.read();
  const apiKey = known ?? environment.apiKey ?? newApiKey();
  if (known === undefined) file.write(apiKey);
  const { createdApiKey } = await bootstrap(databaseUrl, { apiKey });
  // A database that had keys before keeps them; ours is then none of them.
  if (createdApiKey === undefined && known === undefined) file.remove();
  return createdApiKey;
}

/** The key that the API accepts: this folder's, else that of the environment. */
export async function workingKey(
  environment: Environment,
  apiUrl: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const key of [apiKeyFile(environment.dataDir).read(), environment.apiKey]) {
    if (key !== undefined && (await isKeyAccepted({ apiUrl, signal }, key))) return key;
  }
  return undefined;
}

/** Shows a key that was made now; one that the environment gave is known. */
export function showKey(key: string, { dataDir, apiKey }: Environment, terminal: Terminal): void {
  if (key === apiKey) return;
  terminal.line();
  terminal.line(`The first API key, shown only now: ${terminal.bold(key)}`);
  terminal.line(
    terminal.dim(`Send it as x-api-key. A copy for this command is in ${dataDir}/api-key.`),
  );
}
