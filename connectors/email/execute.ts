/** How the email connector acts. */
import { createHash } from 'node:crypto';
import type { CredentialCheck, ExecutionMode, Operation, OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { blockedHost, type GuardHost, unguardedHost } from '../outbound-sockets.ts';
import {
  type AttachmentContent,
  composeMail,
  identify,
  MAX_ATTACHMENT_BYTES,
  recipientsOf,
  senderOf,
} from './compose.ts';
import type { SendInput, SendOutput, SmtpCredential } from './schema.ts';
import { isTimeout, tryMailbox, wasSent } from './sent-lookup.ts';
import { toConnectorError } from './smtp-errors.ts';
import {
  createSmtpPool,
  DeliveryFailure,
  isThisMachine,
  type SmtpPool,
  tryLogin,
} from './smtp-pool.ts';

/** Credentials whose connections are kept; the one used longest ago is closed first. */
const MAX_POOLS = 50;
/** Gmail and Exchange Online file the copy of a sent message within seconds. */
const SENT_COPY_SETTLE_MS = 6_000;

export interface EmailDeps {
  /**
   * Fetches an attachment, past the guard that keeps requests out of private networks.
   * @throws ConnectorError
   */
  readonly fetchBytes: (
    url: string,
    options: { readonly maxBytes: number; readonly signal: AbortSignal },
  ) => Promise<{ readonly bytes: Buffer; readonly contentType?: string | undefined }>;
  /** Keeps the hosts of stored credentials out of private networks; emulators are exempt. */
  readonly guardHost: GuardHost;
  /** How long a lookup waits for the copy of a message to be filed, in milliseconds. */
  readonly sentCopySettleMs?: number;
}

export interface EmailOperations {
  readonly send: Operation<SendInput, SendOutput, SmtpCredential>;
  /** Logs in to SMTP, and to IMAP where the credential has it. */
  readonly check: CredentialCheck<SmtpCredential>;
  /** Closes the connections to the mail servers. */
  readonly close: () => Promise<void>;
}

/** The operations of the email connector; they share the connections to mail servers. */
export function createEmailOperations(deps: EmailDeps): EmailOperations {
  const pools = createPoolCache(deps.guardHost);
  return {
    send: createEmailSend(deps, pools),
    check: createEmailCheck(deps),
    close: () => pools.close(),
  };
}

/**
 * `email.send`. The effect of a failure is exact: `possible` only from the moment the end of the
 * message was written until the server answered it.
 */
function createEmailSend(
  deps: EmailDeps,
  pools: PoolCache,
): Operation<SendInput, SendOutput, SmtpCredential> {
  return {
    // Without a folder of sent mail to look into, nobody can say whether a message was taken.
    classify: (_input, credential) => (credential.imap === undefined ? 'blind' : 'queryable'),

    async lookup(input, context) {
      const { credential } = context;
      if (credential.imap === undefined) {
        throw new ConnectorError(
          'invalid_config',
          'Whether the message was sent cannot be looked up: the SMTP credential has no "imap".',
          { effect: 'possible', permanent: true },
        );
      }
      const identity = identify(context.key, senderOf(input, credential));
      const { imap } = credential;
      const isSandbox = context.mode === 'sandbox';
      const found = await wasSent(imap, identity, {
        signal: limitOf(context),
        settleMs: deps.sentCopySettleMs ?? SENT_COPY_SETTLE_MS,
        guard: isSandbox ? unguardedHost : deps.guardHost,
        isExposed: !isSandbox && !isThisMachine(imap.host),
      });
      if (!found) return { found: false };
      // The copy does not tell which recipients were refused; refusals fail the message or are
      // in the output of the attempt that was answered.
      return {
        found: true,
        output: { messageId: identity.messageId, accepted: recipientsOf(input), rejected: [] },
      };
    },

    async execute(input, context) {
      const { credential } = context;
      const signal = limitOf(context);
      const sender = senderOf(input, credential);
      const identity = identify(context.key, sender);
      try {
        if (signal.aborted) throw new DeliveryFailure({ code: 'EABORT' }, false);
        const mail = await composeMail(input, {
          sender,
          identity,
          attachments: await loadAttachments(input, deps, signal),
          headers: context.traceHeaders,
        });
        const { accepted, rejected } = await pools
          .of(credential, context.mode)
          .deliver(mail, signal);
        if (rejected.length > 0) {
          context.log('The mail server refused some of the recipients.', {
            accepted: accepted.length,
            rejected: rejected.length,
          });
        }
        return { messageId: identity.messageId, accepted: [...accepted], rejected: [...rejected] };
      } catch (error) {
        throw connectorErrorOf(error, credential, signal);
      }
    },
  };
}

function createEmailCheck({ guardHost }: EmailDeps): CredentialCheck<SmtpCredential> {
  return {
    async run(credential, { signal }) {
      try {
        await tryLogin(credential, guardHost, signal);
      } catch (error) {
        throw connectorErrorOf(error, credential, signal);
      }
      const { imap, user, host } = credential;
      if (imap !== undefined) {
        await tryMailbox(imap, { signal, guard: guardHost, isExposed: !isThisMachine(imap.host) });
      }
      return { account: user ?? host };
    },
  };
}

/** @returns what to throw; errors of other kinds as they are */
function connectorErrorOf(
  error: unknown,
  { host, port }: SmtpCredential,
  signal: AbortSignal,
): unknown {
  if (!(error instanceof DeliveryFailure)) return error;
  if (error.code === 'EBLOCKED') return blockedHost('The mail server', host, port);
  return toConnectorError(error, abortOf(signal));
}

function limitOf({ signal, timeoutMs }: OperationContext): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
}

