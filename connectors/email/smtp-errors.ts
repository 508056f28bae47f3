/**
 * What an SMTP server's answers mean for a retry.
 *
 * Replies: RFC 5321 §4.2, https://www.rfc-editor.org/rfc/rfc5321#section-4.2
 * Enhanced codes: RFC 3463, https://www.rfc-editor.org/rfc/rfc3463
 * Gmail: https://support.google.com/a/answer/3726730
 * Exchange Online: https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
 *
 * A server's own words are left out of messages: they quote addresses.
 */
import { ConnectorError, type ConnectorErrorCode } from '../errors.ts';
import type { DeliveryFailure } from './smtp-pool.ts';

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly permanent: boolean;
  readonly message: string;
}

/** Certificate errors of Node's TLS: the same server would be refused again. */
export const CERTIFICATE_ERROR = /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/**
 * @param failure why the message was not confirmed
 * @param aborted why the attempt was ended from outside, if it was
 */
export function toConnectorError(
  failure: DeliveryFailure,
  aborted: 'timeout' | 'cancelled' | undefined,
): ConnectorError {
  const effect = effectOf(failure);
  const meaning = aborted === undefined ? meaningOf(failure) : meaningOfAbort(aborted, effect);
  const { responseCode, enhancedCode, command } = failure;
  return new ConnectorError(meaning.code, meaning.message, {
    effect,
    permanent: meaning.permanent,
    ...(responseCode === undefined ? {} : { status: responseCode }),
    ...(enhancedCode === undefined ? {} : { providerCode: enhancedCode }),
    details: {
      smtpError: failure.code,
      ...(command === undefined ? {} : { smtpCommand: command }),
      ...(failure.systemCode === undefined ? {} : { systemCode: failure.systemCode }),
    },
  });
}

/**
 * A 4yz or 5yz answer to the end of the message says that the server did not take it
 * (RFC 5321 §4.2.5). Without an answer it may have.
 */
function effectOf({ contentSent, command, responseCode }: DeliveryFailure): 'none' | 'possible' {
  const refused = command === 'DATA' && responseCode !== undefined && responseCode >= 400;
  return contentSent && !refused ? 'possible' : 'none';
}

function meaningOfAbort(aborted: 'timeout' | 'cancelled', effect: 'none' | 'possible'): Meaning {
  const state =
    effect === 'none'
      ? 'before the message was handed over'
      : 'after the message was handed over and before the mail server confirmed it';
  return aborted === 'timeout'
    ? {
        code: 'timeout',
        permanent: false,
        message: `The mail server took too long: the attempt timed out ${state}.`,
      }
    : { code: 'cancelled', permanent: false, message: `Sending was cancelled ${state}.` };
}

function meaningOf(failure: DeliveryFailure): Meaning {
  const { responseCode } = failure;
  return responseCode !== undefined && responseCode >= 400
    ? meaningOfReply(failure, responseCode)
    : meaningWithoutReply(failure);
}

function meaningOfReply(failure: DeliveryFailure, reply: number): Meaning {
  const enhanced = failure.enhancedCode ?? '';
  const answer = `${reply}${enhanced === '' ? '' : ` ${enhanced}`}`;
  const isLogin = failure.code === 'EAUTH';

  // Gmail: the account's daily limit, which a later attempt may find lifted.
  if (isRateLimit(reply, enhanced)) {
    return {
      code: 'rate_limited',
      permanent: false,
      message: `The mail server limits how much may be sent at once (${answer}). It takes the message later.`,
    };
  }
  if (reply < 500) {
    return {
      code: 'unavailable',
      permanent: false,
      message: `The mail server cannot take the message right now (${answer}). It may later.`,
    };
  }
  if ([530, 534, 535, 538].includes(reply) || isLogin) {
    return {
      code: 'credential_rejected',
      permanent: true,
      message: `The mail server refused the login (${answer}). Check user and password of the SMTP credential; Gmail and Microsoft 365 need an app password or SMTP AUTH switched on.`,
    };
  }
  if (failure.code === 'ETLS') {
    return {
      code: 'unavailable',
      permanent: true,
      message: `The mail server refused to encrypt the connection (${answer}). Check port and "secure" of the SMTP credential.`,
    };
  }
  if (isTooLarge(reply, enhanced, failure.command)) return tooLarge(answer);
  if (failure.code === 'EPROTOCOL') {
    return {
      code: 'unavailable',
      permanent: reply !== 554 && reply !== 503,
      message: `The mail server refuses the connection (${answer}). Check host and port of the SMTP credential.`,
    };
  }
  return {
    code: 'rejected',
    // 503: the session was in the wrong state, which a new connection mends.
    permanent: reply !== 503,
    message: `The mail server refused ${whatWasRefused(failure.command)} (${answer}).`,
  };
}

