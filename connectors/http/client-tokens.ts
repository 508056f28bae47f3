/**
 * Tokens of the OAuth 2.0 client credentials grant, kept until shortly before they expire.
 * https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConnectorError, parseRetryAfter } from '../errors.ts';
import { parseJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import type { ClientCredentials } from './schema.ts';

export interface ClientToken {
  readonly token: string;
  /** True if it was issued now, so that a refusal is not about its age. */
  readonly fresh: boolean;
}

export interface ClientTokens {
  /**
   * @throws ConnectorError with effect `none`, since a token is all that was asked for:
   *   `credential_rejected`, `rate_limited`, `unavailable`, `invalid_response`, or as `Outbound.request`
   */
  get(client: ClientCredentials, limits: TokenLimits): Promise<ClientToken>;
  /** Drops a token that was refused. */
  forget(client: ClientCredentials): void;
}

interface TokenLimits {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** True: only hosts that the operator listed are asked. */
  readonly onlyAllowed: boolean;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_TOKENS = 500;
/** A token that lives no longer than the request that takes it along is of no use. */
const EARLY_MS = 30_000;
/** For servers that leave expires_in out. */
const DEFAULT_LIFE_SECONDS = 300;

const answerSchema = z.object({
  access_token: z.string().regex(/^[\u0021-\u007e]+$/),
  expires_in: z.coerce.number().positive().default(DEFAULT_LIFE_SECONDS),
});
/** https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
const errorSchema = z.object({ error: z.string().regex(/^[a-z_]{1,64}$/) });

export function createClientTokens(outbound: Pick<Outbound, 'request'>): ClientTokens {
  const tokens = new Map<string, { readonly token: string; readonly until: number }>();

  return {
    async get(client, limits) {
      const key = fingerprint(client);
      const known = tokens.get(key);
      if (known !== undefined && known.until > Date.now()) {
        return { token: known.token, fresh: false };
      }
      const { access_token: token, expires_in: seconds } = await issue(outbound, client, limits);
      const oldest = tokens.keys().next().value;
      if (tokens.size >= MAX_TOKENS && oldest !== undefined) tokens.delete(oldest);
      tokens.delete(key);
      tokens.set(key, { token, until: Date.now() + seconds * 1000 - EARLY_MS });
      return { token, fresh: true };
    },
    forget: (client) => {
      tokens.delete(fingerprint(client));
    },
  };
}

async function issue(
  outbound: Pick<Outbound, 'request'>,
  client: ClientCredentials,
  { signal, timeoutMs, onlyAllowed }: TokenLimits,
): Promise<z.output<typeof answerSchema>> {
  const { tokenUrl, clientId, clientSecret, scope, audience } = client;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  };
  if (client.clientAuthentication === 'body') {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret);
  } else {
    // Both halves are form-encoded first: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  const { host } = new URL(tokenUrl);
  let answer: Awaited<ReturnType<Outbound['request']>>;
  try {
    answer = await outbound.request({
      method: 'POST',
      url: tokenUrl,
      headers,
      body: form.toString(),
      signal,
      timeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      followRedirects: false,
      onlyAllowed,
    });
  } catch (error) {
    throw error instanceof ConnectorError ? withoutEffect(error) : error;
  }
  if (answer.status !== 200) throw refused(answer, host);
  const parsed = answerSchema.safeParse(parseJson(answer.body.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new ConnectorError(
    'invalid_response',
    `${host} did not answer with a token. Check tokenUrl in the credential.`,
    { effect: 'none', permanent: true },
  );
}

function refused(
  { status, headers, body }: Awaited<ReturnType<Outbound['request']>>,
  host: string,
): ConnectorError {
  const passing = status === 408 || status === 429 || status >= 500;
  const told = errorSchema.safeParse(parseJson(body.toString('utf8')));
  const providerCode = told.success ? told.data.error : undefined;
  const retryAfterMs = passing ? parseRetryAfter(headers['retry-after'], Date.now()) : undefined;
  return new ConnectorError(
    status === 429 ? 'rate_limited' : passing ? 'unavailable' : 'credential_rejected',
    `${host} issued no token (${providerCode ?? `status ${status}`}). ${passing ? 'It is asked again later.' : 'Check tokenUrl, clientId, clientSecret and scope in the credential.'}`,
    {
      effect: 'none',
      permanent: !passing,
      status,
      ...(providerCode === undefined ? {} : { providerCode }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

function withoutEffect(error: ConnectorError): ConnectorError {
  return new ConnectorError(error.code, error.message, {
    effect: 'none',
    permanent: error.permanent,
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.details === undefined ? {} : { details: error.details }),
  });
}

function fingerprint(client: ClientCredentials): string {
  return createHash('sha256').update(JSON.stringify(client)).digest('base64');
}
