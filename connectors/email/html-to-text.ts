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

/** Lines, list items and link targets of an HTML message as plain text. */
export function htmlToText(html: string): string {
  return decodeEntities(
    html
      .replace(/<!--[\s\S]*?-->/g, '')
      .replace(/<(head|style|script|title)\b[\s\S]*?<\/\1\s*>/gi, '')
      .replace(/\s+/g, ' ')
      .replace(/<a\s[^<>]*?href\s*=\s*(["'])(.*?)\1[^<>]*>(.*?)<\/a\s*>/gi, withTarget)
      .replace(/<(?:br|hr)\b[^<>]*>/gi, '\n')
      .replace(/<li\b[^<>]*>/gi, '\n- ')
      .replace(/<\/(?:td|th)\s*>/gi, '\t')
      .replace(/<\/?(?:p|h[1-6]|ul|ol|table|blockquote|pre)\b[^<>]*>/gi, '\n\n')
      .replace(/<\/?(?:div|tr|section|article|header|footer|address)\b[^<>]*>/gi, '\n')
      .replace(/<[^<>]*>/g, ''),
  )
    .replace(/[ \t]*\n[ \t]*/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

function withTarget(_link: string, _quote: string, target: string, label: string): string {
  const shown = label.replace(/<[^<>]*>/g, '').trim();
  if (!/^(?:https?|mailto|tel):/i.test(target)) return label;
  return shown === '' || shown === target ? target : `${label} (${target})`;
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x[\da-f]{1,6}|#\d{1,7}|[a-z]+);/gi, (entity, name: string) => {
    if (!name.startsWith('#')) return NAMED_ENTITIES[name.toLowerCase()] ?? entity;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : entity;
  });
}
