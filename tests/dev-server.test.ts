import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { freePort, isAlive } from '../cli/local-process.ts';
import { explainFailure, startTemporalDevServer } from '../temporal/dev-server.ts';
import { findTemporalBinary } from '../temporal/temporal-binary.ts';

describe('the Temporal development server', () => {
  let folder: string;
  let ports: { port: number; uiPort: number };
  const start = async () =>
    startTemporalDevServer({
      binary: await findTemporalBinary(),
      dataDir: join(folder, 'temporal'),
      logFile: join(folder, 'temporal.log'),
      searchAttributes: { MasarProject: 'Keyword' },
      ...ports,
    });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'masar-temporal-'));
    const port = await freePort();
    ports = { port, uiPort: await freePort([], new Set([port])) };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('keeps a running execution over a restart, and serves the Web UI', async () => {
    const first = await start();
    const connection = await Connection.connect({ address: first.address });
    await new Client({ connection }).workflow.start('nobodyRunsThis', {
      workflowId: 'kept',
      taskQueue: 'none',
    });
    await connection.close();
    const page = await fetch(first.uiUrl);
    expect(page.status).toBe(200);
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start();
    try {
      const again = await Connection.connect({ address: second.address });
      const execution = await new Client({ connection: again }).workflow
        .getHandle('kept')
        .describe();
      expect(execution.status.name).toBe('RUNNING');
      await again.close();
    } finally {
      await second.stop();
    }
    expect(await readdir(join(folder, 'temporal'))).not.toContain('temporal.pid');
  }, 60_000);

  test('names the port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports.uiPort, '127.0.0.1', resolve));
    try {
      await expect(start()).rejects.toMatchObject({
        code: 'port_in_use',
        message: expect.stringContaining(`port ${ports.uiPort}`),
      });
    } finally {
      other.close();
    }
  }, 30_000);

  test('says what to do about a damaged file, and forgets one that never served', async () => {
    await (await start()).stop();
    const database = join(folder, 'temporal', 'temporal.db');
    await writeFile(database, 'not a database at all');
    await expect(start()).rejects.toMatchObject({ code: 'data_broken' });
    await writeFile(`${database}.unfinished`, '');
    await (await start()).stop();
  }, 60_000);
});

describe('explainFailure', () => {
  test.each([
    ['error executing statement \\"CREATE TABLE\\": database or disk is full (13)', 'disk_full'],
    ['failed creating namespaces: database disk image is malformed (11)', 'data_broken'],
    ['failed starting server: attempt to write a readonly database (8)', 'not_writable'],
    ["can't set frontend port 7233: bind: address already in use", 'port_in_use'],
    ['something new', 'server_failed'],
  ])('%s', (message, code) => {
    const line = `time=2026-01-01T00:00:00.000 level=ERROR msg="${message}"`;
    const error = explainFailure(line, { port: 7233, uiPort: 8233, dataDir: '/data' });
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('level=');
  });
});
