/**
 * Finds where a text stops being JSON (RFC 8259). JSON.parse says so only now and then, and repeats
 * the text where it doesn't.
 */

/** A string, a number, a word, or a sign. */
const TOKEN =
  /[ \t\n\r]*(?:("(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:]))/uy;

type Expected = 'value' | 'value or ]' | 'name or }' | 'name' | ':' | ', or end';

/** @returns the index of the first character that JSON doesn't allow there; the length if it ends too early */
export function faultIn(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;

  for (;;) {
    const start = at + (/^[ \t\n\r]*/.exec(text.slice(at, at + 10_000))?.[0].length ?? 0);
    if (expected === ', or end' && open.length === 0) return start;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) return start;
    const [, string, scalar, sign] = match;
    switch (expected) {
      case 'value':
      case 'value or ]':
        if (sign === '{' || sign === '[') {
          open.push(sign);
          expected = sign === '{' ? 'name or }' : 'value or ]';
        } else if (sign === ']' && expected === 'value or ]') {
          open.pop();
          expected = ', or end';
        } else if (string !== undefined || scalar !== undefined) expected = ', or end';
        else return start;
        break;
      case 'name':
      case 'name or }':
        if (string !== undefined) expected = ':';
        else if (sign === '}' && expected === 'name or }') {
          open.pop();
          expected = ', or end';
        } else return start;
        break;
      case ':':
        if (sign !== ':') return start;
        expected = 'value';
        break;
      case ', or end':
        if (sign === ',') expected = open.at(-1) === '{' ? 'name' : 'value';
        else if (sign === (open.at(-1) === '{' ? '}' : ']')) open.pop();
        else return start;
        break;
    }
    at = TOKEN.lastIndex;
  }
}
