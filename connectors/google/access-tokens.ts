/**
 * Access tokens for Google's APIs, kept until they expire.
 * https://developers.google.com/identity/protocols/oauth2/service-account
 * https://developers.google.com/identity/protocols/oauth2/web-server#offline
 */
import { createHash, createPrivateKey } from 'node:crypto';
import { JWT, OAuth2Client } from 'google-auth-library';
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import type { GoogleCredential } from './credential.ts';
import { withEffect } from './errors.ts';
import { connectorErrorIn, type GoogleFetch, NO_RETRIES, responseIn } from './google-fetch.ts';

export interface AccessToken {
  readonly token: string;
  /** True if it was fetched now, so that a refusal is not about its age. */
  readonly fresh: boolean;
}

export interface AccessTokens {
  /**
   * @throws ConnectorError `credential_rejected`, `unavailable`, `timeout`; always with effect `none`;
   *   the signal's reason once it fires
   */
  get(credential: GoogleCredential, signal: AbortSignal): Promise<AccessToken>;
  /** Drops a token that Google refused. */
  forget(credential: GoogleCredential): void;
}

const SCOPES = [
  'https://www.googleapis.com/auth/spreadsheets',
  'https://www.googleapis.com/auth/bigquery',
];
const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token';
const MAX_CLIENTS = 500;

const tokenErrorSchema = z.object({ error: z.string() });

/** @param fetchFrom opens the way to the token endpoint, whose waits are its own */
export function createAccessTokens(fetchFrom: (tokenUrl: string) => GoogleFetch): AccessTokens {
  const clients = new Map<string, OAuth2Client>();

  function clientOf(credential: GoogleCredential): OAuth2Client {
    const key = fingerprint(credential);
    const known = clients.get(key);
    if (known !== undefined) return known;
    const client = createClient(credential, fetchFrom(credential.tokenUrl ?? GOOGLE_TOKEN_URL));
    const oldest = clients.keys().next().value;
    if (clients.size >= MAX_CLIENTS && oldest !== undefined) clients.delete(oldest);
    clients.set(key, client);
    return client;
  }

  return {
    async get(credential, signal) {
      const client = clientOf(credential);
      const before = client.credentials.access_token;
      let token: string | null | undefined;
      try {
        token = (await unlessAborted(client.getAccessToken(), signal)).token;
      } catch (error) {
        throw tokenFailure(error);
      }
      if (!token) throw noToken();
      return { token, fresh: token !== before };
    },

    forget(credential) {
      clients.delete(fingerprint(credential));
    },
  };
}

function createClient(credential: GoogleCredential, fetch: GoogleFetch): OAuth2Client {
  const transporterOptions = { ...NO_RETRIES, fetchImplementation: fetch };
  switch (credential.type) {
    case 'service_account': {
      // Environment variables and forms carry the line breaks of the key file as \n.
      const key = credential.privateKey.replaceAll('\\n', '\n');
      assertPrivateKey(key);
      return new JWT({ email: credential.clientEmail, key, scopes: SCOPES, transporterOptions });
    }
    case 'oauth': {
      const client = new OAuth2Client({
        clientId: credential.clientId,
        clientSecret: credential.clientSecret,
        transporterOptions,
      });
      client.setCredentials({ refresh_token: credential.refreshToken });
      return client;
    }
  }
}

function assertPrivateKey(pem: string): void {
  try {
    createPrivateKey(pem);
  } catch {
    // The cause is left out: OpenSSL's words help nobody here.
    throw new ConnectorError(
      'credential_rejected',
      'The private key of the Google credential is not readable. Store private_key from the key file whole, with its BEGIN and END lines.',
      { effect: 'none', permanent: true },
    );
  }
}

/** The wait ends with the attempt; the request goes on for whoever else waits for the token. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

function tokenFailure(error: unknown): ConnectorError {
  const known = connectorErrorIn(error);
  if (known !== undefined) return withEffect(known, 'none');
  const response = responseIn(error);
  // The library says "could not refresh" when an answer of 2xx has no token.
  if (response === undefined) return noToken();
  const { status } = response;
  const parsed = tokenErrorSchema.safeParse(response.data);
  const code = parsed.success ? parsed.data.error : undefined;
  const told = code === undefined ? `HTTP ${status}` : `HTTP ${status}, ${code}`;
  const options = {
    effect: 'none',
    status,
    ...(code === undefined ? {} : { providerCode: code }),
  } as const;
  if (status === 429 || status >= 500) {
    return new ConnectorError(
      status === 429 ? 'rate_limited' : 'unavailable',
      `Google gave no access token for the moment (${told}).`,
      { ...options, permanent: false },
    );
  }
  return new ConnectorError(
    'credential_rejected',
    `Google gave no access token for this credential (${told}). The key may be deleted, the consent withdrawn, or this machine's clock wrong; store a new one.`,
    { ...options, permanent: true },
  );
}

function noToken(): ConnectorError {
  return new ConnectorError(
    'invalid_response',
    'The token endpoint of the Google credential answered without an access token. Check its address.',
    { effect: 'none', permanent: false },
  );
}

function fingerprint(credential: GoogleCredential): string {
  return createHash('sha256').update(JSON.stringify(credential)).digest('base64');
}
