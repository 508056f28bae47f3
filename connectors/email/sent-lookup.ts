/**
 * Looks for a message in the account's folder of sent mail.
 *
 * Gmail and Exchange Online file a copy of each message that is sent by SMTP:
 * https://support.google.com/mail/answer/78892
 * https://techcommunity.microsoft.com/blog/exchange/changes-coming-to-the-smtp-authenticated-submission-client-protocol/607825
 */
import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { z } from 'zod';
import { ConnectorError } from '../errors.ts';
import { BlockedDestinationError } from '../outbound-destinations.ts';
import { blockedHost, type GuardHost } from '../outbound-sockets.ts';
import { KEY_HEADER, type MailIdentity } from './compose.ts';
import type { ImapCredential } from './schema.ts';
import { CERTIFICATE_ERROR } from './smtp-errors.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const LOOKS = 3;

const imapError = z.object({
  authenticationFailed: z.boolean().optional(),
  code: z.string().optional(),
  tlsFailed: z.boolean().optional(),
  serverResponseCode: z.string().optional(),
});

export interface LookOptions {
  readonly signal: AbortSignal;
  readonly guard: GuardHost;
  /** True if others could listen in. */
  readonly isExposed: boolean;
}

/**
 * Was a message with this identity sent?
 * @param settleMs how long the copy of a message just taken may be on its way to the folder
 * @throws ConnectorError whose effect is `possible`: that the folder cannot be read proves nothing
 */
export function wasSent(
  imap: ImapCredential,
  identity: MailIdentity,
  options: LookOptions & { readonly settleMs: number },
): Promise<boolean> {
  const { settleMs, signal } = options;
  return inSentMailbox(imap, options, async (client) => {
    for (let look = 1; ; look += 1) {
      if (await isInMailbox(client, identity)) return true;
      if (look === LOOKS || settleMs === 0) return false;
      await sleep(settleMs / (LOOKS - 1), undefined, { signal });
      await client.noop();
    }
  });
}

/**
 * Logs in and opens the folder of sent mail, no more.
 * @throws ConnectorError as `wasSent`
 */
export function tryMailbox(imap: ImapCredential, options: LookOptions): Promise<void> {
  return inSentMailbox(imap, options, async () => undefined);
}

async function inSentMailbox<Result>(
  imap: ImapCredential,
  { signal, guard, isExposed }: LookOptions,
  use: (client: ImapFlow) => Promise<Result>,
): Promise<Result> {
  const lookup = guarded(imap, guard);
  const secure = imap.secure ?? imap.port === 993;
  // https://imapflow.com/docs/api/imapflow-client
  const client = new ImapFlow({
    host: imap.host,
    port: imap.port,
    secure,
    // A password never goes over the network in the clear: without STARTTLS the login is not tried.
    ...(secure || !isExposed ? {} : { doSTARTTLS: true }),
    auth: { user: imap.user, pass: imap.password },
    // For the resolution of the name as well, whether TLS is used or not.
    tls: {
      lookup,
      ...(imap.caCertificate === undefined ? {} : { ca: imap.caCertificate }),
    },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: 2 * CONNECT_TIMEOUT_MS,
  });
  // Commands in flight fail with the connection; without a listener Node would end the process.
  client.on('error', () => client.close());
  const onAbort = (): void => client.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    await client.mailboxOpen(imap.sentMailbox ?? (await sentMailboxOf(client)), { readOnly: true });
    return await use(client);
  } catch (error) {
    throw error instanceof ConnectorError ? error : toLookupError(error, imap, signal);
  } finally {
    await leave(client);
    signal.removeEventListener('abort', onAbort);
  }
}

async function sentMailboxOf(client: ImapFlow): Promise<string> {
  const sent = (await client.list()).find(({ specialUse }) => specialUse === '\\Sent');
  if (sent !== undefined) return sent.path;
  throw new ConnectorError(
    'not_found',
    'The mailbox has no folder marked as sent mail. Name it in "imap.sentMailbox" of the SMTP credential.',
    { effect: 'possible', permanent: true },
  );
}

/** Either header is enough: some servers replace the Message-ID, some do not index other headers. */
async function isInMailbox(client: ImapFlow, identity: MailIdentity): Promise<boolean> {
  const found = await client.search(
    {
      or: [
        { header: { 'Message-ID': identity.messageId } },
        { header: { [KEY_HEADER]: identity.keyHash } },
      ],
    },
    { uid: true },
  );
  if (!found) {
    throw new ConnectorError(
      'invalid_response',
      'The mail server could not search the folder of sent mail, so whether the message was sent is not known.',
      { effect: 'possible', permanent: false },
    );
  }
  return found.length > 0;
}

async function leave(client: ImapFlow): Promise<void> {
  if (!client.usable) return client.close();
  try {
    await client.logout();
  } catch (_alreadyGone) {
    client.close();
  }
}

/** @throws ConnectorError `blocked_destination` */
function guarded({ host, port }: ImapCredential, guard: GuardHost): LookupFunction {
  try {
    return guard(host, port);
  } catch (error) {
    if (!(error instanceof BlockedDestinationError)) throw error;
    throw blockedHost('The IMAP server', host, port, 'possible');
  }
}

function toLookupError(
  error: unknown,
  { host, port }: ImapCredential,
  signal: AbortSignal,
): ConnectorError {
  if (error instanceof BlockedDestinationError) {
    return blockedHost('The IMAP server', host, port, 'possible');
  }
  if (signal.aborted) {
    return isTimeout(signal.reason)
      ? lookupError('timeout', 'The folder of sent mail could not be searched in time.')
      : lookupError('cancelled', 'The search in the folder of sent mail was cancelled.');
  }
  const { data } = imapError.safeParse(error);
  if (data?.authenticationFailed === true) {
    return lookupError(
      'credential_rejected',
      'The mail server refused the IMAP login. Check "imap" of the SMTP credential.',
      true,
    );
  }
  if (data?.serverResponseCode === 'NONEXISTENT' || data?.code === 'NotFound') {
    return lookupError(
      'not_found',
      'The folder of sent mail does not exist. Check "imap.sentMailbox" of the SMTP credential.',
      true,
    );
  }
  if (data?.tlsFailed === true) {
    return lookupError(
      'unavailable',
      'The IMAP server does not encrypt the connection, so no password was sent to it. Check port and "secure" in "imap" of the SMTP credential.',
      true,
    );
  }
  if (data?.code !== undefined && CERTIFICATE_ERROR.test(data.code)) {
    return lookupError(
      'unavailable',
      `The IMAP server’s certificate is not trusted (${data.code}). Check host and port in "imap" of the SMTP credential, or give the authority’s certificate there as "caCertificate".`,
      true,
    );
  }
  return lookupError(
    'unavailable',
    `The folder of sent mail cannot be read right now${data?.code === undefined ? '' : ` (${data.code})`}, so whether the message was sent is not known.`,
  );
}

function lookupError(
  code: 'timeout' | 'cancelled' | 'credential_rejected' | 'not_found' | 'unavailable',
  message: string,
  permanent = false,
): ConnectorError {
  return new ConnectorError(code, message, { effect: 'possible', permanent });
}

/** True if an AbortSignal's reason is a time-out rather than a cancellation. */
export function isTimeout(reason: unknown): boolean {
  return (
    typeof reason === 'object' &&
    reason !== null &&
    'name' in reason &&
    reason.name === 'TimeoutError'
  );
}
