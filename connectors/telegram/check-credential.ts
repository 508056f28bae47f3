import { z } from 'zod';
import type { CredentialCheck } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { DEFAULT_BASE_URL, type TelegramCredential } from './schema.ts';

const answerSchema = z.object({
  ok: z.literal(true),
  result: z.object({ username: z.string().optional(), first_name: z.string() }),
});

/**
 * Asks who the bot is.
 * https://core.telegram.org/bots/api#getme
 */
export function createTelegramCheck(
  outbound: Pick<Outbound, 'request'>,
): CredentialCheck<TelegramCredential> {
  return {
    async run({ botToken, baseUrl = DEFAULT_BASE_URL }, { signal, timeoutMs }) {
      const { status, body } = await requestJson(
        outbound,
        { url: `${baseUrl.replace(/\/+$/, '')}/bot${botToken}/getMe` },
        { traceHeaders: {}, signal, timeoutMs },
      );
      const parsed = answerSchema.safeParse(body);
      if (status === 200 && parsed.success) {
        const { username, first_name: name } = parsed.data.result;
        return { account: username === undefined ? name : `@${username}` };
      }
      if (status === 401 || status === 404) {
        throw new ConnectorError(
          'credential_rejected',
          'Telegram does not know this bot token. Copy it again from @BotFather.',
          { effect: 'none', permanent: true, status },
        );
      }
      throw new ConnectorError(
        'unavailable',
        `Telegram could not say who the bot is (HTTP ${status}). Try again later, and check the base address of the credential.`,
        { effect: 'none', permanent: false, status },
      );
    },
  };
}
