import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { lockInstance, tryLock } from './instance-lock.ts';
import { processIdentity } from './local-process.ts';

describe('the instance lock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'masar-lock-'));
    path = join(folder, 'instance.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const leave = (holder: object): void =>
    writeFileSync(path, JSON.stringify({ since: '2026-01-01T00:00:00.000Z', ...holder }));

  test('a second instance is told who runs and what to do; after release it may run', () => {
    const first = lockInstance(folder);
    expect(() => lockInstance(folder)).toThrow(
      expect.objectContaining({
        code: 'already_running',
        message: expect.stringMatching(new RegExp(`process ${process.pid}.*MASAR_DATA`)),
      }),
    );
    first.release();
    lockInstance(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a lock of a process that was killed is stale', async () => {
    const dead = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    await once(dead, 'spawn');
    const pid = dead.pid ?? 0;
    leave({ pid, identity: processIdentity(pid), host: hostname() });
    expect(tryLock(path)).toMatchObject({ holder: { pid } });
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    const result = tryLock(path);
    expect('lock' in result).toBe(true);
    if ('lock' in result) result.lock.release();
  });

  test('a lock whose process number was given to another process is stale', () => {
    leave({ pid: process.pid, identity: 'an earlier boot:1', host: hostname() });
    const lock = lockInstance(folder);
    expect(() => lockInstance(folder)).toThrow('already runs');
    lock.release();
  });

  test('a lock of another host holds as long as it is touched', () => {
    leave({ pid: 1, identity: 'x', host: 'another-container' });
    expect(() => lockInstance(folder)).toThrow('process 1 on another-container');
    const minuteAgo = new Date(Date.now() - 60_000);
    utimesSync(path, minuteAgo, minuteAgo);
    lockInstance(folder).release();
  });

  test('a damaged lock file holds nobody', () => {
    writeFileSync(path, '{"pid":');
    lockInstance(folder).release();
    expect(existsSync(path)).toBe(false);
  });

  test('of many processes that find a stale lock at the same time, one takes it', async () => {
    leave({ pid: process.pid, identity: 'gone', host: hostname() });
    const script = join(folder, 'take.ts');
    writeFileSync(
      script,
      `import { tryLock } from ${JSON.stringify(new URL('./instance-lock.ts', import.meta.url).href)};
       process.stdin.once('data', () => {
         process.stdout.write('lock' in tryLock(${JSON.stringify(path)}) ? 'taken' : 'held');
       });
       process.stdout.write('ready ');`,
    );
    const children = Array.from({ length: 6 }, () => spawn(process.execPath, [script]));
    await Promise.all(children.map((child) => once(child.stdout, 'data')));
    const answers = children.map((child) => once(child.stdout, 'data'));
    for (const child of children) child.stdin.write('go\n');
    const said = (await Promise.all(answers)).map(([chunk]) => String(chunk));
    for (const child of children) child.kill('SIGKILL');
    expect(said.toSorted()).toEqual(['held', 'held', 'held', 'held', 'held', 'taken']);
  }, 30_000);

  test('says so when the folder cannot be written', () => {
    expect(() => lockInstance(join(folder, 'missing'))).toThrow(
      expect.objectContaining({ code: 'not_writable' }),
    );
  });
});
