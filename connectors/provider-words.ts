/** Providers explain a refusal best, but their sentences quote what was sent. */

const MAX_LENGTH = 300;
const SHORTEST_HIDDEN = 3;

/**
 * A provider's sentence without what the sender wrote: every string of `sent` and every long number
 * becomes `…`, so that it may stand in messages and logs.
 * @param publicNames fields whose values are no personal data, e.g. `type`
 * @returns at most 300 characters
 */
export function withoutWhatWasSent(
  sentence: string,
  sent: unknown,
  publicNames: readonly string[] = [],
): string {
  return leaves(sent, '', new Set(publicNames))
    .filter((leaf) => leaf.length >= SHORTEST_HIDDEN)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, leaf) => rest.replaceAll(leaf, '…'), sentence)
    .replace(/\d{6,}/g, '…')
    .slice(0, MAX_LENGTH);
}

function leaves(value: unknown, name: string, publicNames: ReadonlySet<string>): string[] {
  if (typeof value === 'string') return publicNames.has(name) ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, key, publicNames));
}
