/** Rows under each other, each column as wide as its widest cell. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `2026-03-01 09:00:00Z`: a time as people read it, in UTC. */
export function shortTime(iso: string | null | undefined): string {
  return iso == null ? '' : `${iso.slice(0, 19).replace('T', ' ')}Z`;
}
