import { describe, expect, test } from '@jest/globals';
import { failureOf, testContext } from '../connector-suite.ts';
import { ConnectorError } from '../errors.ts';
import type { CodeRun, CodeRunner } from './code-runner.ts';
import { createCodeOperations } from './execute.ts';
import { codeManifest } from './manifest.ts';
import { runInputSchema } from './schema.ts';

/** Keeps what it is asked, and answers with the input. */
function recordingRunner(): CodeRunner & { readonly runs: CodeRun[] } {
  const runs: CodeRun[] = [];
  return {
    runs,
    run: async (run, options) => {
      runs.push(run);
      options?.onConsole?.([{ level: 'info', text: 'layla@example.com' }]);
      return { value: run.input };
    },
  };
}

const context = testContext({ credential: undefined, mode: 'live' });

describe('code run', () => {
  test('hands code and scope to the runner, and on what it returns', async () => {
    const runner = recordingRunner();
    const { run } = createCodeOperations({ runCode: runner });
    const scope = { lead: { name: 'ليلى' } };
    const given = runInputSchema.parse({ code: 'return {{ input }}', timeout: '2s', input: scope });
    expect(await run.execute(given, context)).toEqual(scope);
    expect(runner.runs).toEqual([
      {
        code: 'return {{ input }}',
        input: scope,
        timeoutMs: 2_000,
        memoryMb: 64,
        signal: context.signal,
        key: context.key,
      },
    ]);
  });

  test('an attempt’s time limit bounds the code’s', async () => {
    const runner = recordingRunner();
    const { run } = createCodeOperations({ runCode: runner });
    const given = runInputSchema.parse({ code: 'return 1', timeout: '60s', memoryMb: 8 });
    expect(await run.execute(given, { ...context, timeoutMs: 1_000 })).toEqual({});
    expect(runner.runs[0]).toMatchObject({ timeoutMs: 1_000, memoryMb: 8, input: {} });
  });

  test('what the code writes to its console goes into the node’s log, and into no other', async () => {
    const said: unknown[] = [];
    const { run } = createCodeOperations({ runCode: recordingRunner() });
    await run.execute(runInputSchema.parse({ code: 'return 1' }), {
      ...context,
      log: () => {
        throw new Error('nothing of this is the operators’ business');
      },
      tell: (lines) => said.push(...lines),
    });
    expect(said).toEqual([{ level: 'info', text: 'layla@example.com' }]);
  });

  test('the runner’s errors pass as they are', async () => {
    const error = new ConnectorError('code_limit', 'The code took longer than 5 s.', {
      effect: 'none',
      permanent: true,
    });
    const { run } = createCodeOperations({ runCode: { run: () => Promise.reject(error) } });
    const attempt = run.execute(runInputSchema.parse({ code: 'for (;;);' }), context);
    expect(await failureOf(attempt)).toBe(error);
  });
});

describe('the manifest', () => {
  const [operation] = codeManifest.operations;

  test('the sample is valid, the output any JSON, the code never rendered', () => {
    expect(operation.input.safeParse(operation.sample).success).toBe(true);
    for (const output of [null, 1, 'x', [1], { a: null }]) {
      expect(operation.output.safeParse(output).success).toBe(true);
    }
    expect(operation).toMatchObject({
      rawFields: ['code'],
      receivesScope: true,
      idempotency: 'read',
    });
  });

  test('defaults', () => {
    expect(runInputSchema.parse({ code: 'return 1' })).toEqual({
      code: 'return 1',
      timeout: '5s',
      memoryMb: 64,
    });
  });

  test.each([
    {},
    { code: '' },
    { code: 'return 1', timeout: '61s' },
    { code: 'return 1', timeout: '2m' },
    { code: 'return 1', timeout: '0s' },
    { code: 'return 1', timeout: 'soon' },
    { code: 'return 1', timeout: 5 },
    { code: 'return 1', memoryMb: 7 },
    { code: 'return 1', memoryMb: 129 },
    { code: 'return 1', language: 'python' },
  ])('the schema refuses %j', (input) => {
    expect(runInputSchema.safeParse(input).success).toBe(false);
  });

  test.each(['1ms', '0.5s', '60s', '1m'])('a timeout may be %s', (timeout) => {
    expect(runInputSchema.safeParse({ code: 'return 1', timeout }).success).toBe(true);
  });
});
