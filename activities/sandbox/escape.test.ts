/** What code may try against the sandbox, and must not achieve. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { failureOf } from '../../connectors/connector-suite.ts';
import { createSandboxPool, type PoolRun, type SandboxPool } from './pool.ts';

// Starting a process takes a second or more on a machine that is busy with other tests.
jest.setTimeout(60_000);

let pool: SandboxPool;
beforeAll(async () => {
  pool = createSandboxPool({ size: 1 });
  await pool.ready();
});
afterAll(() => pool.close());

const run = (code: string, more: Partial<PoolRun> = {}) =>
  pool.run({ code, input: { lead: { name: 'ليلى' } }, timeoutMs: 2_000, ...more });
const value = async (code: string) => (await run(code)).value;

/** Every name through which Node would be in reach. */
const HOST_NAMES = ['process', 'require', 'module', 'Buffer', 'fetch', 'setTimeout', 'global'];

describe('no way to the host', () => {
  test.each([
    'return typeof NAME',
    "return Function('return typeof NAME')()",
    "return (function () {}).constructor('return typeof NAME')()",
    "return input.constructor.constructor('return typeof NAME')()",
    "return console.log.constructor('return typeof NAME')()",
    "return (async () => {}).constructor('return typeof NAME')()",
    "return (function* () {}).constructor('return typeof NAME')().next().value",
    "return (0, eval)('typeof NAME')",
    "return new Error('x').constructor.constructor('return typeof NAME')()",
    "try { null.x } catch (error) { return error.constructor.constructor('return typeof NAME')() }",
    "return (await (async () => Function('return typeof NAME'))())()",
    "return Reflect.get(Object.getPrototypeOf(async () => {}), 'constructor')('return typeof NAME')()",
  ])('%s', async (code) => {
    for (const name of HOST_NAMES) {
      expect(await value(code.replace('NAME', name))).toBe('undefined');
    }
  });

  test.each([
    "return this.constructor.constructor('return process')().pid",
    "return globalThis.constructor.constructor('return process')().pid",
    'return Error.constructor(\'return process.mainModule.require("fs")\')()',
    "return arguments.callee.caller.constructor('return process')()",
    "return import('node:fs')",
    "return (await import('fs')).readFileSync('/etc/passwd')",
    'return new Function(\'return import("node:fs")\')()',
    'return WebAssembly.compile(new Uint8Array([0, 97, 115, 109]))',
    'return new SharedArrayBuffer(8)',
    'return Atomics.wait(new Int32Array(8), 0, 0)',
  ])('%s fails inside', async (code) => {
    expect((await failureOf(run(code))).code).toBe('code_error');
  });

  test('the stack trace hook sees no frame of the host', async () => {
    const frames = await value(`
      Error.prepareStackTrace = (_error, frames) => frames.map((frame) => [
        frame.getFileName() ?? '', typeof frame.getThis(), typeof frame.getFunction()]);
      Error.stackTraceLimit = 100;
      return new Error('x').stack`);
    expect(JSON.stringify(frames)).not.toMatch(/node:|\\.ts|isolated_vm|"object"/);
    const name = await value(`
      Error.prepareStackTrace = (_error, frames) =>
        frames.map((frame) => { try { return frame.getThis().constructor.constructor('return typeof process')() } catch { return 'none' } });
      return new Error('x').stack`);
    expect(JSON.stringify(name)).not.toContain('object');
  });

  test('nothing but the language is there', async () => {
    const names = await value('return Object.getOwnPropertyNames(globalThis)');
    expect(names).toContain('console');
    for (const name of [...HOST_NAMES, 'WebAssembly', 'SharedArrayBuffer', 'ivm', '_ivm', 'gc']) {
      expect(names).not.toContain(name);
    }
  });

  test('what code throws reaches the host as text only', async () => {
    const error = await failureOf(
      run(`throw { get message() { return { toString: () => 'm'.repeat(1e6) } },
        get name() { throw new Error('nested') }, stack: 'code.js:999999:1' }`),
    );
    expect(error.code).toBe('code_error');
    expect(error.message.length).toBeLessThan(1_200);
    const proxy = await failureOf(
      run('throw new Proxy({}, { has() { throw 1 }, get() { throw 2 } })'),
    );
    expect(proxy.code).toBe('code_error');
    expect(await failureOf(run('throw null'))).toMatchObject({ code: 'code_error' });
  });

  test('forged line numbers stay inside the code', async () => {
    const code = "const e = new Error('x'); e.stack = 'code.js:987:1'; throw e";
    expect((await failureOf(run(code))).details?.line).toBe(1);
  });

  test('closing the function early leads nowhere', async () => {
    const attempts = ['}); globalThis.x = 1; (async function () {', '}) ; ({', '})(); //'];
    for (const code of attempts) {
      const outcome = await run(code).catch((error: unknown) => error);
      expect(JSON.stringify(outcome)).not.toContain('pid');
    }
    expect(await value('return typeof globalThis.x')).toBe('undefined');
  });
});

