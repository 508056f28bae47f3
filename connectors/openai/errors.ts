/**
 * What a refusal of the API means. Its `code` says more than the status: a 429 is a rate limit that
 * passes or a credit that is used up.
 * https://developers.openai.com/api/docs/guides/error-codes
 */
import { APIError } from 'openai';
import { ConnectorError, type ConnectorErrorCode, parseRetryAfter } from '../errors.ts';
import { withoutWhatWasSent } from '../provider-words.ts';

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly permanent: boolean;
  readonly message: string;
  readonly pointer?: string;
  /** Add the provider's own sentence. */
  readonly explain?: true;
}

const permanent = (
  code: ConnectorErrorCode,
  message: string,
  more: Pick<Meaning, 'pointer' | 'explain'> = {},
): Meaning => ({ code, permanent: true, message, ...more });
const passing = (code: ConnectorErrorCode, message: string): Meaning => ({
  code,
  permanent: false,
  message,
});

const CREDIT = permanent(
  'permission_denied',
  'The account’s credit or its monthly limit is used up. Add credit, or raise the limit, in the provider’s billing settings.',
);
const REFUSED_KEY = permanent(
  'credential_rejected',
  'The API key was refused. Check it, or store a new one in the credential.',
);
const TOO_LONG = permanent(
  'too_large',
  'What is asked is longer than the model can take. Shorten it, or use a model with a larger context.',
);
const FILTERED = permanent(
  'rejected',
  'The provider’s content filter refused the question. Rephrase it.',
);

const BY_CODE: Readonly<Record<string, Meaning>> = {
  insufficient_quota: CREDIT,
  billing_hard_limit_reached: CREDIT,
  billing_not_active: CREDIT,
  invalid_api_key: REFUSED_KEY,
  account_deactivated: REFUSED_KEY,
  context_length_exceeded: TOO_LONG,
  string_above_max_length: TOO_LONG,
  content_filter: FILTERED,
  content_policy_violation: FILTERED,
  model_not_found: permanent(
    'not_found',
    'The provider has no such model, or the key may not use it. Check model.',
    { pointer: '/model' },
  ),
  unsupported_country_region_territory: permanent(
    'permission_denied',
    'The provider does not serve the country that this request comes from.',
  ),
  ip_not_authorized: permanent(
    'permission_denied',
    'The project’s settings do not allow requests from this server’s address.',
  ),
  rate_limit_exceeded: passing(
    'rate_limited',
    'The model gets too many requests or tokens a minute.',
  ),
};

function byStatus(status: number, param: string | null | undefined): Meaning {
  switch (status) {
    case 401:
      return REFUSED_KEY;
    case 403:
      return permanent('permission_denied', 'The key may not do this.', { explain: true });
    case 404:
      return permanent(
        'not_found',
        'There is no such model, or nothing at this address. Check model, and baseUrl in the credential.',
        { pointer: '/model' },
      );
    case 408:
    case 409:
    case 425:
      return passing('unavailable', 'The provider could not take the request for the moment.');
    case 413:
      return TOO_LONG;
    case 429:
      return passing('rate_limited', 'The provider gets too many requests.');
    default:
      if (status >= 500) {
        return passing('unavailable', 'The provider failed or is overloaded; no answer came.');
      }
      if (status < 400) {
        return permanent(
          'invalid_response',
          'The base address of the credential redirects instead of answering; correct it.',
        );
      }
      return permanent('rejected', 'The provider does not accept the request.', {
        explain: true,
        ...(param?.startsWith('response_format') === true ? { pointer: '/schema' } : {}),
      });
  }
}

/**
 * Translates what the SDK threw.
 * @param sent what was asked, which no message may repeat
 */
export function refusedCall(error: unknown, sent: unknown): ConnectorError {
  if (!(error instanceof APIError) || error.status === undefined) {
    return new ConnectorError(
      'invalid_response',
      'The provider’s answer can’t be read. Check baseUrl in the credential.',
      { effect: 'none', permanent: false },
    );
  }
  const { status, param, headers } = error;
  const name = nameIn(error);
  const meaning = (name === undefined ? undefined : BY_CODE[name]) ?? byStatus(status, param);
  const told = sentenceIn(error);
  const explanation =
    meaning.explain === true && told !== undefined
      ? ` It says: ${withoutWhatWasSent(told, sent, ['model', 'role', 'type'])}`
      : '';
  const retryAfterMs = meaning.permanent ? undefined : waitIn(headers);
  return new ConnectorError(
    meaning.code,
    `${meaning.message}${explanation} (HTTP ${status}${name === undefined ? '' : `, ${name}`})`,
    {
      effect: 'none',
      permanent: meaning.permanent,
      status,
      ...(name === undefined ? {} : { providerCode: name }),
      ...(meaning.pointer === undefined ? {} : { pointer: meaning.pointer }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

/** @returns the error's code, or else its type, if it is a plain word */
function nameIn({ code, type }: APIError): string | undefined {
  return [code, type].find(
    (name): name is string => typeof name === 'string' && /^[a-z0-9_]{1,64}$/.test(name),
  );
}

function sentenceIn({ error }: APIError): string | undefined {
  return typeof error === 'object' &&
    error !== null &&
    'message' in error &&
    typeof error.message === 'string'
    ? error.message
    : undefined;
}

function waitIn(headers: Headers | undefined): number | undefined {
  const milliseconds = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  if (Number.isFinite(milliseconds)) return Math.max(0, Math.ceil(milliseconds));
  return parseRetryAfter(headers?.get('retry-after'), Date.now());
}
