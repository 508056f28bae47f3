import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { isAlive } from '../cli/local-process.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { explainPostgresFailure } from './postgres-failures.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL', () => {
  let root: string;
  const start = (folder = root): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      logFile: join(folder, 'postgres.log'),
    });

  beforeAll(async () => {
    // Mode 0700, as mktemp makes it: for root this is the case that needs a user namespace.
    root = await mkdtemp(join(tmpdir(), 'masar-pg-'));
    await (await start()).stop();
  }, 60_000);

  afterAll(() => rm(root, { recursive: true, force: true }));

  test('keeps data, passwords and ownership over a restart, and a role that RLS binds', async () => {
    const first = await start();
    await query(first.url, "CREATE TABLE kept (name text); INSERT INTO kept VALUES ('نور')");
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start();
    try {
      expect(await query(second.url, 'SELECT name FROM kept')).toEqual([{ name: 'نور' }]);
      expect(
        await query(
          second.url,
          `SELECT current_user AS name, rolsuper AS super, current_setting('fsync') AS fsync,
             current_setting('synchronous_commit') AS commit
           FROM pg_roles WHERE rolname = current_user`,
        ),
      ).toEqual([{ name: 'masar', super: false, fsync: 'on', commit: 'on' }]);
      expect(await query(second.adminUrl, 'SELECT current_user AS name')).toEqual([
        { name: 'postgres' },
      ]);
      const passwords = await stat(join(root, 'postgres', 'passwords.json'));
      expect(passwords.mode & 0o777).toBe(0o600);
    } finally {
      await second.stop();
    }
  }, 30_000);

  test('refuses a wrong password, and never writes the right one to its log', async () => {
    const server = await start();
    try {
      const wrong = new URL(server.url);
      wrong.password = 'wrong';
      await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
      await query(server.url, "SELECT 'nour@example.com'::int").catch(() => undefined);
      const log = await readFile(join(root, 'postgres.log'), 'utf8');
      expect(log).not.toContain(new URL(server.url).password);
      expect(log).not.toContain('CREATE ROLE');
    } finally {
      await server.stop();
    }
  }, 30_000);

  test('works where every parent folder is open to all, and after it was closed', async () => {
    const open = await mkdtemp(join(tmpdir(), 'masar-pg-open-'));
    try {
      await chmod(open, 0o755);
      const first = await start(open);
      await query(first.url, 'CREATE TABLE kept ()');
      await first.stop();
      await chmod(open, 0o700);
      const second = await start(open);
      expect(await query(second.url, 'SELECT * FROM kept')).toEqual([]);
      await second.stop();
    } finally {
      await rm(open, { recursive: true, force: true });
    }
  }, 60_000);

  test('does not outlive an owner that is killed, and the next start finds its data', async () => {
    const script = join(root, 'owner.ts');
    await writeFile(
      script,
      `import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)};
       const server = await startEmbeddedPostgres(${JSON.stringify({
         dataDir: join(root, 'postgres'),
         logFile: join(root, 'postgres.log'),
       })});
       process.stdout.write(String(server.pid));`,
    );
    const owner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [chunk] = await once(owner.stdout, 'data');
    const pid = Number(String(chunk));
    expect(isAlive(pid)).toBe(true);
    owner.kill('SIGKILL');
    const deadline = Date.now() + 10_000;
    while (isAlive(pid) && Date.now() < deadline) await sleep(50);
    expect(isAlive(pid)).toBe(false);
    await (await start()).stop();
  }, 30_000);

  test('is not fooled by a lock file whose number is another process', async () => {
    await writeFile(join(root, 'postgres', 'cluster', 'postmaster.pid'), `${process.pid}\n`);
    await (await start()).stop();
    expect(isAlive(process.pid)).toBe(true);
  }, 30_000);

  test('says what to do about data of another version, damage, and a lost password', async () => {
    const cluster = join(root, 'postgres', 'cluster');
    await writeFile(join(cluster, 'PG_VERSION'), '16\n');
    await expect(start()).rejects.toMatchObject({
      code: 'data_version',
      message: expect.stringContaining('made by PostgreSQL 16'),
    });
    await writeFile(join(cluster, 'PG_VERSION'), '18\n');

    const control = join(cluster, 'global', 'pg_control');
    await rename(control, `${control}.away`);
    await expect(start()).rejects.toMatchObject({
      code: 'data_broken',
      message: expect.stringContaining('Restore the folder from a backup'),
    });
    await rename(`${control}.away`, control);

    const passwords = join(root, 'postgres', 'passwords.json');
    await rename(passwords, `${passwords}.away`);
    await expect(start()).rejects.toMatchObject({ code: 'data_broken' });
    await rename(`${passwords}.away`, passwords);
  }, 30_000);

  test('says so when a file is where the folder should be', async () => {
    const parent = join(root, 'in-the-way');
    await mkdir(parent);
    await writeFile(join(parent, 'postgres'), '');
    await expect(start(parent)).rejects.toMatchObject({ code: 'not_writable' });
  });
});

describe('explainPostgresFailure', () => {
  test.each([
    ['FATAL:  could not write lock file "postmaster.pid": No space left on device', 'disk_full'],
    ['PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device', 'disk_full'],
    ['FATAL:  could not create any TCP/IP sockets', 'port_in_use'],
    ['initdb: error: could not create directory "/d": Permission denied', 'not_writable'],
    ['FATAL:  could not open directory "pg_wal": Read-only file system', 'not_writable'],
    ['PANIC:  could not locate a valid checkpoint record', 'data_broken'],
    ['FATAL:  control file contains invalid checkpoint location', 'data_broken'],
    ['FATAL:  could not map anonymous shared memory: Cannot allocate memory', 'server_failed'],
    ['', 'server_failed'],
  ])('says what to do about: %s', (output, code) => {
    const written = output === '' ? '' : `2026-01-01 00:00:00 UTC [7] ${output}\n`;
    const error = explainPostgresFailure(written, '/data/postgres');
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/[.!]$/);
    expect(error.message).not.toContain('[7]');
  });
});
