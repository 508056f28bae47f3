/** A WhatsApp message as the chat of its receiver shows it. */
import { z } from 'zod';
import { asText, type Html, html, link, NOTHING, optional } from './html.ts';

const file = z.object({
  link: z.string().optional(),
  id: z.string().optional(),
  caption: z.string().optional(),
  filename: z.string().optional(),
});
type File = z.output<typeof file>;
const place = z.object({
  latitude: z.number(),
  longitude: z.number(),
  name: z.string().optional(),
  address: z.string().optional(),
});
const words = z.object({ text: z.string() });
const header = z.object({
  type: z.string(),
  text: z.string().optional(),
  image: file.optional(),
  video: file.optional(),
  document: file.optional(),
});
const interactive = z.object({
  type: z.string(),
  header: header.optional(),
  body: words.optional(),
  footer: words.optional(),
  action: z.looseObject({
    name: z.string().optional(),
    button: z.string().optional(),
    buttons: z.array(z.object({ reply: z.object({ title: z.string() }) })).optional(),
    sections: z
      .array(
        z.object({
          title: z.string().optional(),
          rows: z
            .array(z.object({ title: z.string(), description: z.string().optional() }))
            .optional(),
        }),
      )
      .optional(),
    parameters: z
      .looseObject({ display_text: z.string().optional(), url: z.string().optional() })
      .optional(),
  }),
});
const parameter = z.looseObject({
  type: z.string(),
  parameter_name: z.string().optional(),
  text: z.string().optional(),
  currency: z.looseObject({ fallback_value: z.string() }).optional(),
  date_time: z.looseObject({ fallback_value: z.string() }).optional(),
  payload: z.string().optional(),
  coupon_code: z.string().optional(),
  image: file.optional(),
  video: file.optional(),
  document: file.optional(),
  location: place.optional(),
});
type Parameter = z.output<typeof parameter>;
const template = z.object({
  name: z.string(),
  language: z.object({ code: z.string() }).optional(),
  components: z
    .array(
      z.looseObject({
        type: z.string(),
        sub_type: z.string().optional(),
        parameters: z.array(parameter).optional(),
      }),
    )
    .optional(),
});
export const whatsappSchema = z.object({
  type: z.string().default('text'),
  status: z.string().optional(),
  context: z.looseObject({ message_id: z.string() }).optional(),
  text: z.object({ body: z.string() }).optional(),
  image: file.optional(),
  video: file.optional(),
  audio: file.optional(),
  document: file.optional(),
  sticker: file.optional(),
  location: place.optional(),
  interactive: interactive.optional(),
  template: template.optional(),
});
type Message = z.output<typeof whatsappSchema>;

const FILES = ['image', 'video', 'audio', 'document', 'sticker'] as const;
const SYMBOLS: Readonly<Record<string, string>> = {
  image: '🖼',
  video: '▶',
  audio: '🎤',
  document: '📄',
  sticker: '🌟',
};

export function renderWhatsapp(message: Message): Html {
  if (message.status === 'read') {
    return html`<p class="ticks">✓✓ <small>marked as read</small></p>`;
  }
  return html`<div class="chat">
<div class="bubble">${message.context === undefined ? NOTHING : html`<p class="quoted">answers an earlier message</p>`}${content(message)}<span class="ticks">✓✓</span></div>
${below(message)}
</div>`;
}

function content(message: Message): Html {
  if (message.text !== undefined) return text(message.text.body);
  if (message.location !== undefined) return map(message.location);
  if (message.template !== undefined) return templateContent(message.template);
  if (message.interactive !== undefined) return interactiveContent(message.interactive);
  for (const kind of FILES) {
    const media = message[kind];
    if (media !== undefined) return fileContent(kind, media);
  }
  return html`<pre dir="auto">${asText(message)}</pre>`;
}

/** Buttons stand below the bubble, as in the app. */
function below({ interactive: shown, template: filled }: Message): Html {
  const buttons = [
    ...(shown?.action.buttons ?? []).map(
      ({ reply }) => html`<span class="button" dir="auto">↩ ${reply.title}</span>`,
    ),
    ...(shown?.action.parameters?.display_text === undefined
      ? []
      : [
          html`<span class="button" dir="auto">↗ ${link(shown.action.parameters.url ?? '', shown.action.parameters.display_text)}</span>`,
        ]),
    ...(shown?.action.name === 'send_location'
      ? [html`<span class="button">📍 Send location</span>`]
      : []),
    ...(filled?.components ?? [])
      .filter(({ type }) => type === 'button')
      .map(
        (button) =>
          html`<span class="button" dir="auto">${button.sub_type ?? 'button'}${(button.parameters ?? []).map((each) => html` <bdi>${shownValue(each)}</bdi>`)}</span>`,
      ),
  ];
  return html`${buttons}${optional(shown?.action.button, (label) => html`<details class="button"><summary dir="auto">☰ ${label}</summary>${list(shown)}</details>`)}`;
}

