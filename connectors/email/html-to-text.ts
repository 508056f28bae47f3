/** The text alternative of an HTML message, for readers that show no HTML. */

const TAGS =
  'a|abbr|address|article|b|blockquote|body|br|button|center|code|div|em|font|footer|h[1-6]|head|header|hr|html|i|img|li|link|main|meta|ol|p|pre|s|section|small|span|strong|style|sub|sup|table|tbody|td|tfoot|th|thead|title|tr|u|ul';
const HTML_TAG = new RegExp(`<(?:!doctype\\b|/?(?:${TAGS})(?:\\s[^<>]*)?/?>)`, 'i');

const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  copy: '©',
  gt: '>',
  hellip: '…',
  laquo: '«',
  ldquo: '“',
  lsquo: '‘',
  lt: '<',
  mdash: '—',
  nbsp: ' ',
  ndash: '–',
  quot: '"',
  raquo: '»',
  rdquo: '”',
  reg: '®',
  rsquo: '’',
};

/** True if a body has HTML tags; `a < b` and `Name <name@example.com>` have none. */
export function isHtml(body: string): boolean {
  return HTML_TAG.test(body);
}

/** Elements whose content is not shown. */
const HIDDEN = new Set(['head', 'script', 'style', 'title']);
const PARAGRAPHS = new Set([
  'blockquote',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'ol',
  'p',
  'pre',
  'table',
  'ul',
]);
const LINES = new Set(['address', 'article', 'div', 'footer', 'header', 'section', 'tr']);

/** Lines, list items and link targets of an HTML message as plain text. One pass, in linear time. */
export function htmlToText(html: string): string {
  const lowerCase = html.toLowerCase();
  let text = '';
  let link: { readonly target: string; readonly from: number } | undefined;
  let at = 0;

  const skipPast = (end: string): void => {
    const found = lowerCase.indexOf(end, at);
    at = found === -1 ? html.length : found + end.length;
  };

  while (at < html.length) {
    const open = html.indexOf('<', at);
    const close = open === -1 ? -1 : html.indexOf('>', open);
    if (close === -1) break;
    text += visible(html.slice(at, open));
    at = open;
    if (html.startsWith('<!--', open)) {
      skipPast('-->');
      continue;
    }
    const tag = html.slice(open + 1, close);
    const name = /^\/?([a-z][a-z0-9]*|!doctype)/i.exec(tag)?.[1]?.toLowerCase();
    if (name === undefined) {
      text += '<';
      at = open + 1;
      continue;
    }
    at = close + 1;
    const isEnd = tag.startsWith('/');
    if (HIDDEN.has(name) && !isEnd) skipPast(`</${name}>`);
    else if (name === 'a' && !isEnd) link = { target: hrefOf(tag), from: text.length };
    else if (name === 'a') {
      if (link !== undefined) text += targetAfter(text.slice(link.from), link.target);
      link = undefined;
    } else text += breakOf(name, isEnd);
  }
  return (text + visible(html.slice(at)))
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** White space in HTML only separates. */
function visible(text: string): string {
  return decodeEntities(text.replace(/\s+/g, ' '));
}

function breakOf(name: string, isEnd: boolean): string {
  if (PARAGRAPHS.has(name)) return '\n\n';
  if (LINES.has(name) || name === 'br' || name === 'hr') return '\n';
  if (name === 'li' && !isEnd) return '\n- ';
  return isEnd && (name === 'td' || name === 'th') ? '\t' : '';
}

function hrefOf(tag: string): string {
  const [, double, single] = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(tag) ?? [];
  return decodeEntities(double ?? single ?? '');
}

function targetAfter(label: string, target: string): string {
  if (!/^(?:https?|mailto|tel):/i.test(target) || label.trim() === target) return '';
  return label.trim() === '' ? target : ` (${target})`;
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x[\da-f]{1,6}|#\d{1,7}|[a-z]+);/gi, (entity, name: string) => {
    if (!name.startsWith('#')) return NAMED_ENTITIES[name.toLowerCase()] ?? entity;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : entity;
  });
}
