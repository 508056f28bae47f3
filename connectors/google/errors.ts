/**
 * What Google's error answers mean.
 * https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors
 * https://cloud.google.com/bigquery/docs/error-messages
 * https://google.aip.dev/193
 */
import { z } from 'zod';
import {
  ConnectorError,
  type ConnectorErrorCode,
  type ConnectorErrorOptions,
  parseRetryAfter,
} from '../errors.ts';
import { withoutWhatWasSent } from '../provider-words.ts';

export type GoogleApi = 'Google Sheets' | 'BigQuery';

/** The call that failed. */
export interface GoogleCall {
  readonly api: GoogleApi;
  /** False if the call changes nothing, so that its failure leaves nothing in doubt. */
  readonly acts: boolean;
  /** What was sent, so that no message repeats it. */
  readonly sent: unknown;
  /** What a 404 means for this call, where it is not the spreadsheet. */
  readonly missing?: { readonly message: string; readonly pointer?: string };
}

const errorAnswerSchema = z.object({
  error: z.object({
    message: z.string().default(''),
    /** google.rpc.Code, e.g. RESOURCE_EXHAUSTED */
    status: z.string().optional(),
    /** The older form, which BigQuery and Drive use. */
    errors: z.array(z.object({ reason: z.string().optional() })).default([]),
    details: z.array(z.object({ reason: z.string().optional() })).default([]),
  }),
});

/** Marks the refusal of a full spreadsheet, in `providerCode`. */
const CELL_LIMIT = 'CELL_LIMIT';
const RATE_REASONS = new Set([
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'RATE_LIMIT_EXCEEDED',
  'RESOURCE_EXHAUSTED',
]);
const QUOTA_REASONS = new Set(['quotaExceeded', 'dailyLimitExceeded']);
const DISABLED_REASONS = new Set(['accessNotConfigured', 'SERVICE_DISABLED']);
/** "per-minute quotas … refilled every minute": https://developers.google.com/workspace/sheets/api/limits */
const MINUTE_QUOTA_MS = 60_000;
/** "wait 10 minutes or longer": https://cloud.google.com/bigquery/docs/troubleshoot-quotas */
const LONG_QUOTA_MS = 600_000;

const MISSING: Record<GoogleApi, NonNullable<GoogleCall['missing']>> = {
  'Google Sheets': {
    message: 'The spreadsheet does not exist, or is not shared with the account of the credential.',
    pointer: '/spreadsheetId',
  },
  BigQuery: {
    message:
      'BigQuery knows no such project, dataset or table. Check the names, and that the account of the credential may see them.',
  },
};

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly data: unknown;
}

