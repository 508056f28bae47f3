/** Builds the message: identity, sender, recipients, bodies and attachments as one MIME text. */
import { createHash } from 'node:crypto';
import { domainToASCII } from 'node:url';
import MailComposer from 'nodemailer/lib/mail-composer';
import { ConnectorError } from '../errors.ts';
import { htmlToText, isHtml } from './html-to-text.ts';
import { type Mailbox, parseMailboxes, type SendInput, type SmtpCredential } from './schema.ts';

/** Header that carries the key where a server replaces the Message-ID by its own. */
export const KEY_HEADER = 'X-Masar-Key';

/** Gmail and Exchange Online take 25 MB; base64 makes a third more of it. */
export const MAX_ATTACHMENT_BYTES = 18 * 1024 * 1024;

export interface AttachmentContent {
  readonly filename: string;
  readonly bytes: Buffer;
  readonly contentType?: string | undefined;
  /** Content-ID, without angle brackets, by which the HTML shows it (RFC 2392). */
  readonly cid?: string | undefined;
}

/** What an SMTP server is given. */
export interface ComposedMail {
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly raw: Buffer;
}

/** How a message is found again: the same for every attempt of a key. */
export interface MailIdentity {
  /** With angle brackets (RFC 5322 §3.6.4). */
  readonly messageId: string;
  readonly keyHash: string;
}

/**
 * @param key identity of the side effect
 * @param sender whose domain the Message-ID carries
 */
export function identify(key: string, sender: Mailbox): MailIdentity {
  const keyHash = createHash('sha256').update(key).digest('hex').slice(0, 40);
  const domain = domainToASCII(sender.address.slice(sender.address.lastIndexOf('@') + 1));
  return { messageId: `<${keyHash}@${domain || 'localhost'}>`, keyHash };
}

/**
 * The sender: the node's, else the credential's, else the account's own address.
 * @throws ConnectorError `invalid_config` if none of them is an address
 */
export function senderOf(input: SendInput, credential: SmtpCredential): Mailbox {
  for (const candidate of [input.from, credential.from, credential.user]) {
    const sender = candidate === undefined ? undefined : parseMailboxes(candidate)?.[0];
    if (sender !== undefined) return sender;
  }
  throw new ConnectorError(
    'invalid_config',
    'The email has no sender. Set "from" in the node or in the SMTP credential.',
    { effect: 'none', permanent: true, pointer: '/from' },
  );
}

/** Everyone who gets the message, once each. */
export function recipientsOf({ to, cc, bcc }: SendInput): string[] {
  const mailboxes = [to, cc, bcc].flatMap((list) =>
    list === undefined ? [] : (parseMailboxes(list) ?? []),
  );
  return [...new Set(mailboxes.map(({ address }) => address))];
}

/**
 * The message as it goes over the wire.
 * @param headers further headers, e.g. those that say which node it came from
 */
export async function composeMail(
  input: SendInput,
  options: {
    readonly sender: Mailbox;
    readonly identity: MailIdentity;
    readonly attachments: readonly AttachmentContent[];
    readonly headers: Readonly<Record<string, string>>;
  },
): Promise<ComposedMail> {
  const { sender, identity } = options;
  // https://nodemailer.com/message/
  const message = new MailComposer({
    from: { name: sender.name, address: sender.address },
    to: addressesOf(input.to),
    cc: addressesOf(input.cc),
    replyTo: addressesOf(input.replyTo),
    subject: input.subject,
    messageId: identity.messageId,
    ...bodiesOf(input),
    attachments: options.attachments.map(({ filename, bytes, contentType, cid }) => ({
      filename,
      content: bytes,
      contentType,
      ...(cid === undefined ? {} : { cid, contentDisposition: 'inline' as const }),
    })),
    headers: { ...options.headers, [KEY_HEADER]: identity.keyHash },
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'win',
  }).compile();
  // Blind recipients are in the envelope only, so that no header can show them.
  message.setEnvelope({ from: sender.address, to: recipientsOf(input) });
  const { from, to } = message.getEnvelope();
  return { envelope: { from: from || sender.address, to }, raw: await message.build() };
}

function addressesOf(list: string | string[] | undefined): Mailbox[] {
  return list === undefined ? [] : (parseMailboxes(list) ?? []);
}

/** An HTML message always has a text alternative; some readers and filters ask for it. */
function bodiesOf({ text, html, body }: SendInput): { text?: string; html?: string } {
  const markup = html ?? (body !== undefined && isHtml(body) ? body : undefined);
  if (markup !== undefined) return { html: markup, text: text ?? htmlToText(markup) };
  return { text: text ?? body ?? '' };
}