function abortOf(signal: AbortSignal): 'timeout' | 'cancelled' | undefined {
  if (!signal.aborted) return undefined;
  return isTimeout(signal.reason) ? 'timeout' : 'cancelled';
}

async function loadAttachments(
  { attachments = [] }: SendInput,
  deps: EmailDeps,
  signal: AbortSignal,
): Promise<AttachmentContent[]> {
  const loaded: AttachmentContent[] = [];
  let room = MAX_ATTACHMENT_BYTES;
  for (const [index, attachment] of attachments.entries()) {
    const { filename, contentType, contentBase64, url, cid } = attachment;
    const file =
      url === undefined
        ? { bytes: Buffer.from(contentBase64 ?? '', 'base64') }
        : await fetchAttachment(url, index, room, deps, signal);
    room -= file.bytes.length;
    if (room < 0) {
      throw new ConnectorError(
        'too_large',
        `The attachments are larger than ${MAX_ATTACHMENT_BYTES / 1024 / 1024} MB together, which mail servers do not take. Send a link instead.`,
        { effect: 'none', permanent: true, pointer: `/attachments/${index}` },
      );
    }
    loaded.push({ filename, bytes: file.bytes, contentType: contentType ?? file.contentType, cid });
  }
  return loaded;
}

async function fetchAttachment(
  url: string,
  index: number,
  maxBytes: number,
  deps: EmailDeps,
  signal: AbortSignal,
): Promise<{ readonly bytes: Buffer; readonly contentType?: string | undefined }> {
  try {
    return await deps.fetchBytes(url, { maxBytes, signal });
  } catch (error) {
    if (signal.aborted) throw new DeliveryFailure({ code: 'EABORT' }, false);
    if (!(error instanceof ConnectorError)) throw error;
    // Whatever the other server did, no mail was sent.
    throw new ConnectorError(error.code, `An attachment could not be fetched. ${error.message}`, {
      effect: 'none',
      permanent: error.permanent,
      pointer: `/attachments/${index}/url`,
      ...(error.status === undefined ? {} : { status: error.status }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    });
  }
}

interface PoolCache {
  of(credential: SmtpCredential, mode: ExecutionMode): SmtpPool;
  close(): Promise<void>;
}

function createPoolCache(guardHost: GuardHost): PoolCache {
  const pools = new Map<string, SmtpPool>();
  const closing = new Set<Promise<void>>();

  const closeLater = (pool: SmtpPool): void => {
    const done = pool.close().finally(() => closing.delete(done));
    closing.add(done);
  };

  return {
    of(credential, mode) {
      const { imap: _imap, from: _from, ...connection } = credential;
      // By mode too, or a live node could use a connection that was opened without the guard.
      const id = createHash('sha256')
        .update(JSON.stringify([mode, connection]))
        .digest('hex');
      const guard = mode === 'sandbox' ? unguardedHost : guardHost;
      const pool = pools.get(id) ?? createSmtpPool(credential, guard);
      // A Map keeps the order of insertion, so the first entry is the one used longest ago.
      pools.delete(id);
      pools.set(id, pool);
      const [oldest] = pools;
      if (pools.size > MAX_POOLS && oldest !== undefined) {
        pools.delete(oldest[0]);
        closeLater(oldest[1]);
      }
      return pool;
    },
    async close() {
      for (const pool of pools.values()) closeLater(pool);
      pools.clear();
      await Promise.all(closing);
    },
  };
}
