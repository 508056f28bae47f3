import type { Json, Operation } from '../contract.ts';
import type { CodeRunner } from './code-runner.ts';
import { type RunInput, timeoutToMs } from './schema.ts';

export interface CodeDeps {
  readonly runCode: CodeRunner;
}

export interface CodeOperations {
  readonly run: Operation<RunInput, Json, undefined>;
}

/** How the operations of the code connector act. */
export function createCodeOperations({ runCode }: CodeDeps): CodeOperations {
  return {
    run: {
      async execute({ code, input, timeout, memoryMb }, context) {
        const { value } = await runCode.run(
          {
            code,
            input: input ?? {},
            timeoutMs: Math.min(timeoutToMs(timeout), context.timeoutMs),
            memoryMb,
            signal: context.signal,
            key: context.key,
          },
          { onConsole: (lines) => context.tell(lines) },
        );
        return value;
      },
    },
  };
}
