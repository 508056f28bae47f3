/** Telegram and Slack messages as their readers would see them, and what a model was asked. */
import { z } from 'zod';
import { slackMarkup, telegramMarkup } from './chat-markup.ts';
import { type Html, html, NOTHING } from './html.ts';

export const telegramMessage = z.object({
  text: z.string().optional(),
  photo: z.string().optional(),
  document: z.string().optional(),
  caption: z.string().optional(),
  parse_mode: z.string().optional(),
  reply_markup: z
    .object({
      inline_keyboard: z.array(z.array(z.object({ text: z.string(), url: z.string().optional() }))),
    })
    .optional(),
});

export function renderTelegram(message: z.output<typeof telegramMessage>): Html {
  const { photo, document, text, caption } = message;
  const words = text ?? caption;
  const rows = message.reply_markup?.inline_keyboard ?? [];
  return html`<div class="bubble" dir="auto">${file('Picture', photo)}${file('File', document)}${telegramMarkup(words ?? '', message.parse_mode)}</div>
${rows.map((row) => html`<div>${row.map(({ text: label, url }) => button(label, url))}</div>`)}`;
}

const words = z.looseObject({ text: z.string() });
const blockSchema = z.looseObject({
  type: z.string(),
  text: words.optional(),
  fields: z.array(words).optional(),
  accessory: z.unknown().optional(),
  elements: z.array(z.unknown()).optional(),
  image_url: z.string().optional(),
  alt_text: z.string().optional(),
});
const elementSchema = z.union([
  z.looseObject({ type: z.literal('button'), text: words, url: z.string().optional() }),
  z.looseObject({ type: z.enum(['mrkdwn', 'plain_text']), text: z.string() }),
]);
type Block = z.output<typeof blockSchema>;

export const slackMessage = z.object({
  text: z.string().optional(),
  blocks: z.array(blockSchema).optional(),
  thread_ts: z.string().optional(),
  username: z.string().optional(),
});

export function renderSlack(message: z.output<typeof slackMessage>): Html {
  const { text, blocks, thread_ts: thread, username } = message;
  return html`${username === undefined ? NOTHING : html`<p class="who">${username}</p>`}
${thread === undefined ? NOTHING : html`<p class="who">Reply in the thread of ${thread}</p>`}
<div class="bubble" dir="auto">${
    blocks === undefined
      ? [slackMarkup(text ?? '')]
      : blocks.map((block) => html`<div>${renderBlock(block)}</div>`)
  }</div>`;
}

/** https://docs.slack.dev/reference/block-kit/blocks; of an unknown kind of block, what it is. */
function renderBlock(block: Block): Html {
  const { type, text, fields = [], elements = [], image_url: image, alt_text: alt } = block;
  if (type === 'divider') return html`<hr>`;
  if (type === 'image') return file(alt ?? 'Picture', image);
  const parts = [
    ...(text === undefined
      ? []
      : [type === 'header' ? html`<b>${text.text}</b>` : slackMarkup(text.text)]),
    ...fields.map((field) => html`<div>${slackMarkup(field.text)}</div>`),
    ...[...elements, block.accessory].flatMap(renderElement),
  ];
  return parts.length === 0 ? html`<i>${type}</i>` : html`${parts}`;
}

function renderElement(element: unknown): readonly Html[] {
  const parsed = elementSchema.safeParse(element);
  if (!parsed.success) return [];
  const { data } = parsed;
  return [
    data.type === 'button' ? button(data.text.text, data.url) : html`${slackMarkup(data.text)} `,
  ];
}

export const completionMessage = z.object({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  answer: z.string(),
});

export function renderCompletion(message: z.output<typeof completionMessage>): Html {
  const said = (who: string, what: string): Html =>
    html`<p class="who">${who}</p><pre dir="auto">${what}</pre>`;
  return html`${message.messages.map(({ role, content }) => said(role, content))}
${said(`${message.model} (made up by the sandbox)`, message.answer)}`;
}

/** A name and an address, never loaded: nothing of a message leaves the page by itself. */
function file(label: string, address: string | undefined): Html {
  return address === undefined
    ? NOTHING
    : html`<span class="attachment">${label}: <bdi>${address}</bdi></span><br>`;
}

function button(label: string, address: string | undefined): Html {
  return html`<span class="button" title="${address ?? ''}"><bdi>${label}</bdi></span>`;
}
