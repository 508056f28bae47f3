import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readEnvironment } from '../environment.ts';
import { freePort } from '../local-process.ts';
import { checkDataFolder, checkDisk, checkNode, checkPort } from './machine-checks.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'masar-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('Node and the sandbox are well here', () => {
  expect(checkNode()).toMatchObject({ status: 'ok' });
});

test('a folder that is not there yet is judged by the one above it', () => {
  const environment = readEnvironment({ MASAR_DATA: join(folder, 'not', 'yet') });
  expect(checkDataFolder(environment)).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('the first "masar up" makes it'),
  });
  expect(checkDisk(environment).message).toMatch(/^\d+\.\d GB free where/);
});

describe('the port', () => {
  async function listening(answer: string): Promise<{ port: number; close: () => void }> {
    const server = createServer((_request, response) => response.end(answer));
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return { port, close: () => server.close() };
  }
  const check = (port: number) => checkPort(readEnvironment({ PORT: String(port) }), false);

  test('is free, or another program has it, which is told with the way out', async () => {
    const other = await listening('<html>');
    expect(await check(other.port)).toMatchObject({
      status: 'failed',
      advice: expect.stringContaining(`PORT=${other.port + 1} masar up`),
    });
    other.close();
    expect(await check(await freePort())).toMatchObject({ status: 'ok' });
  });

  test('may belong to another Masar, which is nothing wrong', async () => {
    const masar = await listening('{"status":"ok","uptimeSeconds":1}');
    expect(await check(masar.port)).toMatchObject({ status: 'ok' });
    masar.close();
  });

  test('on an address of another machine is no port of ours', async () => {
    const environment = readEnvironment({ HOST: '192.0.2.1', PORT: '3000' });
    expect(await checkPort(environment, false)).toMatchObject({ status: 'failed' });
  });
});
