import { expect, test } from '@jest/globals';
import { keepRunning } from './keep-running.ts';
import type { Exit } from './local-process.ts';

/** Servers that a test lets die; each start takes the next port of the list. */
function servers(ports: readonly number[]) {
  const started: { port: number; stopped: boolean; die: () => void }[] = [];
  const start = async () => {
    const port = ports[Math.min(started.length, ports.length - 1)] ?? 0;
    const exited = Promise.withResolvers<Exit>();
    const die = (): void => exited.resolve({ code: null, signal: 'SIGKILL' });
    const server = { port, stopped: false, die };
    started.push(server);
    return {
      port,
      exited: exited.promise,
      stop: async () => {
        server.stopped = true;
        exited.resolve({ code: 0, signal: null });
      },
    };
  };
  return { started, start };
}

function listen() {
  const said: string[] = [];
  const lost = Promise.withResolvers<unknown>();
  const again = Promise.withResolvers<void>();
  const warn = (text: string): void => {
    said.push(text);
    if (text.includes('runs again')) again.resolve();
  };
  return {
    said,
    lost: lost.promise,
    again: again.promise,
    options: { terminal: { warn }, onLost: lost.resolve, restartWaitsMs: [1, 1] },
  };
}

test('a server that dies is started again, and the one that runs then is stopped at the end', async () => {
  const { started, start } = servers([5432]);
  const { options, again } = listen();
  const kept = await keepRunning('PostgreSQL', options, start);
  started[0]?.die();
  await again;
  await kept.stop();
  expect(started.map(({ stopped }) => stopped)).toEqual([false, true]);
});

test('one that comes back on another port is stopped, as its clients would not find it', async () => {
  const { started, start } = servers([5432, 5433]);
  const { options, lost, said } = listen();
  const kept = await keepRunning('PostgreSQL', options, start);
  started[0]?.die();
  await expect(lost).resolves.toMatchObject({ code: 'port_in_use' });
  await kept.stop();
  expect(started.map(({ port }) => port)).toEqual([5432, 5433, 5433]);
  expect(started.slice(1).every(({ stopped }) => stopped)).toBe(true);
  expect(said).not.toContain('PostgreSQL runs again.');
});

test('a port that is free again in time is taken again', async () => {
  const { started, start } = servers([5432, 5433, 5432]);
  const { options, again } = listen();
  const kept = await keepRunning('PostgreSQL', options, start);
  started[0]?.die();
  await again;
  expect(started.map(({ stopped }) => stopped)).toEqual([false, true, false]);
  await kept.stop();
  expect(started[2]?.stopped).toBe(true);
});
