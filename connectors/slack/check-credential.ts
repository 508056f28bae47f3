import { z } from 'zod';
import type { CredentialCheck } from '../contract.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { refusedRequest } from './errors.ts';
import { DEFAULT_BASE_URL, type SlackCredential } from './schema.ts';

const answerSchema = z.object({
  ok: z.literal(true),
  team: z.string().optional(),
  user: z.string().optional(),
});

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
      const answer = await requestJson(
        outbound,
        {
          url: `${baseUrl.replace(/\/+$/, '')}/api/auth.test`,
          headers: { authorization: `Bearer ${botToken}` },
          body: {},
        },
        { traceHeaders: {}, signal, timeoutMs },
      );
      const { data } = answerSchema.safeParse(answer.body);
      if (data === undefined) throw refusedRequest(answer, 'none');
      return { account: [data.user, data.team].filter(Boolean).join(' at ') };
    },
  };
}
