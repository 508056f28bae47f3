/**
 * What Meta's error codes mean for a send.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
 *
 * Meta asks to decide by `code` alone: its HTTP statuses, titles and subcodes vary.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { ConnectorError, type ConnectorErrorCode, parseRetryAfter } from '../errors.ts';
import { withoutWhatWasSent } from '../provider-words.ts';
import {
  type ErrorAnswer,
  errorAnswerSchema,
  type MarkReadInput,
  type SendInput,
} from './schema.ts';

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly permanent: boolean;
  /** `none` where left out: Meta says that the message was not sent. */
  readonly effect?: 'possible';
  /** What happened and what to do. */
  readonly message: string;
  /** JSON pointer into the config. */
  readonly pointer?: string;
  /** Add Meta's own details, which name the parameter that is wrong. */
  readonly explain?: true;
}

const credential = (message: string): Meaning => ({
  code: 'credential_rejected',
  permanent: true,
  message,
});
const denied = (message: string): Meaning => ({
  code: 'permission_denied',
  permanent: true,
  message,
});
const limited = (message: string): Meaning => ({ code: 'rate_limited', permanent: false, message });
const away = (message: string): Meaning => ({ code: 'unavailable', permanent: false, message });
const rejected = (message: string, more: Pick<Meaning, 'pointer' | 'explain'> = {}): Meaning => ({
  code: 'rejected',
  permanent: true,
  message,
  ...more,
});
const template = (message: string, pointer = '/template'): Meaning =>
  rejected(message, { pointer, explain: true });

const TOKEN = 'Make a new access token and store it in the credential.';
const PERMISSION =
  'Grant the access token whatsapp_business_messaging and check that it may use this phone number.';

