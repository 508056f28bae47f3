/**
 * Finds where a text stops being JSON (RFC 8259). Needed because the engine's own messages name
 * the position only sometimes and quote the text, which may hold personal data.
 */
export interface JsonPosition {
  /** Offset in UTF-16 units, from 0. */
  readonly position: number;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SPACE = /[ \t\n\r]*/y;

/** @returns the place of the first error, or undefined if the text is JSON */
export function findJsonError(text: string): JsonPosition | undefined {
  let at = 0;
  // What the text must go on with; a stack instead of recursion, so that depth costs no stack.
  const open: ('object' | 'array')[] = [];
  let expect: 'value' | 'value or end' | 'key' | 'key or end' | 'rest' = 'value';

  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };

  for (;;) {
    match(SPACE);
    const character = text[at];
    if (expect === 'rest') {
      const inside = open.at(-1);
      if (inside === undefined) return character === undefined ? undefined : locate(text, at);
      if (character === ',') {
        at += 1;
        expect = inside === 'object' ? 'key' : 'value';
      } else if (character === (inside === 'object' ? '}' : ']')) {
        at += 1;
        open.pop();
      } else {
        return locate(text, at);
      }
      continue;
    }
    if (expect === 'key' || expect === 'key or end') {
      if (expect === 'key or end' && character === '}') {
        at += 1;
        open.pop();
        expect = 'rest';
        continue;
      }
      const key = scanString(text, at);
      if (!key.complete) return locate(text, key.end);
      at = key.end;
      match(SPACE);
      if (text[at] !== ':') return locate(text, at);
      at += 1;
      expect = 'value';
      continue;
    }
    if (expect === 'value or end' && character === ']') {
      at += 1;
      open.pop();
      expect = 'rest';
    } else if (character === '{') {
      at += 1;
      open.push('object');
      expect = 'key or end';
    } else if (character === '[') {
      at += 1;
      open.push('array');
      expect = 'value or end';
    } else if (character === '"') {
      const string = scanString(text, at);
      if (!string.complete) return locate(text, string.end);
      at = string.end;
      expect = 'rest';
    } else if (match(LITERAL)) {
      expect = 'rest';
    } else {
      return locate(text, at);
    }
  }
}

/** @returns where the string that begins at `start` ends, or where it breaks */
function scanString(text: string, start: number): { complete: boolean; end: number } {
  if (text[start] !== '"') return { complete: false, end: start };
  let at = start + 1;
  for (;;) {
    const character = text.charCodeAt(at);
    if (character === 0x22) return { complete: true, end: at + 1 };
    // Past the end (NaN), or a control character, which a JSON string may not hold.
    if (!(character >= 0x20)) return { complete: false, end: at };
    if (character === 0x5c) {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return { complete: false, end: at };
      at = ESCAPE.lastIndex;
    } else {
      at += 1;
    }
  }
}

function locate(text: string, position: number): JsonPosition {
  const before = text.slice(0, position);
  return {
    position,
    line: before.split('\n').length,
    column: position - before.lastIndexOf('\n'),
  };
}
