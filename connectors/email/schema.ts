/** Shapes of the email connector: its credential, the input of `send` and its output. */
import { X509Certificate } from 'node:crypto';
import addressparser from 'nodemailer/lib/addressparser';
import { z } from 'zod';

/** Gmail takes 100 recipients a message by SMTP, Exchange Online 500 and more. */
const MAX_RECIPIENTS = 500;
const MAX_ATTACHMENTS = 20;
/** Characters of a body. Readers cut mails far earlier: Gmail shows the first 102 KB. */
const MAX_BODY = 5_000_000;
/** RFC 5321 §4.5.3.1.3: a path holds 256 octets, its angle brackets included. */
const MAX_ADDRESS_LENGTH = 254;

export interface Mailbox {
  /** Display name; empty if there is none. */
  readonly name: string;
  readonly address: string;
}

/**
 * Control characters. A line break in a header would let a lead's name add headers or recipients
 * of its own.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f\u2028\u2029]/;
const ADDRESS = /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\]]+$/u;

/**
 * Reads a list of addresses such as `Sales <sales@example.com>, ops@example.com`.
 * @returns undefined if anything in it is not an address
 */
export function parseMailboxes(value: string | readonly string[]): Mailbox[] | undefined {
  const texts = typeof value === 'string' ? [value] : value;
  const mailboxes: Mailbox[] = [];
  for (const text of texts) {
    if (CONTROL_CHARACTERS.test(text)) return undefined;
    const parsed = addressparser(text);
    if (parsed.length === 0) return undefined;
    for (const entry of parsed) {
      if (entry.group !== undefined || !isAddress(entry.address)) return undefined;
      mailboxes.push({ name: entry.name, address: entry.address });
    }
  }
  return mailboxes;
}

function isAddress(address: string): boolean {
  return address.length <= MAX_ADDRESS_LENGTH && ADDRESS.test(address);
}

const oneLine = (maximum: number) =>
  z
    .string()
    .max(maximum)
    .refine((text) => !CONTROL_CHARACTERS.test(text), {
      error: 'must be one line, without control characters',
    });

const isMailboxList = (value: string | readonly string[]): boolean => {
  const mailboxes = parseMailboxes(value);
  return mailboxes !== undefined && mailboxes.length > 0 && mailboxes.length <= MAX_RECIPIENTS;
};

const countOf = (list: string | readonly string[] | undefined): number =>
  list === undefined ? 0 : (parseMailboxes(list)?.length ?? 0);

const NO_MAILBOX_LIST = `must be 1 to ${MAX_RECIPIENTS} email addresses, such as "name@example.com" or "Name <name@example.com>"`;
const mailboxList = z
  .union([z.string(), z.array(z.string()).min(1)], { error: NO_MAILBOX_LIST })
  .refine(isMailboxList, { error: NO_MAILBOX_LIST });

const mailbox = z.string().refine((value) => parseMailboxes(value)?.length === 1, {
  error: 'must be one email address, such as "name@example.com" or "Name <name@example.com>"',
});

const attachment = z
  .object({
    filename: oneLine(255)
      .min(1)
      .refine((name) => !/[\\/]/.test(name), { error: 'must be a file name without a path' }),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Address the file is fetched from'),
    contentBase64: z.base64().optional().describe('The file itself, in base64'),
    contentType: z
      .string()
      .regex(/^[\w.+-]+\/[\w.+-]+$/, { error: 'must be a media type such as "application/pdf"' })
      .optional(),
    cid: z
      .string()
      .max(100)
      .regex(/^[\w.@-]+$/, { error: 'must be made of letters, digits, dots, @, _ and -' })
      .optional()
      .describe(
        'Shows the file inside the HTML instead of below it: <img src="cid:logo"> shows the one whose cid is "logo"',
      ),
  })
  .refine(({ url, contentBase64 }) => (url === undefined) !== (contentBase64 === undefined), {
    error: 'needs either "url" or "contentBase64"',
  });

