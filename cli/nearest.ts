/** The word that somebody meant, if one is close to what was written; else undefined. */
export function nearest(written: string, words: readonly string[]): string | undefined {
  const scored = words.map((word) => ({ word, away: distance(written.toLowerCase(), word) }));
  const [best] = scored.toSorted((one, other) => one.away - other.away);
  const limit = Math.max(2, Math.floor(written.length / 3));
  return best !== undefined && best.away <= limit ? best.word : undefined;
}

/** Levenshtein's: how many letters are to be added, removed or replaced. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= other.length; at += 1) {
      const replaced = (row[at - 1] ?? 0) + (letter === other[at - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
