/**
 * Plays what the connector needs of Google: the token endpoint, the Sheets API and BigQuery's
 * insertAll and query, on one address.
 *
 * Every spreadsheet exists and has every sheet that is asked for; so does every BigQuery table.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import { createBigQueryEmulation } from './emulator-bigquery.ts';
import { googleError, tokenRefusal } from './emulator-replies.ts';
import { createSheetsEmulation } from './emulator-sheets.ts';
import type { GoogleCredential } from './schema.ts';

export interface GoogleEmulator extends Emulator<GoogleCredential> {
  /** The same emulator for the consent of a person. */
  readonly oauthCredential: GoogleCredential;
  readonly injectWhere: HttpEmulator['injectWhere'];
}

const PROJECT_ID = 'masar-sandbox';
const CLIENT_EMAIL = `emulator@${PROJECT_ID}.iam.gserviceaccount.com`;
/** Derived, not random, so that a restarted emulator still knows what it gave out before. */
const ACCESS_TOKEN = `ya29.${secret('access token')}`;
const OAUTH = {
  clientId: `${secret('client id').slice(0, 20)}.apps.googleusercontent.com`,
  clientSecret: `GOCSPX-${secret('client secret').slice(0, 28)}`,
  refreshToken: `1//${secret('refresh token')}`,
};

export const isSheetsRequest = ({ path }: EmulatedRequest): boolean =>
  path.startsWith('/v4/spreadsheets/');
export const isSheetsAppend = (request: EmulatedRequest): boolean =>
  isSheetsRequest(request) &&
  (request.path.endsWith(':append') ||
    (request.path.endsWith(':batchUpdate') && request.text().includes('"appendCells"')));
export const isBigQueryRequest = ({ path }: EmulatedRequest): boolean =>
  path.startsWith('/bigquery/v2/');
export const isTokenRequest = ({ path }: EmulatedRequest): boolean => path === '/token';

/** Starts the emulator. What `inject` is given strikes appends to Sheets only. */
export async function startGoogleEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<GoogleEmulator> {
  const sheets = createSheetsEmulation(store);
  const bigQuery = createBigQueryEmulation(store);

  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (isTokenRequest(request)) return issueToken(request);
    if (request.bearer() !== ACCESS_TOKEN) return unauthorized();
    if (isSheetsRequest(request)) return sheets(request);
    if (isBigQueryRequest(request)) return bigQuery(request);
    return googleError(404, 'NOT_FOUND', 'Requested entity was not found.');
  }

  const server = await startHttpEmulator({
    host,
    port,
    handle,
    faultReply,
    takesFault: isSheetsAppend,
  });
  const addresses = {
    projectId: PROJECT_ID,
    tokenUrl: `${server.url}/token`,
    sheetsBaseUrl: server.url,
    bigQueryBaseUrl: server.url,
  };
  return {
    connector: 'google-sheets',
    url: server.url,
    credential: {
      type: 'service_account',
      clientEmail: CLIENT_EMAIL,
      privateKey: privateKey(),
      ...addresses,
    },
    oauthCredential: { type: 'oauth', ...OAUTH, ...addresses },
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

function unauthorized(): EmulatedReply {
  return googleError(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token.',
  );
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return unauthorized();
    case 'rateLimited':
      return {
        ...googleError(
          429,
          'RESOURCE_EXHAUSTED',
          "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user' of service 'sheets.googleapis.com'.",
          'RATE_LIMIT_EXCEEDED',
        ),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      };
    case 'serverError':
      return fault.status === 503
        ? googleError(503, 'UNAVAILABLE', 'The service is currently unavailable.')
        : googleError(fault.status ?? 500, 'INTERNAL', 'Internal error encountered.');
  }
}

const assertionHeaderSchema = z.object({ alg: z.literal('RS256') });
const assertionClaimsSchema = z.object({
  iss: z.literal(CLIENT_EMAIL),
  scope: z.string().includes('https://www.googleapis.com/auth/spreadsheets'),
  aud: z.literal('https://oauth2.googleapis.com/token'),
  iat: z.number(),
  exp: z.number(),
});

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests */
function issueToken(request: EmulatedRequest): EmulatedReply {
  const form = request.form();
  switch (form.get('grant_type')) {
    case 'urn:ietf:params:oauth:grant-type:jwt-bearer':
      if (!isAssertion(form.get('assertion') ?? '')) {
        return tokenRefusal(400, 'invalid_grant', 'Invalid JWT.');
      }
      break;
    case 'refresh_token':
      if (
        form.get('client_id') !== OAUTH.clientId ||
        form.get('client_secret') !== OAUTH.clientSecret
      ) {
        return tokenRefusal(401, 'invalid_client', 'The OAuth client was not found.');
      }
      if (form.get('refresh_token') !== OAUTH.refreshToken) {
        return tokenRefusal(400, 'invalid_grant', 'Token has been expired or revoked.');
      }
      break;
    default:
      return tokenRefusal(400, 'unsupported_grant_type', 'Invalid grant_type.');
  }
  return {
    status: 200,
    body: { access_token: ACCESS_TOKEN, expires_in: 3_599, token_type: 'Bearer' },
  };
}

/** Looks at the form of a JWT, not at its signature. */
function isAssertion(assertion: string): boolean {
  const [header, claims, signature, ...rest] = assertion.split('.');
  if (!header || !claims || !signature || rest.length > 0) return false;
  const part = (text: string): unknown => {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    } catch {
      return undefined;
    }
  };
  const parsed = assertionClaimsSchema.safeParse(part(claims));
  return (
    assertionHeaderSchema.safeParse(part(header)).success &&
    parsed.success &&
    parsed.data.exp > parsed.data.iat
  );
}

let generatedKey: string | undefined;

/** Made once a process, because it takes a tenth of a second. */
function privateKey(): string {
  generatedKey ??= generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
  return generatedKey;
}

function secret(name: string): string {
  return createHash('sha256').update(`masar google emulator ${name}`).digest('base64url');
}
