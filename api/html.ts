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
