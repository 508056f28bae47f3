/** Whether an execution is live, where nobody says so: one rule for the API and the workers. */
import type { ConnectorManifest } from '../connectors/contract.ts';

export type Mode = 'live' | 'sandbox';

export interface ModeFacts {
  readonly asked?: Mode | undefined;
  /** MASAR_MODE. */
  readonly configured: Mode | undefined;
  /** True if any provider is configured, in the environment or by a stored credential. */
  readonly hasCredentials: boolean;
}

export function executionMode({ asked, configured, hasCredentials }: ModeFacts): Mode {
  return asked ?? configured ?? (hasCredentials ? 'live' : 'sandbox');
}

/** @returns the connectors whose credential is in the environment */
export function environmentCredentials(
  catalog: readonly ConnectorManifest[],
  providers: Readonly<Record<string, string | undefined>>,
): ReadonlySet<string> {
  return new Set(
    catalog
      .filter(({ credential }) => credential?.fromEnvironment?.(providers) !== undefined)
      .map(({ type }) => type),
  );
}
