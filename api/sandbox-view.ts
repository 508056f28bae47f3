/** Renders sandbox messages as their receivers would see them. Pure: messages in, HTML out. */
import { z } from 'zod';
import type { StoredSandboxMessage } from '../connectors/contract.ts';
import {
  completionMessage,
  renderCompletion,
  renderSlack,
  renderTelegram,
  slackMessage,
  telegramMessage,
} from './chat-view.ts';
import { type Html, html, NOTHING } from './html.ts';

/** What the page can be narrowed to. */
const CONNECTORS = [
  'email',
  'whatsapp',
  'telegram',
  'slack',
  'google-sheets',
  'bigquery',
  'http',
  'openai',
];

const address = z.object({ name: z.string(), address: z.string() });
const emailMessage = z.object({
  from: address.nullable(),
  to: z.array(address),
  cc: z.array(address).default([]),
  subject: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable(),
  attachments: z
    .array(z.object({ filename: z.string().nullable(), contentType: z.string(), size: z.number() }))
    .default([]),
});
const whatsappMessage = z.object({
  type: z.string(),
  text: z.object({ body: z.string() }).optional(),
  template: z
    .object({
      name: z.string(),
      components: z
        .array(
          z.looseObject({
            type: z.string(),
            parameters: z.array(z.looseObject({ text: z.string().optional() })).optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});
const sheetMessage = z.object({ sheet: z.string(), rows: z.array(z.array(z.unknown())) });
const tableMessage = z.object({ table: z.string(), row: z.record(z.string(), z.unknown()) });
const statementMessage = z.object({
  sql: z.string(),
  parameters: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).default({}),
});
const httpMessage = z.object({ method: z.string(), url: z.string(), body: z.unknown() });

export function renderSandboxPage(messages: readonly StoredSandboxMessage[]): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Masar sandbox</title>
<link rel="stylesheet" href="/sandbox/styles.css">
</head>
<body>
<header>
<h1>Sandbox</h1>
<p>What each receiver would have seen. Nothing of this left this machine. <a href="/sandbox">Refresh</a></p>
<nav>${CONNECTORS.map((type) => html`<a href="/sandbox?connector=${type}">${type}</a> `)}<a href="/sandbox">all</a></nav>
</header>
<main>
${messages.length === 0 ? html`<p>No messages yet. Start an execution in sandbox mode.</p>` : messages.map(renderMessage)}
</main>
</body>
</html>
`.safe;
}

function renderMessage(message: StoredSandboxMessage): Html {
  return html`<article class="${message.connector}">
<h2>${message.connector} · ${message.operation}</h2>
<p class="facts"><time>${message.receivedAt}</time>${message.to === undefined ? NOTHING : html` to <bdi>${message.to}</bdi>`}${
    message.executionId === undefined
      ? NOTHING
      : html` from <a href="/sandbox?executionId=${encodeURIComponent(message.executionId)}">${message.executionId}</a>${message.nodeId === undefined ? NOTHING : html` / ${message.nodeId}`}`
  }</p>
${renderBody(message)}
</article>
`;
}

function renderBody({ connector, message }: StoredSandboxMessage): Html {
  switch (connector) {
    case 'email':
      return renderAs(emailMessage, message, renderEmail);
    case 'whatsapp':
      return renderAs(whatsappMessage, message, renderWhatsapp);
    case 'telegram':
      return renderAs(telegramMessage, message, renderTelegram);
    case 'slack':
      return renderAs(slackMessage, message, renderSlack);
    case 'openai':
      return renderAs(completionMessage, message, renderCompletion);
    case 'google-sheets':
      return 'rows' in message
        ? renderAs(sheetMessage, message, ({ sheet, rows }) => renderTable(sheet, rows))
        : renderAs(tableMessage, message, renderTableRow);
    case 'bigquery':
      return 'sql' in message
        ? renderAs(statementMessage, message, renderStatement)
        : renderAs(tableMessage, message, renderTableRow);
    case 'http':
      return renderAs(
        httpMessage,
        message,
        ({ method, url, body }) =>
          html`<p><b>${method}</b> <bdi>${url}</bdi></p><pre dir="auto">${asText(body)}</pre>`,
      );
    default:
      return renderRaw(message);
  }
}

/** Shows a message of a known form as its receiver sees it, any other as it is. */
function renderAs<Schema extends z.ZodType>(
  schema: Schema,
  message: unknown,
  render: (parsed: z.output<Schema>) => Html,
): Html {
  const parsed = schema.safeParse(message);
  return parsed.success ? render(parsed.data) : renderRaw(message);
}

function renderRaw(message: unknown): Html {
  return html`<pre dir="auto">${asText(message)}</pre>`;
}

function renderEmail(mail: z.output<typeof emailMessage>): Html {
  const person = (of: z.output<typeof address>): string =>
    of.name === '' ? of.address : `${of.name} <${of.address}>`;
  return html`<dl>
<dt>From</dt><dd dir="auto">${mail.from === null ? '' : person(mail.from)}</dd>
<dt>To</dt><dd dir="auto">${[...mail.to, ...mail.cc].map(person).join(', ')}</dd>
<dt>Subject</dt><dd dir="auto"><b>${mail.subject}</b></dd>
</dl>
${
  // A sandboxed frame without any permission: no script, no form, and no request leaves it.
  mail.html === null
    ? html`<pre class="mail" dir="auto">${mail.text ?? ''}</pre>`
    : html`<iframe sandbox="" title="Mail body" srcdoc="${`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"><body dir="auto">${mail.html}`}"></iframe>`
}
${mail.attachments.map((of) => html`<p class="attachment"><bdi>${of.filename ?? 'attachment'}</bdi> · ${of.contentType} · ${of.size} bytes</p>`)}`;
}

function renderWhatsapp(message: z.output<typeof whatsappMessage>): Html {
  if (message.text !== undefined) {
    return html`<p class="bubble" dir="auto">${message.text.body}</p>`;
  }
  if (message.template !== undefined) {
    const parameters = (message.template.components ?? []).flatMap((component) =>
      (component.parameters ?? []).map((parameter) => parameter.text ?? '…'),
    );
    return html`<p class="bubble" dir="auto">Template <b>${message.template.name}</b>${parameters.map((text) => html`<br><bdi>${text}</bdi>`)}</p>`;
  }
  return html`<div class="bubble">${renderRaw(message)}</div>`;
}

function renderTableRow({ table, row }: z.output<typeof tableMessage>): Html {
  return renderTable(`BigQuery ${table}`, [Object.keys(row), Object.values(row)]);
}

function renderStatement({ sql, parameters }: z.output<typeof statementMessage>): Html {
  const named = Array.isArray(parameters)
    ? parameters.map((value, index) => [`$${index + 1}`, value])
    : Object.entries(parameters);
  return html`<pre dir="ltr">${sql}</pre>${named.length === 0 ? NOTHING : renderTable('Parameters', named)}`;
}

function renderTable(title: string, rows: readonly (readonly unknown[])[]): Html {
  return html`<p><bdi>${title}</bdi></p>
<table>${rows.map((row) => html`<tr>${row.map((cell) => html`<td dir="auto">${asText(cell)}</td>`)}</tr>`)}</table>`;
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value, null, 2);
}

export const SANDBOX_STYLES = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; }
nav a { margin-inline-end: .5rem; }
article { border: 1px solid #8886; border-radius: .5rem; margin: 1rem 0; padding: .75rem 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0; }
.facts { color: #777; font-size: .85rem; margin: 0 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0 0 .5rem; }
dt { color: #777; }
dd { margin: 0; }
pre { margin: 0; white-space: pre-wrap; font: inherit; }
iframe { background: #fff; border: 1px solid #8884; height: 16rem; width: 100%; }
.bubble { background: #d9fdd3; border-radius: .75rem; color: #111; margin: 0; max-width: 28rem; padding: .5rem .75rem; white-space: pre-wrap; }
.button { background: #8882; border: 1px solid #8886; border-radius: .5rem; display: inline-block; margin: .25rem .25rem 0 0; padding: .1rem .6rem; }
.who { color: #777; font-size: .85rem; margin: .5rem 0 0; }
table { border-collapse: collapse; }
td { border: 1px solid #8886; padding: .25rem .5rem; }
.attachment { font-size: .85rem; margin: .25rem 0 0; }
`;
