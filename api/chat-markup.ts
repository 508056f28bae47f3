/**
 * The formatting of chat messages as their apps show it: bold, italic, struck, code and the words of
 * links. Addresses stay text, so that nothing on the page leads elsewhere. Pure.
 */
import { type Html, html } from './html.ts';

/** Of a marked passage, in characters: without a bound, some texts would take for ever. */
const LONGEST = 500;

interface Mark {
  /** Its first group that matched is what is marked. */
  readonly pattern: string;
  readonly show: (groups: readonly string[], inner: (text: string) => Html) => Html;
}

const strong = (open: string): Mark => ({
  pattern: `${open}([^\\n]{1,${LONGEST}}?)${open}`,
  show: ([text = ''], inner) => html`<b>${inner(text)}</b>`,
});
const italic: Mark = {
  pattern: `(?<!\\w)_([^\\n]{1,${LONGEST}}?)_(?!\\w)`,
  show: ([text = ''], inner) => html`<i>${inner(text)}</i>`,
};
const struck: Mark = {
  pattern: `~([^\\n]{1,${LONGEST}}?)~`,
  show: ([text = ''], inner) => html`<s>${inner(text)}</s>`,
};
const code: Mark = {
  pattern: '`+([^`]{1,500}?)`+',
  show: ([text = '']) => html`<code>${text}</code>`,
};
const link = (words: string, address: string): Html =>
  words === '' ? html`<u>${address}</u>` : html`<u title="${address}">${words}</u>`;

/** https://docs.slack.dev/messaging/formatting-message-text */
const SLACK: readonly Mark[] = [
  code,
  {
    pattern: '<([^<>|]{1,500})\\|?([^<>]*)>',
    show: ([address = '', words = '']) => link(words, address),
  },
  strong('\\*'),
  italic,
  struck,
];

/** https://core.telegram.org/bots/api#markdownv2-style; the older Markdown has less of the same. */
const MARKDOWN: readonly Mark[] = [
  { pattern: '\\\\([^\\w\\s])', show: ([character = '']) => html`${character}` },
  code,
  {
    pattern: '\\[([^\\]\\n]{1,500})\\]\\(([^)\\s]{1,500})\\)',
    show: ([words = '', address = '']) => link(words, address),
  },
  strong('\\*'),
  {
    pattern: `__([^\\n]{1,${LONGEST}}?)__`,
    show: ([text = ''], inner) => html`<u>${inner(text)}</u>`,
  },
  italic,
  struck,
];

export function slackMarkup(text: string): Html {
  return marked(text, SLACK, unescaped);
}

/** @param parseMode as the Bot API names it; plain text where undefined */
export function telegramMarkup(text: string, parseMode: string | undefined): Html {
  switch (parseMode) {
    case 'HTML':
      return tagged(text);
    case 'Markdown':
    case 'MarkdownV2':
      return marked(text, MARKDOWN, (plain) => plain);
    default:
      return html`${text}`;
  }
}

/** Takes the text apart at its marks, from left to right, and what is inside them again. */
function marked(text: string, marks: readonly Mark[], plain: (text: string) => string): Html {
  const inner = (part: string): Html => marked(part, marks, plain);
  const found = new RegExp(marks.map(({ pattern }, at) => `(?<m${at}>${pattern})`).join('|'), 'u');
  const parts: Html[] = [];
  let rest = text;
  for (let match = found.exec(rest); match !== null; match = found.exec(rest)) {
    const at = marks.findIndex((_, index) => match?.groups?.[`m${index}`] !== undefined);
    const mark = marks[at];
    const [whole] = match;
    parts.push(html`${plain(rest.slice(0, match.index))}`);
    const groups = mark === undefined ? null : new RegExp(mark.pattern, 'u').exec(whole);
    parts.push(
      mark === undefined || groups === null ? html`${whole}` : mark.show(groups.slice(1), inner),
    );
    rest = rest.slice(match.index + whole.length);
  }
  return html`${[...parts, html`${plain(rest)}`]}`;
}

/** Tags that Telegram knows and browsers too; without attributes they do nothing but format. */
const TAGS: readonly string[] = ['b', 'strong', 'i', 'em', 'u', 'ins', 's', 'del', 'code', 'pre'];

/** https://core.telegram.org/bots/api#html-style */
function tagged(text: string): Html {
  const parts = text.split(/(<\/?[a-z][^<>]*>)/i).map((part): Html => {
    const [, slash = '', name = ''] = /^<(\/?)([a-z]+)[^<>]*>$/i.exec(part) ?? [];
    if (name === '') return html`${unescaped(part)}`;
    const tag = name.toLowerCase();
    // Made of a listed name alone, so it is safe as it stands.
    return TAGS.includes(tag) ? { safe: `<${slash}${tag}>` } : html``;
  });
  return html`${parts}`;
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
