/** What the person at the terminal sees: lines, and one line at the bottom that changes in place. */

export interface Terminal {
  /** A line that stays. */
  line(text?: string): void;
  /** A line about a problem that Masar survives; goes to stderr. */
  warn(text: string): void;
  /** Replaces the update before it; where lines cannot be replaced, one every so often is printed. */
  update(text: string): void;
  bold(text: string): string;
  dim(text: string): string;
}

const UPDATE_LINE_MS = 15_000;

export function createTerminal(
  out: NodeJS.WriteStream = process.stdout,
  err: NodeJS.WriteStream = process.stderr,
): Terminal {
  const live = out.isTTY === true;
  const styled = live && out.hasColors() && (process.env.NO_COLOR ?? '') === '';
  let pending = false;
  let updatedAt = Date.now();
  // The terminal can go away before we do (SIGHUP, a closed pipe); that must not stop a shutdown.
  out.on('error', () => undefined);
  err.on('error', () => undefined);

  const clear = (): void => {
    if (pending) out.write('\r\x1b[K');
    pending = false;
  };
  return {
    line(text = '') {
      clear();
      out.write(`${text}\n`);
    },
    warn(text) {
      clear();
      err.write(`${text}\n`);
    },
    update(text) {
      if (live) {
        out.write(`\r\x1b[K${text.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
        pending = true;
      } else if (Date.now() - updatedAt >= UPDATE_LINE_MS) {
        updatedAt = Date.now();
        out.write(`${text}\n`);
      }
    },
    bold: (text) => (styled ? `\x1b[1m${text}\x1b[22m` : text),
    dim: (text) => (styled ? `\x1b[2m${text}\x1b[22m` : text),
  };
}

/** A terminal for machine output: nothing but the result goes to stdout, problems go to stderr. */
export function createQuietTerminal(err: NodeJS.WriteStream = process.stderr): Terminal {
  const silent = (): void => undefined;
  return {
    line: silent,
    warn: (text) => void err.write(`${JSON.stringify({ warning: text })}\n`),
    update: silent,
    bold: (text) => text,
    dim: (text) => text,
  };
}
