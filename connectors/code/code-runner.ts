import type { Json } from '../contract.ts';

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
}

export interface CodeResult {
  readonly value: Json;
  /** What the code wrote with `console`, line by line, cut to a limit. */
  readonly logs: readonly string[];
}

/** Where custom code runs: away from this process, with nothing in reach but its input. */
export interface CodeRunner {
  /**
   * @throws ConnectorError `code_error` (the code threw, can't be parsed, or returned what JSON
   *   can't say), `code_limit` (time, memory or size), `unavailable` (no sandbox is free or it
   *   died), `cancelled`; the effect is always `none`
   */
  run(run: CodeRun): Promise<CodeResult>;
}