const MEANINGS: Readonly<Record<number, Meaning>> = {
  0: credential(`WhatsApp could not authenticate the access token. ${TOKEN}`),
  190: credential(`The access token has expired or was withdrawn. ${TOKEN}`),
  3: denied(`The app lacks a capability or permission that sending needs. ${PERMISSION}`),
  10: denied(`WhatsApp denied the permission to send. ${PERMISSION}`),
  368: denied(
    'WhatsApp has restricted this business account for violating a policy. See Business Support Home.',
  ),
  130497: denied('This business account may not message people in that country.'),
  131005: denied(`WhatsApp denied access. ${PERMISSION}`),
  131031: denied('WhatsApp has locked this business account. See Business Support Home.'),

  4: limited(
    "The app has used up its Graph API calls. WhatsApp's limit frees itself within the hour.",
  ),
  80007: limited(
    'The business account has used up its API calls. The limit frees itself within the hour.',
  ),
  130429: limited('Too many messages a second went out from this phone number.'),
  131048: limited(
    'WhatsApp limits this phone number because recipients blocked or reported its messages. Check its quality in WhatsApp Manager.',
  ),
  131056: limited('Too many messages went to this one recipient in a short time.'),
  132069: limited('WhatsApp throttles the flow in this message because its endpoint is unhealthy.'),

  1: {
    code: 'unavailable',
    permanent: false,
    effect: 'possible',
    message:
      'WhatsApp failed for an unknown reason and does not say whether the message went out. See its status page.',
  },
  2: away('WhatsApp is down or overloaded; the message was not sent.'),
  131000: away('WhatsApp failed to send the message for an unknown reason.'),
  131016: away('A service of WhatsApp is temporarily away; the message was not sent.'),
  131057: away(
    'The business account is in maintenance mode, for example while its throughput is raised.',
  ),
  133004: away('The WhatsApp server is temporarily away; the message was not sent.'),

  33: {
    code: 'not_found',
    permanent: true,
    message:
      "The phone number id of the credential does not exist or was deleted. Take it from WhatsApp Manager; it isn't the phone number itself.",
  },
  100: rejected('WhatsApp does not accept a parameter of the message.', { explain: true }),
  130472: rejected('WhatsApp did not deliver: the recipient is part of one of its experiments.'),
  131008: rejected('A required parameter is missing.', { explain: true }),
  131009: rejected('The value of a parameter is invalid.', { explain: true }),
  131021: rejected('Sender and recipient are the same number.', { pointer: '/to' }),
  131026: {
    code: 'undeliverable',
    permanent: true,
    message:
      'WhatsApp cannot deliver to this recipient: the number has no WhatsApp, uses an old version, or has not accepted the terms.',
    pointer: '/to',
  },
  131030: rejected(
    'The recipient is not on the list of allowed numbers, which a test phone number needs.',
    { pointer: '/to' },
  ),
  131037: rejected("The phone number's display name must be approved in WhatsApp Manager first."),
  131042: rejected(
    'The payment method of the business account has a problem; see WhatsApp Manager.',
  ),
  131045: rejected('The sending phone number is not registered correctly; register it again.'),
  131047: {
    code: 'window_closed',
    permanent: true,
    message:
      'More than 24 hours have passed since the recipient last wrote, so only templates may be sent. Use "template" instead of free text.',
  },
  131049: rejected(
    'WhatsApp held the message back because this recipient gets many marketing messages. Do not repeat it within 24 hours.',
  ),
  131050: rejected('The recipient has opted out of marketing messages from this business.'),
  131051: rejected('WhatsApp does not support this type of message.', { explain: true }),
  131052: rejected('WhatsApp could not download the file.', { pointer: '/media', explain: true }),
  131053: rejected('WhatsApp could not take the file over: check its address, type and size.', {
    pointer: '/media',
    explain: true,
  }),
  132000: template(
    'The number of values does not match the variables of the template.',
    '/template/components',
  ),
  132001: template('The template does not exist in this language or is not approved.'),
  132005: template(
    'The text of the template becomes too long with these values.',
    '/template/components',
  ),
  132007: template('The content of the template violates a WhatsApp policy.'),
  132012: template(
    'A value has not the format that the template asks for.',
    '/template/components',
  ),
  132015: template('The template is paused for low quality. Edit it, or use another one.'),
  132016: template('The template was disabled for good after too many pauses. Use another one.'),
  132018: template(
    'A value of the template has line breaks, tabs or too many spaces, or another form that is not allowed.',
    '/template/components',
  ),
  132068: template('The flow in this template is blocked. Correct the flow.'),
  131055: rejected('WhatsApp does not allow this method for the message.', { explain: true }),
  131058: rejected('The "hello_world" template can be sent from test numbers only.', {
    pointer: '/template/name',
  }),
  133010: rejected('The sending phone number is not registered with the Cloud API; register it.'),
  135000: rejected('WhatsApp could not send because of an unknown error in the parameters.', {
    explain: true,
  }),
};

/** Codes after which Meta documents a wait of 4^X seconds, X counting the failures from 0. */
const POWERS_OF_FOUR = new Set([130429, 131056]);
const MAX_WAIT_MS = 3_600_000;
/** Fields of the input whose values name things of the business, not of the recipient. */
const PUBLIC_NAMES = ['type', 'name', 'language', 'sub_type'];

export interface RefusedRequest {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON of the answer; undefined if it is none. */
  readonly body: unknown;
  /** What was sent, so that its values are left out of Meta's sentences. */
  readonly input: SendInput | MarkReadInput | undefined;
  readonly attempt: number;
}