function isRateLimit(reply: number, enhanced: string): boolean {
  if (reply === 432 || (reply === 550 && enhanced === '5.4.5')) return true;
  if (reply === 421 || reply === 454) return /^4\.7\./.test(enhanced);
  return reply < 500 && ['4.2.1', '4.3.2', '4.7.28', '4.7.500'].includes(enhanced);
}

function isTooLarge(reply: number, enhanced: string, command: string | undefined): boolean {
  if (enhanced === '5.3.4' || enhanced === '5.2.3') return true;
  return reply === 552 && enhanced === '' && (command === 'MAIL FROM' || command === 'DATA');
}

function tooLarge(answer: string): Meaning {
  return {
    code: 'too_large',
    permanent: true,
    message: `The message is larger than the mail server takes (${answer}). Send smaller attachments, or links to them.`,
  };
}

function whatWasRefused(command: string | undefined): string {
  switch (command) {
    case 'MAIL FROM':
      return 'the sender: the account may not be allowed to send from this address';
    case 'RCPT TO':
      return 'every recipient: check that the addresses exist and that the account may send to them';
    default:
      return 'the message: it may look like spam, or a rule of the server forbids it';
  }
}

function meaningWithoutReply(failure: DeliveryFailure): Meaning {
  switch (failure.code) {
    case 'EDNS':
      return unavailable(
        'The mail server’s name cannot be resolved. Check the host of the SMTP credential.',
      );
    case 'EAUTH':
      return {
        code: 'credential_rejected',
        permanent: true,
        message: 'The mail server offers no way to log in that the SMTP credential can use.',
      };
    case 'ETLS':
    case 'ESOCKET':
      if (CERTIFICATE_ERROR.test(failure.systemCode ?? '')) {
        return {
          code: 'unavailable',
          permanent: true,
          message: `The mail server’s certificate is not trusted (${failure.systemCode}). Check host and port of the SMTP credential, have the server’s operator renew it, or give the certificate of a private authority as "caCertificate".`,
        };
      }
      return failure.systemCode === 'ECONNREFUSED'
        ? unavailable(
            'The mail server refused the connection. Check host and port of the SMTP credential.',
          )
        : unavailable('The connection to the mail server failed.');
    case 'ETIMEDOUT':
      return {
        code: 'timeout',
        permanent: false,
        message: 'The mail server did not answer in time.',
      };
    case 'EMESSAGE':
      return failure.command === 'MAIL FROM' ? tooLarge('its announced SIZE') : invalidAnswer();
    case 'EPROTOCOL':
      return invalidAnswer();
    case 'EENVELOPE':
      return {
        code: 'invalid_config',
        permanent: true,
        message: 'The sender or a recipient of the message is not a valid address.',
      };
    default:
      return unavailable('The mail server closed the connection unexpectedly.');
  }
}

function unavailable(message: string): Meaning {
  return { code: 'unavailable', permanent: false, message };
}

function invalidAnswer(): Meaning {
  return {
    code: 'invalid_response',
    permanent: false,
    message:
      'The mail server gave an answer that is not SMTP. Check host and port of the SMTP credential.',
  };
}
