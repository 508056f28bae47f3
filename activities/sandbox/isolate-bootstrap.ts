/** Limits on what leaves the isolate. */
export interface BootstrapLimits {
  readonly maxResultLength: number;
  readonly maxLogLines: number;
  readonly maxLogLineLength: number;
  /** Of all lines together. */
  readonly maxLogLength: number;
  readonly maxMessageLength: number;
  readonly maxStackLength: number;
}

/**
 * Prepares a fresh isolate. Its source text is compiled inside, so it must refer to nothing outside
 * itself. It takes what it needs from the language before user code can change it, gives user code
 * a `console` and `helpers`, and returns the function that runs it: strings in, one string out.
 * Nothing of the host is ever in the isolate.
 *
 * @param createHelpers see isolate-helpers.ts
 * @returns a function that never rejects, unless user code sabotages its own world
 */
export function bootstrap(
  limits: BootstrapLimits,
  createHelpers: (key: string) => object,
): (run: (input: unknown) => unknown, input: string, key: string) => Promise<string> {
  const { parse, stringify } = JSON;
  const { apply } = Reflect;
  const { slice } = String.prototype;
  const isArray = Array.isArray;
  const toText = String;
  const MapOf = Map;
  const SetOf = Set;
  const cut = (text: string, length: number): string => apply(slice, text, [0, length]);

  // Neither is of use here, and both are much of what attacks on V8 are made of.
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) {
    Reflect.deleteProperty(globalThis, name);
  }

  const lines: { level: string; text: string }[] = [];
  let written = 0;
  let isFull = false;
  const write = (level: string, parts: readonly unknown[]): void => {
    if (isFull) return;
    let line = '';
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index];
      let text: string | undefined;
      try {
        text = typeof part === 'string' ? part : stringify(part);
      } catch {
        text = undefined;
      }
      line += (index === 0 ? '' : ' ') + (text ?? toText(part));
      if (line.length > limits.maxLogLineLength) break;
    }
    const text = cut(line, limits.maxLogLineLength);
    written += text.length;
    isFull = lines.length >= limits.maxLogLines || written > limits.maxLogLength;
    lines[lines.length] = isFull
      ? { level: 'warn', text: 'More lines are left out.' }
      : { level, text };
  };
  const writer =
    (level: string) =>
    (...parts: readonly unknown[]): void =>
      write(level, parts);
  Reflect.defineProperty(globalThis, 'console', {
    value: {
      log: writer('info'),
      info: writer('info'),
      warn: writer('warn'),
      error: writer('error'),
      debug: writer('debug'),
      trace: writer('debug'),
    },
    writable: true,
    configurable: true,
  });

  class Unsayable {
    readonly message: string;
    constructor(message: string) {
      this.message = message;
    }
  }

  /** JSON drops functions, and writes a Map as {}, without a word: here each is an error. */
  const replacer = (key: string, value: unknown): unknown => {
    const place = key === '' ? '' : ` in "${cut(key, 100)}"`;
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new Unsayable(`The code returned a ${typeof value}${place}, which JSON can't hold.`);
    }
    if (typeof value === 'bigint') {
      throw new Unsayable(
        `The code returned a BigInt${place}, which JSON can't hold. Return Number(value) or String(value).`,
      );
    }
    if (typeof value === 'object' && value !== null && !isArray(value)) {
      if (value instanceof MapOf) {
        throw new Unsayable(
          `The code returned a Map${place}, which JSON can't hold. Return Object.fromEntries(map).`,
        );
      }
      if (value instanceof SetOf) {
        throw new Unsayable(
          `The code returned a Set${place}, which JSON can't hold. Return [...set].`,
        );
      }
    }
    return value;
  };

  const toJson = (value: unknown): string => {
    try {
      return stringify(value, replacer) ?? 'null';
    } catch (error) {
      if (error instanceof TypeError && toText(error.message).includes('circular')) {
        throw new Unsayable(
          'The code returned an object that contains itself, which JSON can’t hold.',
        );
      }
      throw error;
    }
  };

  const describe = (error: unknown): { name: string; message: string; stack: string } => {
    try {
      if (typeof error === 'object' && error !== null && 'message' in error) {
        return {
          name: 'name' in error ? cut(toText(error.name), limits.maxMessageLength) : 'Error',
          message: cut(toText(error.message), limits.maxMessageLength),
          stack: 'stack' in error ? cut(toText(error.stack), limits.maxStackLength) : '',
        };
      }
      const said = typeof error === 'string' ? error : (stringify(error) ?? toText(error));
      return { name: 'Error', message: cut(said, limits.maxMessageLength), stack: '' };
    } catch {
      return { name: 'Error', message: 'The code threw something indescribable.', stack: '' };
    }
  };

  return async (run, input, key) => {
    Reflect.defineProperty(globalThis, 'helpers', {
      value: createHelpers(key),
      writable: true,
      configurable: true,
    });
    try {
      const value = toJson(await run(parse(input)));
      if (value.length > limits.maxResultLength) {
        return stringify({ outcome: 'oversized', logs: lines });
      }
      return `{"outcome":"returned","logs":${stringify(lines)},"value":${value}}`;
    } catch (error) {
      if (error instanceof Unsayable) {
        return stringify({ outcome: 'unsayable', logs: lines, message: error.message });
      }
      return stringify({ outcome: 'threw', logs: lines, ...describe(error) });
    }
  };
}
