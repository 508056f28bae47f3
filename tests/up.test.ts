/** `npm start` as people use it: real processes, a data folder of its own, the API from outside. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { freePort, isAlive, parentOf } from '../cli/local-process.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

interface Up {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly said: () => string;
  readonly exited: Promise<number | null>;
}

describe('npm start', () => {
  let folder: string;
  let stub: Server;
  let stubPort: number;
  let requests = 0;
  /** Requests wait for this, so that the test decides when the run goes on. */
  const answered = Promise.withResolvers<void>();
  let port: number;
  const running = new Set<ChildProcess>();

  function up(...args: string[]): Up {
    const child = spawn(process.execPath, [MAIN, 'up', ...args], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
        PORT: String(port),
        MASAR_DATA: join(folder, 'data'),
        MASAR_ALLOW_HOSTS: `127.0.0.1:${stubPort}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    const exited = once(child, 'close').then(([code]): number | null => {
      running.delete(child);
      return typeof code === 'number' ? code : null;
    });
    return { process: child, pid: child.pid ?? 0, said: () => text, exited };
  }

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
      await sleep(100);
    }
  }

  async function call<T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        'x-api-key': readFileSync(join(folder, 'data', 'api-key'), 'utf8').trim(),
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.status).toBeLessThan(300);
    return schema.parse(await answer.json());
  }

  beforeAll(async () => {
    // Mode 0700: as root, PostgreSQL then needs its user namespace.
    folder = mkdtempSync(join(tmpdir(), 'masar-up-'));
    stub = createServer((_request, response) => {
      requests += 1;
      answered.promise.then(() =>
        response.setHeader('content-type', 'application/json').end('{"ok":true}'),
      );
    });
    stub.listen(0, '127.0.0.1');
    await once(stub, 'listening');
    const address = stub.address();
    stubPort = address !== null && typeof address === 'object' ? address.port : 0;
    port = await freePort();
  });

  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    stub.closeAllConnections();
    stub.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('--once runs the example, shows the first key once, and leaves nothing running', async () => {
    const first = up('--once');
    await until('children', () => descendantsOf(first.pid).length >= 5);
    const children = descendantsOf(first.pid);
    expect(await first.exited).toBe(0);
    for (const connector of ['email', 'condition', 'whatsapp', 'google-sheets', 'code']) {
      expect(first.said()).toMatch(new RegExp(`✓ .*${connector} .* ms`));
    }
    expect(first.said()).toContain('✓ succeeded');
    expect(first.said()).toContain(`http://127.0.0.1:${port}/api/docs`);
    expect(children.filter(isAlive)).toEqual([]);

    const key = readFileSync(join(folder, 'data', 'api-key'), 'utf8').trim();
    expect(first.said().split(key)).toHaveLength(2);
    for (const name of readdirSync(join(folder, 'data', 'logs'))) {
      expect(readFileSync(join(folder, 'data', 'logs', name), 'utf8')).not.toContain(key);
    }
  }, 120_000);

  test('killed in the middle of a run, it leaves nothing behind and goes on at the next start', async () => {
    const first = up('--no-demo');
    await until('links', () => first.said().includes('Ctrl-C stops everything'));
    expect(first.said()).not.toContain('The first API key');

    const second = up('--no-demo');
    expect(await second.exited).toBe(1);
    expect(second.said()).toContain(`Port ${port} on 127.0.0.1 is in use`);

    await call('PUT', '/api/workflows/slow', z.unknown(), {
      workflowId: 'slow',
      name: 'Slow',
      nodes: [
        {
          id: 'ask',
          type: 'http',
          config: { method: 'GET', url: `http://127.0.0.1:${stubPort}/` },
          timeout: '60s',
        },
      ],
      connections: [],
      triggers: [],
    });
    await call('POST', '/api/workflows/slow/publish', z.unknown());
    const { executionId } = await call(
      'POST',
      '/api/workflows/slow/executions',
      z.object({ executionId: z.string() }),
      { lead: { name: 'نور' } },
    );
    await until('the request', () => requests === 1);
    const children = descendantsOf(first.pid);
    expect(children.length).toBeGreaterThanOrEqual(5);
    first.process.kill('SIGKILL');
    await first.exited;
    await until('an empty house', () => children.every((pid) => !isAlive(pid)));

    const third = up('--no-demo');
    await until('links', () => third.said().includes('Ctrl-C stops everything'));
    expect(third.said()).toContain('1 unfinished execution goes on');
    answered.resolve();
    await until('the end of the run', async () => {
      const path = `/api/executions/${executionId}`;
      const { status } = await call('GET', path, z.object({ status: z.string() }));
      return status === 'succeeded';
    });
    const last = descendantsOf(third.pid);
    third.process.kill('SIGTERM');
    expect(await third.exited).toBe(0);
    expect(last.filter(isAlive)).toEqual([]);
  }, 180_000);

  test('a wrong environment is one sentence and exit code 1, without a stack', async () => {
    const command = spawn(process.execPath, [MAIN, 'up'], {
      cwd: folder,
      env: { PATH: process.env.PATH, PORT: 'many', MASAR_DATA: join(folder, 'data') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    command.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    const [code] = await once(command, 'close');
    expect(code).toBe(1);
    expect(text).toContain('PORT must be a port number');
    expect(text).not.toMatch(/\n\s+at /);
  }, 30_000);
});

/** Every process below this one. */
function descendantsOf(pid: number): number[] {
  const all =
    process.platform === 'linux'
      ? readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      : execFileSync('ps', ['-axo', 'pid='], { encoding: 'utf8' }).trim().split('\n');
  const below = new Set([pid]);
  for (let before = 0; below.size > before; ) {
    before = below.size;
    for (const other of all.map(Number)) {
      const parent = parentOf(other);
      if (parent !== undefined && below.has(parent)) below.add(other);
    }
  }
  below.delete(pid);
  return [...below];
}
