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
import { asText, type Html, html, NOTHING } from './html.ts';
import { mailSchema, renderMail } from './mail-view.ts';
import { renderWhatsapp, whatsappSchema } from './whatsapp-view.ts';

/** What the page can be narrowed to. */
const CONNECTORS = [
  'email',
  'whatsapp',
  'telegram',
  'slack',
  'google-sheets',
  'bigquery',
  'postgres',
  'http',
  'openai',
];

const sheetMessage = z.object({
  sheet: z.string(),
  range: z.string().optional(),
  rows: z.array(z.array(z.unknown())),
});
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

function renderBody({ connector, message, to }: StoredSandboxMessage): Html {
  switch (connector) {
    case 'email':
      return renderAs(mailSchema, message, (mail) => renderMail(mail, to));
    case 'whatsapp':
      return renderAs(whatsappSchema, message, renderWhatsapp);
    case 'telegram':
      return renderAs(telegramMessage, message, renderTelegram);
    case 'slack':
      return renderAs(slackMessage, message, renderSlack);
    case 'openai':
      return renderAs(completionMessage, message, renderCompletion);
    case 'google-sheets':
      return 'rows' in message
        ? renderAs(sheetMessage, message, ({ sheet, range, rows }) =>
            renderSheet(range ?? sheet, rows),
          )
        : renderAs(tableMessage, message, renderTableRow);
    case 'bigquery':
      return 'sql' in message
        ? renderAs(statementMessage, message, renderStatement)
        : renderAs(tableMessage, message, renderTableRow);
    case 'postgres':
      return renderAs(statementMessage, message, renderStatement);
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
<div class="sheet"><table>${rows.map((row) => html`<tr>${row.map(renderCell)}</tr>`)}</table></div>`;
}

/** Columns have letters above them, as in a spreadsheet. */
function renderSheet(title: string, rows: readonly (readonly unknown[])[]): Html {
  const width = Math.max(0, ...rows.map((row) => row.length));
  const letters = Array.from({ length: width }, (_each, index) => columnName(index));
  return html`<p><bdi>${title}</bdi></p>
<div class="sheet"><table><tr>${letters.map((letter) => html`<th>${letter}</th>`)}</tr>${rows.map((row) => html`<tr>${letters.map((_letter, index) => renderCell(row[index]))}</tr>`)}</table></div>`;
}

/** @param index from 0 @returns A … Z, AA … */
function columnName(index: number): string {
  const letter = String.fromCodePoint(65 + (index % 26));
  return index < 26 ? letter : columnName(Math.floor(index / 26) - 1) + letter;
}

function renderCell(value: unknown): Html {
  return typeof value === 'number'
    ? html`<td class="number">${value}</td>`
    : html`<td dir="auto">${asText(value)}</td>`;
}
