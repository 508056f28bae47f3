/**
 * The filters of expressions: LiquidJS's own, where they come to the same result everywhere, and
 * ours. All are pure and synchronous, and pay for what they work on (see `charge`).
 */
import type { Liquid } from 'liquidjs';
import { DATA_FILTERS } from './filters/data-filters.ts';
import { DATE_FILTERS } from './filters/date-filters.ts';
import { charge, type ExpressionFilter } from './filters/filter-support.ts';
import { HASH_FILTERS } from './filters/hash-filters.ts';
import { TEXT_FILTERS } from './filters/text-filters.ts';

/** Other names under which people know filters of LiquidJS. */
const ALIASES: Readonly<Record<string, string>> = {
  lower: 'downcase',
  upper: 'upcase',
  pluck: 'map',
  unique: 'uniq',
  length: 'size',
};

/**
 * What a call costs by itself, in characters that could be worked on in the same time: calendars
 * and numbers of a language take tens of microseconds, and loops call filters often.
 */
const OWN: readonly {
  readonly filters: Readonly<Record<string, ExpressionFilter>>;
  readonly cost: number;
}[] = [
  { filters: TEXT_FILTERS, cost: 50 },
  { filters: DATA_FILTERS, cost: 0 },
  { filters: HASH_FILTERS, cost: 100 },
  { filters: DATE_FILTERS, cost: 300 },
];

/** How far a name may be from one that there is, to be taken for a slip of the hand. */
const MOST_EDITS = 2;

/** Gives the engine its filters. Ours replace LiquidJS's where those ask the host. */
export function registerFilters(liquid: Liquid): void {
  for (const [alias, name] of Object.entries(ALIASES)) {
    const filter = liquid.filters[name];
    if (filter !== undefined) liquid.registerFilter(alias, filter);
  }
  for (const { filters, cost } of OWN) {
    for (const [name, filter] of Object.entries(filters)) {
      liquid.registerFilter(name, cost === 0 ? filter : priced(filter, cost));
    }
  }
}

/** A filter that pays for each call besides what it pays for the length of what it works on. */
function priced(filter: ExpressionFilter, cost: number): ExpressionFilter {
  return function (value, ...args) {
    charge(this, cost);
    return filter.call(this, value, ...args);
  };
}

/** @returns what to say of a filter that there isn't, with the name that was most likely meant */
export function unknownFilter(name: string, known: readonly string[]): string {
  const nearest = known
    .map((candidate) => ({ candidate, edits: editsBetween(name.toLowerCase(), candidate) }))
    .reduce((one, other) => (other.edits < one.edits ? other : one));
  const allowed = Math.min(MOST_EDITS, Math.floor(name.length / 2));
  const guess =
    nearest.edits <= allowed
      ? nearest.candidate
      : known.find((candidate) => candidate.startsWith(name) || name.startsWith(candidate));
  return `there is no filter "${name}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`;
}

/** Levenshtein's distance. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [at, character] of [...one].entries()) {
    const next = [at + 1];
    for (let index = 0; index < other.length; index += 1) {
      next.push(
        Math.min(
          (row[index + 1] ?? 0) + 1,
          (next[index] ?? 0) + 1,
          (row[index] ?? 0) + (character === other[index] ? 0 : 1),
        ),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
