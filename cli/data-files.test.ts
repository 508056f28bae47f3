import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { apiKeyFile, choosePorts, encryptionKey, instanceFile, makeDataDir } from './data-files.ts';
import { explainFileError, freePort, rotateLog } from './local-process.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'masar-data-')), 'data');
  makeDataDir(folder);
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

test('ports stay the same over restarts, unless one is taken or the file is damaged', async () => {
  const first = await choosePorts(folder);
  expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length);
  expect(await choosePorts(folder)).toEqual(first);

  const other = createServer();
  await new Promise<void>((resolve) => other.listen(first.smtp, '127.0.0.1', resolve));
  const second = await choosePorts(folder);
  other.close();
  expect(second.smtp).not.toBe(first.smtp);
  expect({ ...second, smtp: 0 }).toEqual({ ...first, smtp: 0 });

  writeFileSync(join(folder, 'ports.json'), '{"smtp":');
  expect(Object.keys(await choosePorts(folder))).toEqual(Object.keys(first));
});

test('keys are made once and can be read by this user alone', () => {
  const key = encryptionKey(folder);
  expect(Buffer.from(key, 'base64')).toHaveLength(32);
  expect(encryptionKey(folder)).toBe(key);
  expect(statSync(join(folder, 'encryption-key')).mode & 0o777).toBe(0o600);

  const file = apiKeyFile(folder);
  expect(file.read()).toBeUndefined();
  file.write('masar_key');
  expect(file.read()).toBe('masar_key');
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  file.remove();
  expect(file.read()).toBeUndefined();
});

test('a data folder is made with those above it, and one that cannot be is told at once', () => {
  makeDataDir(join(folder, 'a', 'b'));
  expect(statSync(join(folder, 'a', 'b', 'logs')).isDirectory()).toBe(true);
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeDataDir(join(folder, 'file'))).toThrow('is in the way');
  expect(() => makeDataDir(join(folder, 'file', 'below'))).toThrow('is in the way');
  // Where there is no /proc, only root may make one.
  expect(() => makeDataDir('/proc/masar/data')).toThrow('Cannot write to /proc/masar/data');
});

test('where a Masar runs is kept for this user alone, and a damaged note is none', () => {
  const file = instanceFile(folder);
  expect(file.read()).toBeUndefined();
  const addresses = {
    apiUrl: 'http://127.0.0.1:3000',
    databaseUrl: 'postgresql://masar:secret@127.0.0.1:5432/masar',
    temporal: { address: '127.0.0.1:7233' },
  };
  file.write(addresses);
  expect(file.read()).toEqual(addresses);
  expect(statSync(join(folder, 'instance.json')).mode & 0o777).toBe(0o600);
  writeFileSync(join(folder, 'instance.json'), '{"apiUrl":');
  expect(file.read()).toBeUndefined();
  file.remove();
  expect(file.read()).toBeUndefined();
});

test('freePort gives a preferred port only if nothing listens there', async () => {
  const free = await freePort();
  expect(await freePort([undefined, free])).toBe(free);
  expect(await freePort([free], new Set([free]))).not.toBe(free);
});

test('a log that has grown large is begun anew, and the one before is kept', () => {
  const log = join(folder, 'logs', 'api.log');
  writeFileSync(log, 'small');
  rotateLog(log);
  expect(readFileSync(log, 'utf8')).toBe('small');
  writeFileSync(log, Buffer.alloc(6 * 1024 * 1024));
  rotateLog(log);
  expect(statSync(log, { throwIfNoEntry: false })).toBeUndefined();
  expect(statSync(`${log}.1`).size).toBe(6 * 1024 * 1024);
});

test.each([
  ['ENOSPC', 'disk_full'],
  ['EDQUOT', 'disk_full'],
  ['EACCES', 'not_writable'],
  ['EROFS', 'not_writable'],
  ['EEXIST', 'not_writable'],
])('%s becomes a sentence that names the folder', (code, expected) => {
  const error = explainFileError(Object.assign(new Error(code), { code }), '/data');
  expect(error.code).toBe(expected);
  expect(error.message).toContain('/data');
  expect(error.message).toContain('MASAR_DATA');
});

test('what is not about the file system is not dressed up as such', () => {
  const fault = new TypeError('a fault of ours');
  expect(() => explainFileError(fault, '/data')).toThrow(fault);
});