/** Translates an answer outside 2xx. */
export function refusedRequest(refusal: RefusedRequest): ConnectorError {
  const { status, headers, input } = refusal;
  const parsed = errorAnswerSchema.safeParse(refusal.body);
  const error = parsed.success ? parsed.data.error : undefined;
  const meaning = meaningOf(status, error);
  const explanation = meaning.explain === true ? explain(error, input) : '';
  const code = error?.code;
  const retryAfterMs = waitOf(refusal, meaning, code);
  return new ConnectorError(
    meaning.code,
    `${meaning.message}${explanation} (${code === undefined ? `HTTP ${status}` : `Meta code ${code}`})`,
    {
      effect: meaning.effect ?? 'none',
      permanent: meaning.permanent,
      status,
      ...(code === undefined ? {} : { providerCode: String(code) }),
      ...(meaning.pointer === undefined ? {} : { pointer: meaning.pointer }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      details: traceDetails(error, headers),
    },
  );
}

function meaningOf(status: number, error: ErrorAnswer['error'] | undefined): Meaning {
  const code = error?.code;
  const known = code === undefined ? undefined : MEANINGS[code];
  if (known !== undefined) return known;
  if (code !== undefined && code >= 200 && code <= 299) {
    return denied(`WhatsApp denied a permission. ${PERMISSION}`);
  }
  if (code !== undefined && code >= 132000 && code <= 132999) {
    return template('WhatsApp refused the template.');
  }
  if (status === 401) return credential(`WhatsApp refused the access token. ${TOKEN}`);
  if (status === 403) return denied(`WhatsApp denied access. ${PERMISSION}`);
  if (status === 404) {
    return {
      code: 'not_found',
      permanent: true,
      message:
        'WhatsApp does not know this address. Check phone number id, version and base address.',
    };
  }
  if (status === 429) return limited('WhatsApp limits the rate of requests.');
  if (status >= 500) {
    return {
      code: 'unavailable',
      permanent: false,
      effect: 'possible',
      message: 'WhatsApp failed and does not say whether the message went out.',
    };
  }
  if (error?.is_transient === true || status === 408 || status === 425) {
    return away('WhatsApp could not take the message for the moment.');
  }
  if (status < 400) {
    return {
      code: 'invalid_response',
      permanent: true,
      message: 'The base address of the credential redirects instead of answering; correct it.',
    };
  }
  return rejected('WhatsApp refused the message.', { explain: true });
}

/** Meta's sentence about the parameter that is wrong. */
function explain(error: ErrorAnswer['error'] | undefined, input: RefusedRequest['input']): string {
  const sentence = error?.error_data?.details ?? error?.message;
  if (sentence === undefined) return '';
  return ` WhatsApp says: ${withoutWhatWasSent(sentence, input, PUBLIC_NAMES)}`;
}

function waitOf(
  refusal: RefusedRequest,
  meaning: Meaning,
  code: number | undefined,
): number | undefined {
  if (meaning.permanent) return undefined;
  const told = parseRetryAfter(refusal.headers['retry-after'], Date.now());
  if (told !== undefined) return told;
  if (meaning.code !== 'rate_limited') return undefined;
  const regained = regainAccessMs(refusal.headers['x-business-use-case-usage']);
  if (regained !== undefined) return regained;
  if (code === undefined || !POWERS_OF_FOUR.has(code)) return undefined;
  return Math.min(4 ** Math.max(0, refusal.attempt - 1) * 1000, MAX_WAIT_MS);
}

const usageSchema = z.record(
  z.string(),
  z.array(z.object({ estimated_time_to_regain_access: z.number().optional() })),
);

/**
 * The minutes until the limit is lifted, which Meta tells in a header of its own.
 * https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers-2
 */
function regainAccessMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  let usage: unknown;
  try {
    usage = JSON.parse(header);
  } catch {
    return undefined;
  }
  const parsed = usageSchema.safeParse(usage);
  if (!parsed.success) return undefined;
  const minutes = Object.values(parsed.data)
    .flat()
    .map((entry) => entry.estimated_time_to_regain_access ?? 0);
  const longest = Math.max(0, ...minutes);
  return longest === 0 ? undefined : longest * 60_000;
}

function traceDetails(
  error: ErrorAnswer['error'] | undefined,
  headers: IncomingHttpHeaders,
): Record<string, string> {
  const trace = error?.fbtrace_id ?? headers['x-fb-trace-id'];
  return typeof trace === 'string' ? { fbtraceId: trace } : {};
}
