import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isAlive } from './local-process.ts';
import { type ChildSpec, createSupervisor, type Supervisor } from './supervisor.ts';

const ROLE_PROCESS = new URL('./role-process.ts', import.meta.url).href;
const ENV = {
  PATH: process.env.PATH,
  DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  MASAR_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
};

describe('the supervisor', () => {
  let folder: string;
  let supervisor: Supervisor;
  const warnings: string[] = [];
  const events = (): string[] => readFileSync(join(folder, 'events'), 'utf8').trim().split('\n');

  /** A role that notes what happens to it; `body` runs when it starts. */
  function role(name: string, body = ''): ChildSpec {
    const script = join(folder, `${name}.ts`);
    writeFileSync(
      script,
      `import { appendFileSync } from 'node:fs';
       import { spawn } from 'node:child_process';
       import { OperatorError } from ${JSON.stringify(new URL('./local-process.ts', import.meta.url).href)};
       import { runRoleProcess } from ${JSON.stringify(ROLE_PROCESS)};
       const note = (text) => appendFileSync(${JSON.stringify(join(folder, 'events'))}, text + '\\n');
       await runRoleProcess('${name}', async () => {
         note('start ${name}');
         setInterval(() => undefined, 1000);
         ${body}
         return {
           ended: new Promise(() => undefined),
           stop: async () => {
             await new Promise((resolve) => setTimeout(resolve, 50));
             note('stop ${name}');
           },
         };
       });`,
    );
    return { name, args: [script], env: ENV, drainMs: 5_000 };
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`not within 15 s; warnings: ${warnings.join('|')}`);
      await sleep(20);
    }
  }

  const pidOf = (name: string): number => {
    const pid = supervisor.pids().get(name);
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'masar-supervisor-'));
    writeFileSync(join(folder, 'events'), '');
    warnings.length = 0;
    supervisor = createSupervisor({
      logsDir: folder,
      terminal: { warn: (text) => void warnings.push(text) },
      backOffMs: [50, 100],
    });
  });
  afterEach(() => {
    supervisor.killAll();
    rmSync(folder, { recursive: true, force: true });
  });

  test('stops in the given order, each only when the one before has drained', async () => {
    await Promise.all(['emulators', 'api', 'worker'].map((name) => supervisor.start(role(name))));
    const pids = [...supervisor.pids().values()];
    await supervisor.stopAll(['api', 'worker', 'emulators']);
    expect(events().slice(3)).toEqual(['stop api', 'stop worker', 'stop emulators']);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(warnings).toEqual([]);
  }, 30_000);

  test('starts a killed child again, says so, and ends what the child had started', async () => {
    await supervisor.start(
      role('worker', `note('helper ' + spawn('sleep', ['60'], { stdio: 'ignore' }).pid);`),
    );
    const helper = Number(events()[1]?.split(' ')[1]);
    const first = pidOf('worker');
    process.kill(first, 'SIGKILL');
    await until(() => events().filter((event) => event === 'start worker').length === 2);
    expect(pidOf('worker')).not.toBe(first);
    expect(isAlive(helper)).toBe(false);
    expect(warnings).toEqual([
      expect.stringContaining('The worker process ended (signal SIGKILL)'),
    ]);
    await supervisor.stopAll([]);
  }, 30_000);

  test('a child that says what is wrong is not tried again; its sentence is the error', async () => {
    const start = supervisor.start(
      role('api', `throw new OperatorError('port_in_use', 'Port 3000 is in use.');`),
    );
    await expect(start).rejects.toMatchObject({ message: 'Port 3000 is in use.' });
    expect(events()).toEqual(['start api']);
    expect(readFileSync(join(folder, 'api.log'), 'utf8')).toContain('Port 3000 is in use.');
  }, 30_000);

  test('a child that crashes while it starts is tried again, then given up with its log', async () => {
    const start = supervisor.start(role('api', `throw new Error('a fault of ours');`));
    await expect(start).rejects.toMatchObject({
      code: 'child_failed',
      message: expect.stringContaining(join(folder, 'api.log')),
    });
    expect(events()).toEqual(['start api', 'start api', 'start api']);
    expect(warnings.join()).toContain('a fault of ours');
  }, 30_000);

  test('shows warnings and errors of the children, keeps the rest for the log', async () => {
    await supervisor.start(
      role(
        'api',
        `for (const level of ['info', 'warn', 'error']) {
           process.stdout.write(JSON.stringify({ level, message: 'a line of ' + level }) + '\\n');
         }`,
      ),
    );
    await until(() => warnings.length >= 2);
    await supervisor.stopAll([]);
    expect(warnings).toEqual(['api: a line of warn', 'api: a line of error']);
    expect(readFileSync(join(folder, 'api.log'), 'utf8')).toContain('a line of info');
  }, 30_000);

  test('kills a child that does not stop in time', async () => {
    const spec = role(
      'worker',
      `process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => note('deaf'));`,
    );
    await supervisor.start({ ...spec, drainMs: 300 });
    const pid = pidOf('worker');
    await supervisor.stopAll(['worker']);
    expect(isAlive(pid)).toBe(false);
    expect(events()).toEqual(['start worker', 'deaf']);
  }, 30_000);

  test('nothing is left behind when the supervisor itself is killed', async () => {
    const owner = join(folder, 'owner.ts');
    const spec = role('worker');
    writeFileSync(
      owner,
      `import { createSupervisor } from ${JSON.stringify(new URL('./supervisor.ts', import.meta.url).href)};
       const supervisor = createSupervisor({ logsDir: ${JSON.stringify(folder)}, terminal: { warn: () => undefined } });
       await supervisor.start(${JSON.stringify(spec)});
       process.stdout.write(String(supervisor.pids().get('worker')));`,
    );
    const child = spawn(process.execPath, [owner], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [chunk] = await once(child.stdout, 'data');
    const pid = Number(String(chunk));
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await until(() => !isAlive(pid));
    expect(events()).toEqual(['start worker', 'stop worker']);
  }, 30_000);
});
