/** What the API is told from outside. cli/environment.ts reads it from the environment. */
export interface ApiSettings {
  readonly host: string;
  readonly port: number;
  /** Origins that browsers may call the API from; none means that no other site may. */
  readonly corsOrigins: readonly string[];
  /** Requests a minute on /api/automation per API key. */
  readonly rateLimitPerMinute: number;
  /** Mode of executions that name none; undefined: decided by whether any provider is configured. */
  readonly defaultMode: 'live' | 'sandbox' | undefined;
  /** Address of Temporal's Web UI, for links; undefined: no links. */
  readonly temporalUiUrl: string | undefined;
  readonly temporalNamespace: string;
  /** Connector types that have a credential in the environment. */
  readonly environmentCredentials: ReadonlySet<string>;
}
