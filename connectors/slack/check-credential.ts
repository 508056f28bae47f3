import { z } from 'zod';
import type { CredentialCheck } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { DEFAULT_BASE_URL, type SlackCredential } from './schema.ts';

const answerSchema = z.union([
  z.object({ ok: z.literal(true), team: z.string().optional(), user: z.string().optional() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);
/** https://docs.slack.dev/reference/methods/auth.test#errors */
const REJECTED: ReadonlySet<string> = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_expired',
  'token_revoked',
]);

/**
 * Asks who the bot is; a webhook can't be asked anything.
 * https://docs.slack.dev/reference/methods/auth.test
 */
export function createSlackCheck(
  outbound: Pick<Outbound, 'request'>,
): CredentialCheck<SlackCredential> {
  return {
    async run({ botToken, baseUrl = DEFAULT_BASE_URL }, { signal, timeoutMs }) {
      if (botToken === undefined) {
        return { untestable: 'A Slack webhook can only be tried by writing to its channel.' };
      }
      const { status, body } = await requestJson(
        outbound,
        {
          url: `${baseUrl.replace(/\/+$/, '')}/api/auth.test`,
          headers: { authorization: `Bearer ${botToken}` },
          body: {},
        },
        { traceHeaders: {}, signal, timeoutMs },
      );
      const answer = answerSchema.safeParse(body).data;
      if (answer?.ok === true) {
        return { account: [answer.user, answer.team].filter(Boolean).join(' at ') };
      }
      if (answer !== undefined && REJECTED.has(answer.error)) {
        throw new ConnectorError(
          'credential_rejected',
          `Slack refused the token (${answer.error}). Install the app again and copy its bot token.`,
          { effect: 'none', permanent: true, status, providerCode: answer.error },
        );
      }
      throw new ConnectorError(
        'unavailable',
        `Slack could not say whose token this is (${answer?.error ?? `HTTP ${status}`}). Try again later, and check the base address of the credential.`,
        { effect: 'none', permanent: false, status },
      );
    },
  };
}
