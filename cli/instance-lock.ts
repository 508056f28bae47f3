/**
 * A lock between processes: a file that names its holder. It holds as long as that process lives,
 * so a crash leaves nothing to clean up by hand.
 *
 * A process number alone is not enough: it is given again after a reboot or a long time, and
 * every container has its own. So the file also holds the process's start time and the host; a
 * holder on another host (a shared folder, an earlier container) counts as alive while it keeps
 * touching the file.
 */

import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  explainFileError,
  isAlive,
  OperatorError,
  processIdentity,
  systemErrorCode,
} from './local-process.ts';

const HEARTBEAT_MS = 5_000;
const SILENT_MS = 30_000;

const holderSchema = z.object({
  pid: z.number().int().positive(),
  identity: z.string(),
  host: z.string(),
  since: z.string(),
});
export type LockHolder = z.infer<typeof holderSchema>;

export interface Lock {
  release(): void;
}

/**
 * Takes the lock, or says who has it.
 * @param path the lock file; its folder must exist
 * @throws OperatorError `not_writable`, `disk_full`
 */
export function tryLock(path: string): { readonly lock: Lock } | { readonly holder: LockHolder } {
  const mine: LockHolder = {
    pid: process.pid,
    identity: processIdentity(process.pid) ?? '',
    host: hostname(),
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(mine)}\n`;
  const draft = `${path}.${process.pid}`;
  try {
    // Written whole under another name, then linked: nobody ever reads half a lock.
    writeFileSync(draft, text, { mode: 0o644 });
    for (;;) {
      if (place(draft, path)) return { lock: hold(path, text) };
      const found = read(path);
      if (found === undefined) continue;
      const holder = holderSchema.safeParse(found.value);
      if (holder.success && isHeld(holder.data, found.touchedAt)) return { holder: holder.data };
      removeStale(path, found.text);
    }
  } catch (error) {
    throw explainFileError(error, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Takes a data folder for this process.
 * @throws OperatorError `already_running` with what to do about it
 */
export function lockInstance(dataDir: string): Lock {
  const path = join(dataDir, 'instance.lock');
  const result = tryLock(path);
  if ('lock' in result) return result.lock;
  const { pid, host, since } = result.holder;
  const where = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
  throw new OperatorError(
    'already_running',
    `Masar already runs on ${dataDir} (${where}, since ${since}). Stop it with Ctrl-C first, or set MASAR_DATA to another folder for a second one.`,
  );
}

/** Who runs on a data folder now; undefined if nobody does, or there is no such folder. */
export function instanceHolder(dataDir: string): LockHolder | undefined {
  const path = join(dataDir, 'instance.lock');
  try {
    const found = read(path);
    const holder = holderSchema.safeParse(found?.value);
    if (found === undefined || !holder.success) return undefined;
    return isHeld(holder.data, found.touchedAt) ? holder.data : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw explainFileError(error, path);
  }
}

function place(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function read(
  path: string,
): { readonly text: string; readonly value: unknown; readonly touchedAt: number } | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return { text, value: parseJson(text), touchedAt: statSync(path).mtimeMs };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A file that is not ours or was damaged holds nobody.
    return undefined;
  }
}

function isHeld(holder: LockHolder, touchedAt: number): boolean {
  if (holder.host !== hostname()) return Date.now() - touchedAt < SILENT_MS;
  return isAlive(holder.pid) && processIdentity(holder.pid) === holder.identity;
}

/**
 * Moves a dead holder's file away. Another process may do the same at the same time and have a new
 * lock in place already: then that one is put back.
 */
function removeStale(path: string, staleText: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') !== staleText) place(aside, path);
  rmSync(aside, { force: true });
}

function hold(path: string, text: string): Lock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch (error) {
      // The folder was deleted under us: what uses it will say so; there is no lock to keep fresh.
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release: () => {
      clearInterval(heartbeat);
      if (read(path)?.text === text) rmSync(path, { force: true });
    },
  };
}
