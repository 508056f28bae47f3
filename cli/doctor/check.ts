/** One thing that the doctor looks at. */

export interface Finding {
  /** `skipped`: it could not be looked at, because of another finding or because nothing runs. */
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What was found, in a sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

export interface NamedFinding extends Finding {
  readonly name: string;
}

export const ok = (message: string): Finding => ({ status: 'ok', message });
export const skipped = (message: string): Finding => ({ status: 'skipped', message });
export const warning = (message: string, advice: string): Finding => ({
  status: 'warning',
  message,
  advice,
});
export const failed = (message: string, advice: string): Finding => ({
  status: 'failed',
  message,
  advice,
});

export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.+$/, '');
}
