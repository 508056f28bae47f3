/**
 * What Google's APIs have in common, on one address: the token endpoint, the check of access
 * tokens, and how they say no.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  type RequestMatcher,
  startHttpEmulator,
} from '../http-emulator.ts';
import type { GoogleCredential } from './credential.ts';
import { googleError, tokenRefusal } from './emulator-replies.ts';

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

export const isTokenRequest = ({ path }: EmulatedRequest): boolean => path === '/token';

export interface GoogleEmulatorOptions extends Pick<EmulatorDeps, 'host' | 'port'> {
  /** The connector that it is the emulator of. */
  readonly connector: string;
  /** The APIs: the handler of the first prefix that a path has. */
  readonly apis: Readonly<Record<string, (request: EmulatedRequest) => Promise<EmulatedReply>>>;
  /** What `inject` is given strikes these requests only. */
  readonly takesFault: RequestMatcher;
}

export async function startGoogleApis(options: GoogleEmulatorOptions): Promise<GoogleEmulator> {
  const { connector, host, port, takesFault } = options;
  const apis = Object.entries(options.apis);

  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (isTokenRequest(request)) return issueToken(request);
    if (request.bearer() !== ACCESS_TOKEN) return unauthorized();
    const api = apis.find(([prefix]) => request.path.startsWith(prefix))?.[1];
    return api?.(request) ?? googleError(404, 'NOT_FOUND', 'Requested entity was not found.');
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply, takesFault });
  const addresses = {
    projectId: PROJECT_ID,
    tokenUrl: `${server.url}/token`,
    sheetsBaseUrl: server.url,
    bigQueryBaseUrl: server.url,
  };
  return {
    connector,
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