function list(shown: z.output<typeof interactive> | undefined): readonly Html[] {
  return (shown?.action.sections ?? []).map(
    (section) => html`${optional(section.title, (title) => html`<p dir="auto"><b>${title}</b></p>`)}
<ul>${(section.rows ?? []).map((row) => html`<li dir="auto">${row.title}${optional(row.description, (more) => html`<br><small>${more}</small>`)}</li>`)}</ul>`,
  );
}

function interactiveContent({ header: top, body, footer }: z.output<typeof interactive>): Html {
  const media = top?.image ?? top?.video ?? top?.document;
  return html`${media === undefined ? NOTHING : fileContent(top?.type ?? 'document', media)}${optional(top?.text, (title) => html`<p dir="auto"><b>${title}</b></p>`)}${optional(body, (it) => text(it.text))}${optional(footer, (it) => html`<p dir="auto"><small>${it.text}</small></p>`)}`;
}

/** The words of a template are at WhatsApp; here is what was filled in. */
function templateContent({ name, language, components = [] }: z.output<typeof template>): Html {
  const top = components
    .filter(({ type }) => type === 'header')
    .flatMap((it) => it.parameters ?? []);
  const values = components
    .filter(({ type }) => type === 'body')
    .flatMap((it) => it.parameters ?? []);
  return html`${top.map((each) => {
    const media = each.image ?? each.video ?? each.document;
    if (media !== undefined) return fileContent(each.type, media);
    return each.location === undefined
      ? html`<p dir="auto"><b>${shownValue(each)}</b></p>`
      : map(each.location);
  })}<p>Template <b>${name}</b>${optional(language, ({ code }) => html` <small>(${code})</small>`)}</p>
${values.length === 0 ? NOTHING : html`<dl>${values.map((each, index) => html`<dt>{{${each.parameter_name ?? index + 1}}}</dt><dd dir="auto">${shownValue(each)}</dd>`)}</dl>`}`;
}

function shownValue(each: Parameter): string {
  return (
    each.text ??
    each.currency?.fallback_value ??
    each.date_time?.fallback_value ??
    each.payload ??
    each.coupon_code ??
    ''
  );
}

/** Files are named, not loaded: the page asks no other server for anything. */
function fileContent(kind: string, { link: address, id, caption, filename }: File): Html {
  const name =
    filename ?? lastSegment(address) ?? (id === undefined ? kind : `uploaded file ${id}`);
  return html`<p class="media"><span>${SYMBOLS[kind] ?? SYMBOLS.document ?? ''}</span> ${link(address ?? '', name)} <small>${kind}</small></p>${optional(caption, text)}`;
}

function lastSegment(address: string | undefined): string | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  return new URL(address).pathname.split('/').at(-1) || undefined;
}

function map({ latitude, longitude, name, address }: z.output<typeof place>): Html {
  const at = `${latitude}, ${longitude}`;
  const there = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}&zoom=15`;
  return html`<p class="media"><span>📍</span> ${link(there, at)}</p>${optional(name, (title) => html`<p dir="auto"><b>${title}</b></p>`)}${optional(address, (line) => html`<p dir="auto"><small>${line}</small></p>`)}`;
}

/** Bold, italic, struck out, typewriter, and web addresses. */
const MARKS =
  /```([^`]+)```|(?<![\p{L}\p{N}])(?:\*(\S(?:[^*\n]*\S)?)\*|_(\S(?:[^_\n]*\S)?)_|~(\S(?:[^~\n]*\S)?)~)(?![\p{L}\p{N}])|(https?:\/\/[^\s<>"]+)/gu;

/**
 * A text with WhatsApp's marks.
 * https://faq.whatsapp.com/539178204879377
 */
function text(body: string): Html {
  return html`<p class="text" dir="auto">${marked(body)}</p>`;
}

function marked(body: string): readonly Html[] {
  const pieces: Html[] = [];
  let at = 0;
  for (const found of body.matchAll(MARKS)) {
    pieces.push(html`${body.slice(at, found.index)}`);
    const [whole, code, bold, italic, struck, address] = found;
    if (code !== undefined) pieces.push(html`<code>${code}</code>`);
    else if (bold !== undefined) pieces.push(html`<b>${marked(bold)}</b>`);
    else if (italic !== undefined) pieces.push(html`<i>${marked(italic)}</i>`);
    else if (struck !== undefined) pieces.push(html`<s>${marked(struck)}</s>`);
    else if (address !== undefined) pieces.push(link(address, address));
    at = found.index + whole.length;
  }
  pieces.push(html`${body.slice(at)}`);
  return pieces;
}
