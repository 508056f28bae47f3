/** One attempt's way to Google: the API clients, the access token and the clock. */
import {
  type bigquery_v2,
  bigquery as createBigQuery,
} from 'googleapis/build/src/apis/bigquery/index.js';
import { sheets as createSheets, type sheets_v4 } from 'googleapis/build/src/apis/sheets/index.js';
import type { z } from 'zod';
import type { OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import type { Outbound } from '../outbound.ts';
import { type AccessTokens, createAccessTokens } from './access-tokens.ts';
import type { GoogleCredential } from './credential.ts';
import { type GoogleCall, refusedCall, strangeAnswer, withEffect } from './errors.ts';
import { connectorErrorIn, createGoogleFetch, NO_RETRIES, responseIn } from './google-fetch.ts';

const TOKEN_TIMEOUT_MS = 10_000;

export interface GoogleClients {
  readonly sheets: sheets_v4.Sheets;
  readonly bigQuery: bigquery_v2.Bigquery;
}

export interface GoogleSession {
  readonly credential: GoogleCredential;
  readonly context: OperationContext<GoogleCredential>;
  /**
   * Calls Google and reads the answer.
   * @param run makes the call with the clients of this session
   * @param maxMs a limit below what the attempt has left
   * @throws ConnectorError; its effect is `none` for calls that do not act
   */
  call<Schema extends z.ZodType>(
    call: GoogleCall & { readonly answer: Schema; readonly maxMs?: number },
    run: (clients: GoogleClients) => Promise<{ readonly status: number; readonly data: unknown }>,
  ): Promise<z.output<Schema>>;
}

export type OpenGoogleSession = (context: OperationContext<GoogleCredential>) => GoogleSession;

/** @returns opens sessions that share access tokens and the way to the network */
export function createGoogleSessions(outbound: Pick<Outbound, 'request'>): OpenGoogleSession {
  const tokens = createAccessTokens((url) =>
    createGoogleFetch({ outbound, url, timeoutMs: () => TOKEN_TIMEOUT_MS }),
  );
  return (context) => openSession(outbound, tokens, context);
}

function openSession(
  outbound: Pick<Outbound, 'request'>,
  tokens: AccessTokens,
  context: OperationContext<GoogleCredential>,
): GoogleSession {
  const { credential, signal } = context;
  const deadline = performance.now() + context.timeoutMs;
  let hasFreshToken = false;

  async function accessToken(): Promise<string> {
    if (signal.aborted) throw ended(context);
    try {
      const { token, fresh } = await tokens.get(credential, signal);
      hasFreshToken ||= fresh;
      return token;
    } catch (error) {
      throw signal.aborted ? ended(context) : error;
    }
  }

  function clientsWith(token: string, maxMs: number | undefined): GoogleClients {
    const options = {
      ...NO_RETRIES,
      fetchImplementation: createGoogleFetch({
        outbound,
        signal,
        timeoutMs: () =>
          Math.max(1, Math.min(deadline - performance.now(), maxMs ?? Number.POSITIVE_INFINITY)),
        headers: { ...context.traceHeaders, authorization: `Bearer ${token}` },
      }),
    };
    const { sheetsBaseUrl, bigQueryBaseUrl } = credential;
    return {
      sheets: createSheets({
        version: 'v4',
        ...options,
        ...(sheetsBaseUrl === undefined ? {} : { rootUrl: sheetsBaseUrl }),
      }),
      bigQuery: createBigQuery({
        version: 'v2',
        ...options,
        ...(bigQueryBaseUrl === undefined ? {} : { rootUrl: bigQueryBaseUrl }),
      }),
    };
  }

  return {
    credential,
    context,

    async call(call, run) {
      try {
        return await once(call, run, clientsWith(await accessToken(), call.maxMs));
      } catch (error) {
        if (!(error instanceof ConnectorError) || error.code !== 'credential_rejected') throw error;
        tokens.forget(credential);
        // A kept token may have been withdrawn since; the refusal proves that nothing was done.
        if (hasFreshToken) throw error;
        return await once(call, run, clientsWith(await accessToken(), call.maxMs));
      }
    },
  };
}

async function once<Schema extends z.ZodType>(
  call: GoogleCall & { readonly answer: Schema },
  run: (clients: GoogleClients) => Promise<{ readonly status: number; readonly data: unknown }>,
  clients: GoogleClients,
): Promise<z.output<Schema>> {
  let answer: { readonly status: number; readonly data: unknown };
  try {
    answer = await run(clients);
  } catch (error) {
    const known = connectorErrorIn(error);
    if (known !== undefined) throw call.acts ? known : withEffect(known, 'none');
    const response = responseIn(error);
    if (response !== undefined) throw refusedCall(response, call);
    throw error;
  }
  const parsed = call.answer.safeParse(answer.data);
  if (!parsed.success) throw strangeAnswer(answer.status, call);
  return parsed.data;
}

/** The attempt ended while it waited for an access token, so nothing was sent. */
function ended({ signal, timeoutMs }: OperationContext): ConnectorError {
  const reason: unknown = signal.reason;
  const timedOut =
    typeof reason === 'object' &&
    reason !== null &&
    (('name' in reason && reason.name === 'TimeoutError') ||
      ('code' in reason && reason.code === 'timeout'));
  return timedOut
    ? new ConnectorError(
        'timeout',
        `Google gave no access token within the ${timeoutMs} ms of this attempt. Nothing was written.`,
        { effect: 'none', permanent: false },
      )
    : new ConnectorError('cancelled', 'Cancelled before anything was sent to Google.', {
        effect: 'none',
        permanent: true,
      });
}
