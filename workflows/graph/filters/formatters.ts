/**
 * Formatters of the language, kept: making one takes a hundred times as long as using it. They are
 * functions of their options alone, so no result depends on whether one was kept.
 */

const MAX_KEPT = 500;

function keeper<Made>(make: (locale: string, options: object) => Made) {
  const kept = new Map<string, Made>();
  return (locale: string, options: object): Made => {
    const key = locale + JSON.stringify(options);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = make(locale, options);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(key, made);
    return made;
  };
}

/** @throws RangeError if an option or the locale isn't known */
export const dateFormatter: (
  locale: string,
  options: Intl.DateTimeFormatOptions,
) => Intl.DateTimeFormat = keeper((locale, options) => new Intl.DateTimeFormat(locale, options));

/** @throws RangeError if an option or the locale isn't known */
export const numberFormatter: (
  locale: string,
  options: Intl.NumberFormatOptions,
) => Intl.NumberFormat = keeper((locale, options) => new Intl.NumberFormat(locale, options));
