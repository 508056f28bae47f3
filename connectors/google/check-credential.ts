import type { CredentialCheck } from '../contract.ts';
import type { Outbound } from '../outbound.ts';
import { createAccessTokens } from './access-tokens.ts';
import type { GoogleCredential } from './credential.ts';
import { createGoogleFetch } from './google-fetch.ts';

/**
 * @returns a check that gets a new access token, which proves key or refresh token. What the account
 *   may open is decided by each spreadsheet and data set.
 */
export function createGoogleCheck(
  outbound: Pick<Outbound, 'request'>,
): CredentialCheck<GoogleCredential> {
  return {
    async run(credential, { signal, timeoutMs }) {
      // Not the shared ones: a token kept from before would prove nothing.
      const tokens = createAccessTokens((url) =>
        createGoogleFetch({ outbound, url, timeoutMs: () => timeoutMs }),
      );
      await tokens.get(credential, signal);
      return credential.type === 'service_account' ? { account: credential.clientEmail } : {};
    },
  };
}