describe('the process around it', () => {
  test('has an empty environment', async () => {
    const [pid] = pool.pids();
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    expect(environment.map((entry) => entry.split('=')[0]).sort()).toEqual([
      'NODE_CHANNEL_FD',
      'NODE_CHANNEL_SERIALIZATION_MODE',
    ]);
  });

  test('runs under the permission model', () => {
    const [pid] = pool.pids();
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    expect(command).toContain('--permission');
    expect(
      command.filter((flag) => /^--allow-(fs-write|child|worker|net|wasi)/.test(flag)),
    ).toEqual([]);
  });
});

describe('nothing passes from one run to the next', () => {
  test.each([
    ['globalThis.leak = 1', 'return typeof leak', 'undefined'],
    ["Object.prototype.polluted = 'yes'", 'return typeof ({}).polluted', 'undefined'],
    ["Array.prototype.map = () => 'mine'", 'return [1].map((n) => n + 1)[0]', 2],
    ["JSON.stringify = () => '{}'", 'return { a: 1 }', { a: 1 }],
    ["console.log = () => { throw new Error('mine') }", "console.log('x'); return 1", 1],
    ['Promise.prototype.then = () => {}', 'return await Promise.resolve(1)', 1],
    [
      '(async () => { for (let i = 0; i < 1e4; i++) await null; globalThis.late = 1 })()',
      'return typeof late',
      'undefined',
    ],
  ])('%s', async (first, second, expected) => {
    await run(first).catch((error: unknown) => error);
    expect(await value(second)).toEqual(expected);
  });

  test('results that code forges are checked like any other', async () => {
    for (const code of [
      'JSON.stringify = () => 7; return 1',
      "Object.prototype.toJSON = () => 'forged'; return { a: 1 }",
      "Array.prototype.toJSON = () => ({ a: 1 }); console.log('x'); return [1]",
      'String.prototype.includes = () => true; const a = {}; a.a = a; return a',
      "Object.prototype.then = function (f) { f('mine') }; return {}",
    ]) {
      const outcome = await run(code).catch((error: unknown) => error);
      expect(outcome).toBeDefined();
      expect(await value('return [{ a: 1 }]')).toEqual([{ a: 1 }]);
    }
  });
});

describe('limits', () => {
  test.each([
    ['a loop', 'for (;;);'],
    ['a loop of promises', 'for (;;) await null'],
    ['a promise that never settles', 'await new Promise(() => {})'],
    ['a thenable that never settles', 'return { then() {} }'],
    ['a regular expression that backtracks', "return /^(a+)+$/.test('a'.repeat(60) + 'b')"],
    ['a built-in that can’t be interrupted', 'return new Array(2 ** 31).fill(0)'],
    ['a loop in what JSON calls', 'return { toJSON() { for (;;); } }'],
    ['a loop in what an error calls', 'throw { get message() { for (;;); } }'],
    ['a loop before the function', '}); for (;;); (async function () {'],
  ])('time: %s', async (_name, code) => {
    const before = pool.pids();
    const started = performance.now();
    const error = await failureOf(run(code, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'code_limit', effect: 'none', permanent: true });
    expect(performance.now() - started).toBeLessThan(5_000);
    // P2, and the next run works.
    expect(await value('return 1')).toBe(1);
    expect(pool.pids()).not.toEqual(before);
  });

  test.each([
    ['an array', 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5))'],
    ['a map', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })'],
    ['buffers', 'const a = []; for (;;) a.push(new Uint8Array(1e7).fill(1))'],
    ['a huge string taken apart', "return 'a'.repeat(2 ** 29 - 30).split('')"],
    ['strings', "const a = []; for (;;) a.push('é'.repeat(2 ** 26).toUpperCase())"],
    [
      'closures',
      'let f = () => 0; for (;;) { const g = f; const a = new Array(100).fill(0); f = () => [g, a] }',
    ],
  ])('memory: %s', async (_name, code) => {
    const error = await failureOf(run(code, { timeoutMs: 4_000 }));
    expect(error).toMatchObject({ code: 'code_limit', effect: 'none', permanent: true });
    expect(await value('return 1')).toBe(1);
  });

  test('a string longer than any is an error of the code', async () => {
    const error = await failureOf(run("let s = 'ab'; for (;;) s = s + s"));
    expect(error.message).toContain('Invalid string length');
  });

  test('memoryMb decides how much', async () => {
    const code =
      'const a = []; for (let i = 0; i < 40; i++) a.push(new Array(131072).fill(1.5)); return a.length';
    expect((await run(code, { memoryMb: 128, timeoutMs: 20_000 })).value).toBe(40);
    const error = await failureOf(run(code, { memoryMb: 8 }));
    expect(error).toMatchObject({ code: 'code_limit', details: { memoryMb: 8 } });
  });
});
