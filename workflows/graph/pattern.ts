/**
 * Regular expressions in time linear in the text. Patterns of conditions run inside the workflow,
 * and pattern and text may both come from a lead; a backtracking engine can be made to run for
 * years with thirty characters, which would hold up every execution of its worker.
 *
 * A set of states walks over the text, one character at a time (Thompson, "Regular expression
 * search algorithm", CACM 11(6), 1968; https://swtch.com/~rsc/regexp/regexp1.html). Single
 * characters are still decided by JavaScript's own engine, so classes, escapes and Unicode
 * properties mean exactly what they mean there (flag `u`).
 */

/** A pattern that can't be used: its message completes "The pattern … ". */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

type Assertion = '^' | '$' | '\\b' | '\\B';

type Expression =
  | { readonly kind: 'character'; readonly matcher: RegExp }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'alternatives'; readonly options: readonly Expression[] }
  | {
      readonly kind: 'repetition';
      readonly of: Expression;
      readonly least: number;
      /** Infinity: no limit. */
      readonly most: number;
    };

type Instruction =
  | { readonly op: 'character'; readonly matcher: RegExp }
  | { readonly op: 'assertion'; readonly assertion: Assertion }
  /** Goes on at the next instruction and at another one. */
  | { readonly op: 'split'; to: number }
  | { readonly op: 'jump'; to: number };

/** States in all, repetitions counted as often as they are asked for. */
const MAX_STATES = 1_000;

/**
 * @returns whether the pattern is found anywhere in the text
 * @throws PatternError if it isn't valid, looks ahead, back or at an earlier group, or is too large
 */
export function findsPattern(source: string, text: string): boolean {
  try {
    new RegExp(source, 'u');
  } catch {
    throw new PatternError('is not a valid regular expression');
  }
  return walk(compile(parse(source)), [...text]);
}

/** Tokens of a valid pattern. A character is an escape, a class, or what stands for itself. */
const CHARACTER =
  /\\(?:u\{[0-9a-f]+\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|p\{[^}]*\}|[^bk1-9])|\[(?:\\.|[^\]\\])*\]|[^()|*+?{}^$\\[\]]/iuy;
const ASSERTION = /\^|\$|\\b/iuy;
const GROUP = /\((?:\?:|\?<[^=!][^>]*>|(?!\?))/uy;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/uy;

function parse(source: string): Expression {
  let at = 0;

  function take(token: RegExp): RegExpExecArray | null {
    token.lastIndex = at;
    const match = token.exec(source);
    if (match !== null) at += match[0].length;
    return match;
  }

  function alternatives(): Expression {
    const options = [sequence()];
    while (source[at] === '|') {
      at += 1;
      options.push(sequence());
    }
    return { kind: 'alternatives', options };
  }

  function sequence(): Expression {
    const parts: Expression[] = [];
    while (at < source.length && source[at] !== '|' && source[at] !== ')') parts.push(quantified());
    return { kind: 'sequence', parts };
  }

  function quantified(): Expression {
    const of = atom();
    const quantifier = take(QUANTIFIER);
    if (quantifier === null) return of;
    const [, sign, from, comma, to] = quantifier;
    const least = sign === undefined ? Number(from) : sign === '+' ? 1 : 0;
    let most = sign === '?' ? 1 : Number.POSITIVE_INFINITY;
    if (sign === undefined && comma === undefined) most = least;
    if (to !== undefined && to !== '') most = Number(to);
    return { kind: 'repetition', of, least, most };
  }

  function atom(): Expression {
    const assertion = take(ASSERTION)?.[0];
    if (assertion !== undefined) {
      return { kind: 'assertion', assertion: assertion as Assertion };
    }
    if (take(GROUP) !== null) {
      const inner = alternatives();
      at += 1;
      return inner;
    }
    const character = take(CHARACTER)?.[0];
    if (character === undefined) {
      throw new PatternError(
        'looks ahead, behind or back at an earlier group, which is not possible here',
      );
    }
    return { kind: 'character', matcher: new RegExp(`^${character}$`, 'u') };
  }

  return alternatives();
}

function compile(expression: Expression): readonly Instruction[] {
  const program: Instruction[] = [];
  let spent = 0;

  /** Counts also what leaves no instruction behind: an empty group can be repeated too. */
  function spend(): void {
    spent += 1;
    if (spent > MAX_STATES) throw new PatternError('repeats too many things too often');
  }

  function emit<T extends Instruction>(instruction: T): T {
    spend();
    program.push(instruction);
    return instruction;
  }

  function add(part: Expression): void {
    spend();
    switch (part.kind) {
      case 'character':
        emit({ op: 'character', matcher: part.matcher });
        return;
      case 'assertion':
        emit({ op: 'assertion', assertion: part.assertion });
        return;
      case 'sequence':
        for (const inner of part.parts) add(inner);
        return;
      case 'alternatives': {
        const ends: { to: number }[] = [];
        part.options.forEach((option, index) => {
          const last = index === part.options.length - 1;
          const split = last ? undefined : emit({ op: 'split', to: 0 });
          add(option);
          if (split === undefined) return;
          ends.push(emit({ op: 'jump', to: 0 }));
          split.to = program.length;
        });
        for (const end of ends) end.to = program.length;
        return;
      }
      case 'repetition': {
        for (let count = 0; count < part.least; count += 1) add(part.of);
        const splits: { to: number }[] = [];
        if (part.most === Number.POSITIVE_INFINITY) {
          const loop = program.length;
          splits.push(emit({ op: 'split', to: 0 }));
          add(part.of);
          emit({ op: 'jump', to: loop });
        } else {
          for (let count = part.least; count < part.most; count += 1) {
            splits.push(emit({ op: 'split', to: 0 }));
            add(part.of);
          }
        }
        for (const split of splits) split.to = program.length;
      }
    }
  }

  add(expression);
  return program;
}

/** The program's end, which has no instruction, is the match. */
function walk(program: readonly Instruction[], characters: readonly string[]): boolean {
  /** At which position each state was last entered, so that it is entered once there. */
  const entered = new Int32Array(program.length + 1).fill(-1);
  let states: number[] = [];

  function enter(start: number, position: number): void {
    const open = [start];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (entered[state] === position) continue;
      entered[state] = position;
      const instruction = program[state];
      switch (instruction?.op) {
        case 'split':
          open.push(state + 1, instruction.to);
          break;
        case 'jump':
          open.push(instruction.to);
          break;
        case 'assertion':
          if (holds(instruction.assertion, characters, position)) open.push(state + 1);
          break;
        default:
          states.push(state);
      }
    }
  }

  for (let position = 0; ; position += 1) {
    enter(0, position);
    if (entered[program.length] === position) return true;
    const character = characters[position];
    if (character === undefined) return false;
    const current = states;
    states = [];
    for (const state of current) {
      const instruction = program[state];
      if (instruction?.op === 'character' && instruction.matcher.test(character)) {
        enter(state + 1, position + 1);
      }
    }
  }
}

function holds(assertion: Assertion, characters: readonly string[], position: number): boolean {
  switch (assertion) {
    case '^':
      return position === 0;
    case '$':
      return position === characters.length;
    case '\\b':
    case '\\B': {
      const edge = isWord(characters[position - 1]) !== isWord(characters[position]);
      return edge === (assertion === '\\b');
    }
  }
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /^\w$/u.test(character);
}
