import type { CredentialCheck } from '../contract.ts';
import type { Outbound } from '../outbound.ts';
import { createClientTokens } from './client-tokens.ts';
import type { HttpCredential } from './schema.ts';

/** Fetches a token; of other logins only the server that a node names can say whether they work. */
export function createHttpCheck(
  outbound: Pick<Outbound, 'request'>,
): CredentialCheck<HttpCredential> {
  return {
    async run({ oauth2 }, limits) {
      if (oauth2 === undefined) {
        return {
          untestable:
            'An HTTP login does not say which address it is for. Run a node that uses it to see whether it works.',
        };
      }
      // Tokens of its own: one that is at hand already would prove nothing.
      await createClientTokens(outbound).get(oauth2, { ...limits, onlyAllowed: false });
      return { account: `${oauth2.clientId} at ${new URL(oauth2.tokenUrl).host}` };
    },
  };
}