export const sendInputSchema = z
  .object({
    to: mailboxList.describe('Recipients: one address, several separated by commas, or a list'),
    cc: mailboxList.optional(),
    bcc: mailboxList.optional(),
    replyTo: mailbox.optional(),
    from: mailbox.optional().describe('Sender, if not the credential’s'),
    subject: oneLine(2000),
    text: z.string().max(MAX_BODY).optional().describe('Plain text'),
    html: z.string().max(MAX_BODY).optional().describe('HTML; a text alternative is made of it'),
    body: z.string().max(MAX_BODY).optional().describe('Text, or HTML if it has tags'),
    attachments: z.array(attachment).max(MAX_ATTACHMENTS).optional(),
  })
  .refine(({ text, html, body }) => (text ?? html ?? body) !== undefined, {
    error: 'needs "body", or "text" and "html"',
    path: ['body'],
  })
  .refine(({ text, html, body }) => body === undefined || (text ?? html) === undefined, {
    error: 'cannot be combined with "text" or "html": it stands for either',
    path: ['body'],
  })
  .refine(({ to, cc, bcc }) => countOf(to) + countOf(cc) + countOf(bcc) <= MAX_RECIPIENTS, {
    error: `can have at most ${MAX_RECIPIENTS} recipients together with "cc" and "bcc": send to more of them one by one`,
    path: ['to'],
  })
  .superRefine(({ html, body, attachments = [] }, context) => {
    const seen = new Set<string>();
    for (const [index, { cid }] of attachments.entries()) {
      if (cid === undefined) continue;
      if (seen.has(cid)) {
        context.addIssue({
          code: 'custom',
          message: `is the cid of two attachments: "${cid}"`,
          path: ['attachments', index, 'cid'],
        });
      } else if (!(html ?? body ?? '').includes(`cid:${cid}`)) {
        context.addIssue({
          code: 'custom',
          message: `has no src="cid:${cid}", so the attachment of this cid would be shown nowhere`,
          path: [html === undefined ? 'body' : 'html'],
        });
      }
      seen.add(cid);
    }
  });
export type SendInput = z.infer<typeof sendInputSchema>;

export const sendOutputSchema = z.object({
  messageId: z.string().describe('Message-ID header, with angle brackets'),
  accepted: z.array(z.string()).describe('Addresses the mail server took the message for'),
  rejected: z.array(z.string()).describe('Addresses the mail server refused'),
});
export type SendOutput = z.infer<typeof sendOutputSchema>;

const port = z.int().min(1).max(65535);
const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[\w.:-]+$/, { error: 'must be a host name' });

const caCertificate = z
  .string()
  .refine(isCertificate, {
    error: 'must be a certificate in PEM form, from -----BEGIN CERTIFICATE----- on',
  })
  .optional()
  .describe(
    'Certificate of the authority that signed the server’s, in PEM form, where it is not a public one',
  );

/** Every certificate of a PEM text must be readable, or TLS would fail later with less to say. */
function isCertificate(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).raw.length > 0);
  } catch (_unreadable) {
    return false;
  }
}

const imapSchema = z.object({
  host,
  port: port.default(993),
  secure: z.boolean().optional().describe('TLS from the start; the default on port 993'),
  caCertificate,
  user: z.string().min(1),
  password: z.string().min(1),
  sentMailbox: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of sent mail, if the server does not mark one with \\Sent'),
});
export type ImapCredential = z.infer<typeof imapSchema>;

export const smtpCredentialSchema = z.object({
  host,
  port: port.default(587),
  secure: z
    .boolean()
    .optional()
    .describe('TLS from the start; the default on port 465. Otherwise STARTTLS where offered'),
  requireTls: z
    .boolean()
    .optional()
    .describe(
      'Refuse to log in over an unencrypted connection. The default, except to the machine itself',
    ),
  caCertificate,
  user: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  from: mailbox.optional().describe('Sender of messages that name none'),
  imap: imapSchema
    .optional()
    .describe(
      'IMAP access to the same account, where the server files a copy of each message sent by SMTP (Gmail, Microsoft 365). With it, a send whose outcome is unknown is looked up instead of being left to a person',
    ),
});
export type SmtpCredential = z.infer<typeof smtpCredentialSchema>;

/** The SMTP and IMAP credential of the process environment; undefined without SMTP_HOST. */
export function smtpCredentialFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): unknown {
  if (!env.SMTP_HOST) return undefined;
  const credential = {
    host: env.SMTP_HOST,
    port: numberOf(env.SMTP_PORT),
    secure: booleanOf(env.SMTP_SECURE),
    requireTls: booleanOf(env.SMTP_REQUIRE_TLS),
    user: env.SMTP_USER || undefined,
    password: env.SMTP_PASSWORD || undefined,
    from: env.SMTP_FROM || undefined,
  };
  if (!env.IMAP_HOST) return credential;
  return {
    ...credential,
    imap: {
      host: env.IMAP_HOST,
      port: numberOf(env.IMAP_PORT),
      secure: booleanOf(env.IMAP_SECURE),
      user: env.IMAP_USER || credential.user,
      password: env.IMAP_PASSWORD || credential.password,
      sentMailbox: env.IMAP_SENT_MAILBOX || undefined,
    },
  };
}

const numberOf = (text: string | undefined): number | undefined =>
  text ? Number(text) : undefined;

/** An unreadable value is kept, so that the schema names it. */
const booleanOf = (text: string | undefined): boolean | string | undefined => {
  if (!text) return undefined;
  if (/^(true|1|yes)$/i.test(text)) return true;
  return /^(false|0|no)$/i.test(text) ? false : text;
};
