/** HTML written as templates in which every value is escaped. Pure. */

/** HTML that is safe as it stands; made only by the function `html`. */
export interface Html {
  readonly safe: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template in which every value is escaped, unless it is HTML made by this function. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  const texts = values.map((value) => {
    if (typeof value === 'string' || typeof value === 'number') {
      return String(value).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
    }
    return 'safe' in value ? value.safe : value.map((each) => each.safe).join('');
  });
  return { safe: parts.map((part, index) => part + (texts[index] ?? '')).join('') };
}

/** Nothing at all. */
export const NOTHING: Html = { safe: '' };

/** `render` of what is there, else nothing. */
export function optional<Value>(
  value: Value | null | undefined,
  render: (value: Value) => Html,
): Html {
  return value === undefined || value === null ? NOTHING : render(value);
}

/** A link that opens beside the page and tells its target nothing; plain text if it is no web address. */
export function link(address: string, label: string): Html {
  return /^https?:\/\//i.test(address) && URL.canParse(address)
    ? html`<a href="${address}" target="_blank" rel="noopener noreferrer nofollow">${label}</a>`
    : html`<bdi>${label}</bdi>`;
}

/** Any JSON as people read it. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value, null, 2);
}
