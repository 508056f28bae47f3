import type { ExecutionMode } from '../connectors/contract.ts';

export interface CredentialRequest {
  readonly projectId: string;
  readonly connector: string;
  /** Id or name that the node gives; absent: the one that the process environment holds. */
  readonly credential?: string;
  readonly mode: ExecutionMode;
  /** True: not what was read a moment ago, for it may have been changed since. */
  readonly isFresh?: boolean;
}

/** Where activities get credentials from, by name: they are never arguments or results. */
export interface CredentialSource {
  /**
   * @returns the credential, parsed by the connector's schema; undefined where the connector works
   *   without one
   * @throws ConnectorError `credential_missing` if there is none, `invalid_config` if it is unreadable
   */
  resolve(request: CredentialRequest): Promise<unknown>;
}
