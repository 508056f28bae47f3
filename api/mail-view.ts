/** A mail as its reader sees it. */
import { z } from 'zod';
import { type Html, html, NOTHING, optional } from './html.ts';

const address = z.object({ name: z.string(), address: z.string() });
export const mailSchema = z.object({
  from: address.nullable(),
  to: z.array(address),
  cc: z.array(address).default([]),
  replyTo: z.array(address).default([]),
  subject: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable(),
  attachments: z
    .array(
      z.object({
        filename: z.string().nullable(),
        contentType: z.string(),
        size: z.number(),
        contentId: z.string().optional(),
        contentBase64: z.base64().optional(),
      }),
    )
    .default([]),
});
type Mail = z.output<typeof mailSchema>;

/** What the mail may load: its own images and styles, nothing from anywhere. */
const CONTENT_POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`;

/** @param recipients everyone the mail server was given, blind ones included, separated by commas */
export function renderMail(mail: Mail, recipients: string | undefined): Html {
  const shown = new Set([...mail.to, ...mail.cc].map((each) => each.address.toLowerCase()));
  const blind = (recipients ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !shown.has(each.toLowerCase()));
  return html`<dl>
${field('From', mail.from === null ? [] : [person(mail.from)])}
${field('To', mail.to.map(person))}
${field('Cc', mail.cc.map(person))}
${field('Bcc', blind)}
${field('Reply to', mail.replyTo.map(person))}
<dt>Subject</dt><dd dir="auto"><b>${mail.subject}</b></dd>
</dl>
${mail.html === null ? plain(mail.text ?? '') : rich(mail.html, mail)}
${mail.attachments
  .filter(({ contentId }) => !isShownInside(mail, contentId))
  .map(
    (file) =>
      html`<p class="attachment"><bdi>${file.filename ?? 'attachment'}</bdi> <small>${file.contentType}, ${size(file.size)}</small></p>`,
  )}`;
}

function person({ name, address: mailbox }: z.output<typeof address>): string {
  return name === '' ? mailbox : `${name} <${mailbox}>`;
}

function field(name: string, values: readonly string[]): Html {
  return values.length === 0
    ? NOTHING
    : html`<dt>${name}</dt><dd>${values.map((value, index) => html`${index === 0 ? '' : ', '}<bdi>${value}</bdi>`)}</dd>`;
}

function plain(text: string): Html {
  return html`<pre class="mail" dir="auto">${text}</pre>`;
}

/**
 * A sandboxed frame without any permission: no script, no form, no navigation, and no request
 * leaves it. The text alternative is below, for it is what some readers see.
 */
function rich(markup: string, mail: Mail): Html {
  return html`<iframe sandbox="" title="Mail body" srcdoc="${`${CONTENT_POLICY}<body dir="auto">${withInlineImages(markup, mail)}`}"></iframe>
${optional(mail.text, (text) => html`<details><summary>Text alternative</summary>${plain(text)}</details>`)}`;
}

/** RFC 2392: `cid:` and the Content-ID of a part of the same mail. */
function withInlineImages(markup: string, { attachments }: Mail): string {
  return attachments.reduce((rest, { contentId, contentType, contentBase64 }) => {
    if (contentId === undefined || contentBase64 === undefined) return rest;
    if (!/^image\/[\w.+-]+$/.test(contentType)) return rest;
    return rest.replaceAll(`cid:${contentId}`, `data:${contentType};base64,${contentBase64}`);
  }, markup);
}

function isShownInside({ html: markup }: Mail, contentId: string | undefined): boolean {
  return contentId !== undefined && markup?.includes(`cid:${contentId}`) === true;
}

/** @param bytes a size @returns e.g. `12 KB` */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
