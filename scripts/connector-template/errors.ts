/** What a refusal of the Acme API means: put the address of its documentation here. */
import {
  ConnectorError,
  type ConnectorErrorCode,
  type ConnectorErrorOptions,
  parseRetryAfter,
} from '../../connectors/errors.ts';
import type { JsonAnswer } from '../../connectors/json-request.ts';
import { withoutWhatWasSent } from '../../connectors/provider-words.ts';
import { refusalSchema } from './schema.ts';

interface Meaning extends Pick<ConnectorErrorOptions, 'effect' | 'permanent'> {
  readonly code: ConnectorErrorCode;
  readonly message: string;
}

/**
 * States truthfully whether the provider may have acted (`effect`), and whether the same request
 * would fail again (`permanent`): retries follow from these two alone.
 * @param sent what the request said, which no message may repeat
 */
export function refusedRequest(answer: JsonAnswer, sent: unknown): ConnectorError {
  const { status, headers, body } = answer;
  const refusal = refusalSchema.safeParse(body).data?.error;
  const { code, message, effect, permanent } = meaningOf(status);
  const said =
    refusal === undefined ? '' : ` Acme says: ${withoutWhatWasSent(refusal.message, sent)}`;
  const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
  return new ConnectorError(code, message + said, {
    effect,
    permanent,
    status,
    ...(refusal === undefined ? {} : { providerCode: refusal.code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function meaningOf(status: number): Meaning {
  if (status === 401) {
    return {
      code: 'credential_rejected',
      message: 'Acme refused the API key. Check that it is right and still valid.',
      effect: 'none',
      permanent: true,
    };
  }
  if (status === 403) {
    return {
      code: 'permission_denied',
      message: 'The Acme account may not send this message.',
      effect: 'none',
      permanent: true,
    };
  }
  if (status === 429) {
    return {
      code: 'rate_limited',
      message: 'Acme takes no more messages for now. The node waits and tries again.',
      effect: 'none',
      permanent: false,
    };
  }
  if (status >= 500) {
    return {
      code: 'unavailable',
      message: `Acme failed with status ${status}. The node tries again.`,
      effect: 'possible',
      permanent: false,
    };
  }
  if (status >= 400) {
    return {
      code: 'rejected',
      message: `Acme refused the message with status ${status}. Look at the node’s fields.`,
      effect: 'none',
      permanent: true,
    };
  }
  return {
    code: 'invalid_response',
    message: `Acme answered with status ${status} in a form that isn’t known.`,
    effect: 'possible',
    permanent: false,
  };
}
