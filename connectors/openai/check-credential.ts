import { z } from 'zod';
import type { CheckedCredential, CredentialCheck } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { DEFAULT_BASE_URL, type OpenaiCredential } from './schema.ts';

const modelsSchema = z.object({ data: z.array(z.unknown()) });

/**
 * Lists the models, which costs nothing.
 * https://platform.openai.com/docs/api-reference/models/list
 */
export function createOpenaiCheck(
  outbound: Pick<Outbound, 'request'>,
): CredentialCheck<OpenaiCredential> {
  return {
    async run(
      { apiKey, baseUrl = DEFAULT_BASE_URL, organization, project },
      { signal, timeoutMs },
    ): Promise<CheckedCredential> {
      const { status, body } = await requestJson(
        outbound,
        {
          url: `${baseUrl.replace(/\/+$/, '')}/models`,
          headers: {
            authorization: `Bearer ${apiKey}`,
            ...(organization === undefined ? {} : { 'openai-organization': organization }),
            ...(project === undefined ? {} : { 'openai-project': project }),
          },
        },
        { traceHeaders: {}, signal, timeoutMs },
      );
      if (status === 200 && modelsSchema.safeParse(body).success) return {};
      if (status === 401) {
        throw new ConnectorError(
          'credential_rejected',
          'OpenAI refused the API key. Make a new one and store it in the credential.',
          { effect: 'none', permanent: true, status },
        );
      }
      // A key that may only do what a node needs is still known.
      if (status === 403) {
        return {
          untestable:
            'The API key is known, but may not list models. Run a node to see whether it may do what is needed.',
        };
      }
      throw new ConnectorError(
        'unavailable',
        `The models could not be listed (HTTP ${status}). Try again later, and check the base address of the credential.`,
        { effect: 'none', permanent: false, status },
      );
    },
  };
}
