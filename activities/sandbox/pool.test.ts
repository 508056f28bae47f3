import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { failureOf } from '../../connectors/connector-suite.ts';
import type { NodeLogLine } from '../../connectors/contract.ts';
import { ConnectorError } from '../../connectors/errors.ts';
import { createSandboxPool, type PoolRun, type SandboxPool } from './pool.ts';

// Starting a process takes a second or more on a machine that is busy with other tests.
jest.setTimeout(60_000);

const OPTIONS = { timeoutMs: 2_000, input: {} };

/** Waits until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come about within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('running code', () => {
  let pool: SandboxPool;
  beforeAll(async () => {
    pool = createSandboxPool({ size: 1 });
    await pool.ready();
  });
  afterAll(() => pool.close());

  const run = (code: string, more: Partial<PoolRun> = {}) =>
    pool.run({ code, ...OPTIONS, ...more });
  const consoleOf = async (code: string): Promise<readonly NodeLogLine[]> => {
    let lines: readonly NodeLogLine[] = [];
    const onConsole = (written: readonly NodeLogLine[]): void => {
      lines = written;
    };
    await pool.run({ code, ...OPTIONS }, { onConsole }).catch((error: unknown) => {
      if (!(error instanceof ConnectorError)) throw error;
    });
    return lines;
  };
  const value = async (code: string, input: PoolRun['input'] = {}) =>
    (await run(code, { input })).value;

  test.each([
    ["return { tier: input.lead.score > 80 ? 'gold' : 'silver' }", { tier: 'gold' }],
    ['return input.lead.name', 'ليلى 👋'],
    ['const { lead } = input; await null; return [lead.score, null, true]', [91, null, true]],
    ['return Promise.resolve(1)', 1],
    ['', null],
    ['return undefined', null],
    ['return { a: undefined, at: new Date(0) }', { at: '1970-01-01T00:00:00.000Z' }],
    ['return input.lead.score // the end', 91],
    ['return JSON.parse(\'{"__proto__": 1, "a": 2}\')', { a: 2 }],
    ['return typeof console.log', 'function'],
  ])('%s', async (code, expected) => {
    expect(await value(code, { lead: { score: 91, name: 'ليلى 👋' } })).toEqual(expected);
  });

  test('the input is a copy', async () => {
    const input = { list: [1] };
    expect(await value('input.list.push(2); return input.list', input)).toEqual([1, 2]);
    expect(input).toEqual({ list: [1] });
  });

  test('it is strict', async () => {
    expect((await failureOf(run('undeclared = 1'))).message).toBe(
      'The code failed in line 1, column 12: ReferenceError: undeclared is not defined',
    );
  });

  test('console lines come back, cut to a limit', async () => {
    const left = { level: 'warn', text: 'More lines are left out.' };
    expect(
      await consoleOf("console.log('a', { b: 1 }, undefined, 2n); console.error('مرحبا')"),
    ).toEqual([
      { level: 'info', text: 'a {"b":1} undefined 2' },
      { level: 'error', text: 'مرحبا' },
    ]);
    const long = await consoleOf("for (let i = 0; i < 1e5; i++) console.log('x'.repeat(5000))");
    expect(long).toHaveLength(21);
    expect(long[0]?.text).toHaveLength(1_000);
    expect(long[20]).toEqual(left);
    const many = await consoleOf("for (let i = 0; i < 1e5; i++) console.debug('x')");
    expect(many).toHaveLength(101);
    expect(many[100]).toEqual(left);
  });

  test.each([
    ["console.warn('before'); throw new Error('x')"],
    ["console.warn('before'); return () => 1"],
    ["console.warn('before'); return 'x'.repeat(2e6)"],
  ])('console lines come back of code that fails: %s', async (code) => {
    expect(await consoleOf(code)).toEqual([{ level: 'warn', text: 'before' }]);
  });

  test('console lines are what a database can hold', async () => {
    expect(await consoleOf("console.info('a\\0b\\ud83d')")).toEqual([
      { level: 'info', text: 'a\ufffdb\ufffd' },
    ]);
  });

  test.each([
    ['\n\nthrow new Error("bad lead")', 'The code failed in line 3: bad lead', 3],
    ['const a = null\nreturn a.b', 'line 2: TypeError: Cannot read properties of null', 2],
    ['const f = () => {\n  throw new RangeError("x") }\n[1].map(f)', 'line 2: RangeError: x', 2],
    ['await null\nthrow new Error("late")', 'in line 2: late', 2],
    ['let a = 1;\n a..b.c', "syntax error in line 2: Unexpected token '.'", 2],
    ['if (true) {\nreturn 1', 'syntax error in line 2', 2],
    ['const a = `never ends', 'syntax error in line 1', 1],
    ['if (true) { } }', 'syntax error in line 1', 1],
    ['import fs from "node:fs"', 'syntax error in line 1', 1],
    ['throw "just text"', 'The code failed: just text', undefined],
    ['throw { code: 7 }', 'The code failed: {"code":7}', undefined],
    ['throw undefined', 'The code failed: undefined', undefined],
    ['const f = () => f(); f()', 'RangeError: Maximum call stack size exceeded', 1],
    ['return () => 1', 'returned a function, which', undefined],
    ['return { a: { send() {} } }', 'returned a function in "send"', undefined],
    ['return 1n', 'returned a BigInt', undefined],
    ['return Symbol("s")', 'returned a symbol', undefined],
    ['return { m: new Map() }', 'returned a Map in "m"', undefined],
    ['return [new Set()]', 'returned a Set in "0"', undefined],
    ['const a = {}; a.a = a; return a', 'contains itself', undefined],
  ])('%j is an error of the code that says where', async (code, message, line) => {
    const error = await failureOf(run(code));
    expect(error).toMatchObject({ code: 'code_error', effect: 'none', permanent: true });
    expect(error.message.replace(/, column \d+/, '')).toContain(message);
    expect(error.details?.line).toBe(line);
  });

  test.each([
    ['\n  boom(1) // why', 'in line 2, column 3: ReferenceError', 2, 3, 'boom(1) // why'],
    ['const a = 1\nlet b = a +* 2', 'in line 2, column 12: Unexpected', 2, 12, 'let b = a +* 2'],
  ])('%j is shown with its column and line', async (code, words, line, column, source) => {
    const error = await failureOf(run(code));
    expect(error.message).toContain(words);
    expect(error.details).toEqual({ line, column, source });
  });

  test('helpers are there, and make the same ids on every attempt', async () => {
    const code =
      "return [helpers.uuid(), helpers.uuid(), helpers.hash(input.name), helpers.formatDate(0, { zone: 'Asia/Dubai', locale: 'ar-AE', dateStyle: 'long' })]";
    const input = { name: 'ليلى' };
    const [first, again, other] = await Promise.all(
      ['run/node/', 'run/node/', 'run/node/1'].map(
        async (key) => (await run(code, { key, input })).value,
      ),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const [one, two, hash, date] = z.array(z.string()).parse(first);
    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(two).not.toBe(one);
    expect(hash).toBe(createHash('sha256').update('ليلى').digest('hex'));
    expect(date).toBe('1 يناير 1970');
  });

  test('after errors of the code the same process carries on', async () => {
    const before = pool.pids();
    await failureOf(run('throw new Error("x")'));
    await failureOf(run('}'));
    expect(await value('return 1')).toBe(1);
    expect(pool.pids()).toEqual(before);
  });

  test('a result has at most 1 MiB', async () => {
    expect(await value("return 'x'.repeat(1_000_000).length")).toBe(1_000_000);
    for (const code of ["return 'x'.repeat(1_050_000)", "return 'ب'.repeat(600_000)"]) {
      expect(await failureOf(run(code))).toMatchObject({ code: 'code_limit', permanent: true });
    }
    expect(await value("return 'x'.repeat(1_000_000)")).toHaveLength(1_000_000);
  });

  test('an input has a limit too', async () => {
    const input = 'x'.repeat(9_000_000);
    expect(await failureOf(run('return 1', { input }))).toMatchObject({ code: 'too_large' });
    const large = await run('return input.length', { input: input.slice(0, 4_000_000) });
    expect(large.value).toBe(4_000_000);
  });

  test('a trivial run takes less than 5 ms', async () => {
    const medians: number[] = [];
    for (let batch = 0; batch < 5; batch += 1) {
      const times: number[] = [];
      for (let count = 0; count < 100; count += 1) {
        const started = performance.now();
        await run('return input.a + 1', { input: { a: count } });
        times.push(performance.now() - started);
      }
      medians.push(times.sort((a, b) => a - b)[50] ?? Number.NaN);
    }
    // What else the machine does can only add to it.
    expect(Math.min(...medians)).toBeLessThan(5);
  });
});

describe('the pool', () => {
  const pools: SandboxPool[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close();
  });
  const open = (options: Partial<Parameters<typeof createSandboxPool>[0]> = {}): SandboxPool => {
    const pool = createSandboxPool({ size: 1, ...options });
    pools.push(pool);
    return pool;
  };
  const busyFor = (ms: number) =>
    `await null; const end = Date.now() + ${ms}; while (Date.now() < end); return 'done'`;

  test('runs go on side by side, the others wait', async () => {
    const pool = open({ size: 2 });
    await pool.ready();
    const runs = Array.from({ length: 6 }, (_, index) =>
      pool.run({ ...OPTIONS, code: 'return input', input: index }),
    );
    expect((await Promise.all(runs)).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(pool.pids()).toHaveLength(2);
  });

  test('more than the queue holds is sent away', async () => {
    const pool = open({ maxQueue: 1 });
    await pool.ready();
    const first = pool.run({ ...OPTIONS, code: busyFor(100) });
    const second = pool.run({ ...OPTIONS, code: 'return 2' });
    const error = await failureOf(pool.run({ ...OPTIONS, code: 'return 3' }));
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: false });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect((await first).value).toBe('done');
    expect((await second).value).toBe(2);
  });

  test('a cancelled run stops at once, waiting or running, and the next one goes on', async () => {
    const pool = open();
    await pool.ready();
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = failureOf(pool.run({ ...OPTIONS, code: busyFor(1_500), signal: running.signal }));
    const second = failureOf(pool.run({ ...OPTIONS, code: 'return 2', signal: waiting.signal }));
    waiting.abort(new Error('cancelled'));
    expect(await second).toMatchObject({ code: 'cancelled', effect: 'none' });
    const started = performance.now();
    running.abort(new DOMException('too long', 'TimeoutError'));
    expect(await first).toMatchObject({ code: 'timeout', permanent: false });
    expect(performance.now() - started).toBeLessThan(1_000);
    const aborted = pool.run({ ...OPTIONS, code: 'return 3', signal: waiting.signal });
    expect((await failureOf(aborted)).code).toBe('cancelled');
    expect((await pool.run({ ...OPTIONS, code: 'return 4' })).value).toBe(4);
  });

  test('a process that is killed fails its run, which may be repeated, and is replaced', async () => {
    const pool = open();
    await pool.ready();
    const [pid] = pool.pids();
    const attempt = failureOf(pool.run({ ...OPTIONS, code: busyFor(1_500) }));
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect(await attempt).toMatchObject({ code: 'unavailable', effect: 'none', permanent: false });
    expect((await pool.run({ ...OPTIONS, code: 'return 1' })).value).toBe(1);
    expect(pool.pids()).not.toContain(pid);
  });

  test('an idle process that dies is replaced', async () => {
    const pool = open();
    await pool.ready();
    const [pid] = pool.pids();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await until(() => pool.pids().length === 1 && !pool.pids().includes(pid ?? 0));
    expect((await pool.run({ ...OPTIONS, code: 'return 1' })).value).toBe(1);
  });

  test('a process is replaced after its share of runs, without a gap', async () => {
    const pool = open({ maxRunsPerProcess: 5 });
    await pool.ready();
    const [pid] = pool.pids();
    const times: number[] = [];
    const seen = new Set<number>();
    const end = performance.now() + 3_000;
    while (performance.now() < end) {
      const started = performance.now();
      expect((await pool.run({ ...OPTIONS, code: 'return 1' })).value).toBe(1);
      times.push(performance.now() - started);
      for (const now of pool.pids()) seen.add(now);
      expect(pool.pids().length).toBeLessThanOrEqual(2);
    }
    expect(seen.size).toBeGreaterThan(1);
    await until(() => pid === undefined || !isAlive(pid));
    // Starting a process takes longer than this, so nobody waited for one.
    expect(times.sort((a, b) => a - b)[Math.floor(times.length / 2)]).toBeLessThan(100);
  });

  test('close fails what is there and leaves no process behind', async () => {
    const pool = open({ size: 2 });
    await pool.ready();
    const pids = pool.pids();
    const runs = [1, 2, 3].map(() => failureOf(pool.run({ ...OPTIONS, code: busyFor(1_500) })));
    await Promise.all([pool.close(), pool.close()]);
    expect(pids.filter(isAlive)).toEqual([]);
    for (const error of await Promise.all(runs)) expect(error.code).toBe('unavailable');
    expect((await failureOf(pool.run({ ...OPTIONS, code: 'return 1' }))).code).toBe('unavailable');
  });

  test('closed while it starts: no process is left either', async () => {
    const pool = open({ size: 2 });
    const pids = pool.pids();
    expect(pids).toHaveLength(2);
    await pool.close();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('a killed parent takes its processes with it, even busy ones', async () => {
    const file = join(dirname(fileURLToPath(import.meta.url)), 'pool.ts');
    const script = `
      import { createSandboxPool } from ${JSON.stringify(file)};
      const pool = createSandboxPool({ size: 2 });
      await pool.ready();
      pool.run({ code: 'for (;;);', input: {}, timeoutMs: 60_000 });
      setTimeout(() => process.stdout.write(pool.pids().join(' ')), 100);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [output] = await once(parent.stdout, 'data');
      const pids = String(output).split(' ').map(Number);
      expect(pids.filter(isAlive)).toHaveLength(2);
      parent.kill('SIGKILL');
      await until(() => !pids.some(isAlive));
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