/** Translates an answer outside 2xx. */
export function refusedCall(answer: Answer, call: GoogleCall): ConnectorError {
  const { status } = answer;
  const parsed = errorAnswerSchema.safeParse(answer.data);
  const told = parsed.success ? parsed.data.error : undefined;
  const reasons = [
    ...(told?.details ?? []).map(({ reason }) => reason),
    ...(told?.errors ?? []).map(({ reason }) => reason),
    told?.status,
  ].filter((reason) => reason !== undefined);
  const reason = reasons[0];
  const has = (known: ReadonlySet<string>): boolean => reasons.some((each) => known.has(each));

  const failure = (
    code: ConnectorErrorCode,
    message: string,
    options: Partial<ConnectorErrorOptions> & { readonly permanent: boolean },
  ): ConnectorError =>
    new ConnectorError(code, `${message} (HTTP ${status}${reason ? `, ${reason}` : ''})`, {
      effect: 'none',
      status,
      ...(reason === undefined ? {} : { providerCode: reason }),
      ...options,
    });
  const limited = (message: string, waitMs: number): ConnectorError =>
    failure('rate_limited', message, {
      permanent: false,
      retryAfterMs: parseRetryAfter(answer.retryAfter, Date.now()) ?? waitMs,
    });

  if (status === 401) {
    return failure(
      'credential_rejected',
      `${call.api} refused the access token. Check that the key or the consent of the credential still exists.`,
      { permanent: true },
    );
  }
  if (has(QUOTA_REASONS)) {
    return limited(`A longer-term quota of ${call.api} is used up.`, LONG_QUOTA_MS);
  }
  if (status === 429 || has(RATE_REASONS)) {
    return limited(`${call.api} limits the rate of requests.`, MINUTE_QUOTA_MS);
  }
  if (status === 403)
    return failure('permission_denied', deniedSentence(call.api, has), { permanent: true });
  if (status === 404) {
    const { message, pointer } = call.missing ?? MISSING[call.api];
    return failure('not_found', message, {
      permanent: true,
      ...(pointer === undefined ? {} : { pointer }),
    });
  }
  if (status === 413) {
    return failure(
      'too_large',
      `What the node sends is too large for one request to ${call.api}.`,
      {
        permanent: true,
      },
    );
  }
  if (status >= 500) {
    return failure(
      'unavailable',
      call.acts
        ? `${call.api} failed and does not say whether the change was made.`
        : `${call.api} is not available.`,
      { permanent: false, effect: call.acts ? 'possible' : 'none', ...retryAfter(answer) },
    );
  }
  if (status === 408 || status === 409 || status === 425) {
    return failure('unavailable', `${call.api} could not take the request for the moment.`, {
      permanent: false,
      ...retryAfter(answer),
    });
  }
  const sentence = told?.message ?? '';
  if (/above the limit of [\d,]+ cells/i.test(sentence)) {
    return failure(
      'rejected',
      'The spreadsheet is full: it may have 10 million cells at most. Begin a new one, delete empty rows and columns, or set a fallback.',
      { permanent: true, pointer: '/spreadsheetId', providerCode: CELL_LIMIT },
    );
  }
  if (/unable to parse range/i.test(sentence)) {
    return failure('not_found', 'The sheet that "range" names does not exist in the spreadsheet.', {
      permanent: true,
      pointer: '/range',
    });
  }
  const words = sentence === '' ? '' : ` It says: ${withoutWhatWasSent(sentence, call.sent)}`;
  return failure('rejected', `${call.api} refused the request.${words}`, { permanent: true });
}

function deniedSentence(api: GoogleApi, has: (known: ReadonlySet<string>) => boolean): string {
  if (has(DISABLED_REASONS)) {
    return `The ${api} API is not enabled in the Google Cloud project of the credential. Enable it there.`;
  }
  return api === 'BigQuery'
    ? 'The account may not do this in BigQuery. Give it the roles BigQuery Data Editor (or Data Viewer, to read only) and BigQuery Job User.'
    : 'The account may not do this with the spreadsheet. Share it with the account of the credential, as an editor if the node writes.';
}

function retryAfter(answer: Answer): Pick<ConnectorErrorOptions, 'retryAfterMs'> {
  const retryAfterMs = parseRetryAfter(answer.retryAfter, Date.now());
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** An answer of 2xx that is none of this API. */
export function strangeAnswer(status: number, call: GoogleCall): ConnectorError {
  return new ConnectorError(
    'invalid_response',
    `What answered with ${status} is not ${call.api}. Check the base address of the credential.`,
    { effect: call.acts ? 'possible' : 'none', permanent: false, status },
  );
}

/** True if the spreadsheet is full, which waiting does not change. */
export function isCellLimit(error: ConnectorError): boolean {
  return error.providerCode === CELL_LIMIT;
}

/** The same error, with what has become known of its effect. */
export function withEffect(
  error: ConnectorError,
  effect: ConnectorErrorOptions['effect'],
  message = error.message,
): ConnectorError {
  return new ConnectorError(error.code, message, {
    effect,
    permanent: error.permanent,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(error.providerCode === undefined ? {} : { providerCode: error.providerCode }),
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
    ...(error.details === undefined ? {} : { details: error.details }),
  });
}
