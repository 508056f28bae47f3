/** What failures of PostgreSQL, and of the way there, mean. */
import { z } from 'zod';
import { ConnectorError, type ConnectorErrorCode } from '../errors.ts';
import { BlockedDestinationError } from '../outbound-destinations.ts';
import { blockedHost } from '../outbound-sockets.ts';
import { withoutWhatWasSent } from '../provider-words.ts';

/** The attempt at the moment of the failure. */
export interface FailedAttempt {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly sql: string;
  /** What no message may repeat. */
  readonly parameters: unknown;
  /** True from the moment COMMIT was sent: before it nothing has taken effect. */
  readonly isCommitting: boolean;
}

const refusalSchema = z.object({
  severity: z.string(),
  code: z.string().length(5),
  message: z.string(),
  position: z.string().optional(),
  constraint: z.string().optional(),
});
type Refusal = z.output<typeof refusalSchema>;
const codeSchema = z.object({ code: z.string() });

/** Names that Node gives to failed checks of certificates, https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE_CODES = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|HOSTNAME_MISMATCH/;

export function toConnectorError(error: unknown, at: FailedAttempt): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const effect = at.isCommitting ? 'possible' : 'none';
  if (at.signal.aborted) return ended(at, effect);
  if (error instanceof BlockedDestinationError) {
    return blockedHost('The database server', at.host, at.port);
  }
  const refusal = refusalSchema.safeParse(error);
  if (refusal.success) return refused(refusal.data, at);
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('received invalid response')) {
    return new ConnectorError(
      'invalid_response',
      'What answered is not PostgreSQL. Check host and port of the credential.',
      { effect, permanent: false },
    );
  }
  if (/does not support SSL|establishing an SSL/.test(message)) {
    return new ConnectorError(
      'invalid_config',
      'The database server does not encrypt connections. Switch that on there, or set "ssl" of the credential to "disable" in a network that you trust.',
      { effect: 'none', permanent: true },
    );
  }
  const code = codeSchema.safeParse(error).data?.code;
  if (code !== undefined && CERTIFICATE_CODES.test(code)) {
    return new ConnectorError(
      'invalid_config',
      'The certificate of the database server could not be verified. Add the certificate of its authority as "ca" to the credential, or set "ssl" to "require" to connect without this check.',
      { effect: 'none', permanent: true, details: { reason: code } },
    );
  }
  return new ConnectorError(
    'unavailable',
    at.isCommitting
      ? 'The connection to the database broke while the change was being committed, so it is not known whether it took effect.'
      : wayThere(code, at),
    { effect, permanent: false, ...(code === undefined ? {} : { details: { reason: code } }) },
  );
}

function wayThere(code: string | undefined, { host, port }: FailedAttempt): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `${host}:${port} refused the connection: no database listens there. Check host and port of the credential.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The name ${host} can't be resolved. Check its spelling in the credential.`;
    default:
      return 'The connection to the database broke off. Nothing has been changed.';
  }
}

function ended(at: FailedAttempt, effect: 'none' | 'possible'): ConnectorError {
  const reason: unknown = at.signal.reason;
  const timedOut =
    typeof reason === 'object' &&
    reason !== null &&
    (('name' in reason && reason.name === 'TimeoutError') ||
      ('code' in reason && reason.code === 'timeout'));
  const outcome =
    effect === 'none'
      ? 'Nothing has been changed.'
      : 'It is not known whether the change took effect.';
  return timedOut
    ? new ConnectorError(
        'timeout',
        `The database did not answer within the ${at.timeoutMs} ms of this attempt. ${outcome}`,
        { effect, permanent: false },
      )
    : new ConnectorError('cancelled', `The statement was cancelled. ${outcome}`, {
        effect,
        permanent: true,
      });
}

/** The server said no: what it had begun is rolled back. */
function refused(refusal: Refusal, at: FailedAttempt): ConnectorError {
  const { code, permanent, message, pointer } = meaning(refusal, at);
  return new ConnectorError(code, message, {
    effect: at.isCommitting && leavesCommitOpen(refusal.code) ? 'possible' : 'none',
    permanent,
    providerCode: refusal.code,
    ...(pointer === undefined ? {} : { pointer }),
  });
}

/** Lost connections, shutdowns, and "statement completion unknown". */
function leavesCommitOpen(sqlState: string): boolean {
  return sqlState.startsWith('08') || sqlState.startsWith('57P') || sqlState === '40003';
}

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly permanent: boolean;
  readonly message: string;
  readonly pointer?: string;
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function meaning(refusal: Refusal, at: FailedAttempt): Meaning {
  const sqlState = refusal.code;
  const told = `(${sqlState})`;
  switch (sqlState) {
    case '28P01':
    case '28000':
      return {
        code: 'credential_rejected',
        permanent: true,
        message: `The database refused user or password ${told}, or does not let them connect from here. Check the credential, and the server's pg_hba.conf.`,
      };
    case '3D000':
      return {
        code: 'not_found',
        permanent: true,
        message: `The server has no database of the credential's name ${told}. Check it in the credential.`,
      };
    case '42501':
      return {
        code: 'permission_denied',
        permanent: true,
        message: `The user of the credential may not do this in the database ${told}. Grant it there.`,
        pointer: '/sql',
      };
    case '25006':
      return {
        code: 'rejected',
        permanent: true,
        message: `The statement would change data, which "query" does not do ${told}. Use the operation "execute".`,
        pointer: '/sql',
      };
    case '57014':
      return {
        code: 'timeout',
        permanent: false,
        message: `The statement took longer than the time of this attempt, or was cancelled on the server ${told}. Nothing has been changed. Make it faster, or give the step a longer time limit.`,
      };
    case '53300':
      return {
        code: 'rate_limited',
        permanent: false,
        message: `The database takes no more connections for the moment ${told}.`,
      };
    case '55P03':
      return { code: 'unavailable', permanent: false, message: `Something is locked ${told}.` };
    case '2D000':
    case '25001':
      return {
        code: 'rejected',
        permanent: true,
        message: `The statement can't run in a transaction, but each step runs in one ${told}.`,
        pointer: '/sql',
      };
  }
  // Lost connections, rolled back by the server, out of resources, shut down, broken.
  if (/^(?:08|40|53|57|58|XX)/.test(sqlState)) {
    return {
      code: 'unavailable',
      permanent: false,
      message: `The database could not finish the statement for the moment ${told}.`,
    };
  }
  const words = withoutWhatWasSent(refusal.message, at.parameters);
  return {
    code: 'rejected',
    permanent: true,
    message: `PostgreSQL refused the statement${lineOf(refusal, at.sql)} ${told}.${words === '' ? '' : ` It says: ${words}`}`,
    pointer: '/sql',
  };
}

function lineOf({ position }: Refusal, sql: string): string {
  const at = Number(position ?? Number.NaN);
  if (!Number.isInteger(at) || at < 1 || at > sql.length + 1) return '';
  return ` at line ${sql.slice(0, at - 1).split('\n').length}`;
}
