import type { Json, NodeLogLine } from '../contract.ts';

export interface CodeRun {
  /** The body of an async function with the parameter `input`. */
  readonly code: string;
  /** What the code sees as `input`: a copy. */
  readonly input: Json;
  /** Time limit in milliseconds, from the moment the code starts. */
  readonly timeoutMs: number;
  /** Heap that the code may use, in MiB: 8 to 128. */
  readonly memoryMb: number;
  readonly signal: AbortSignal;
  /** Identity of the side effect: what the code's helpers make ids of, the same on every attempt. */
  readonly key: string;
}

export interface CodeResult {
  readonly value: Json;
}

export interface CodeRunOptions {
  /**
   * Called once, before the run settles, with what the code wrote to its console, cut to a limit;
   * not where the code was stopped at a limit, since that ends its whole process.
   */
  readonly onConsole?: (lines: readonly NodeLogLine[]) => void;
}

/** Where custom code runs: away from this process, with nothing in reach but its input. */
export interface CodeRunner {
  /**
   * @throws ConnectorError `code_error` (the code threw, can't be parsed, or returned what JSON
   *   can't say), `code_limit` (time, memory or size), `unavailable` (no sandbox is free or it
   *   died), `cancelled`; the effect is always `none`
   */
  run(run: CodeRun, options?: CodeRunOptions): Promise<CodeResult>;
}
