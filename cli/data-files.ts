/** The small files of a data folder: the ports that were chosen, and the keys that were made. */

import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { explainFileError, freePort, systemErrorCode } from './local-process.ts';

const PREFERRED_PORTS = {
  postgres: undefined,
  temporal: 7233,
  temporalUi: 8233,
  smtp: undefined,
  imap: undefined,
  whatsapp: undefined,
  google: undefined,
  http: undefined,
} as const satisfies Record<string, number | undefined>;

export type PortName = keyof typeof PREFERRED_PORTS;
export type Ports = Readonly<Record<PortName, number>>;

const portsSchema = z.record(z.string(), z.number().int().min(1).max(65_535));

/** Makes the data folder. Others may pass through, which PostgreSQL needs when we are root. */
export function makeDataDir(dataDir: string): void {
  try {
    makeFolders(dataDir, 0o711);
    makeFolders(join(dataDir, 'logs'), 0o700);
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
}

/**
 * As mkdir with `recursive`, which tries for ever where a file system knows the folder above and
 * still answers ENOENT, as /proc does.
 */
function makeFolders(path: string, mode: number): void {
  const above = dirname(path);
  if (above !== path && !existsSync(above)) makeFolders(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/**
 * The ports for everything on 127.0.0.1: those of the last start where they are free, so that
 * links and clients' settings stay valid.
 */
export async function choosePorts(dataDir: string): Promise<Ports> {
  const path = join(dataDir, 'ports.json');
  const before = readPorts(path);
  const taken = new Set<number>();
  const choose = async (name: PortName): Promise<number> => {
    const port = await freePort([before[name], PREFERRED_PORTS[name]], taken);
    taken.add(port);
    return port;
  };
  const ports = {
    postgres: await choose('postgres'),
    temporal: await choose('temporal'),
    temporalUi: await choose('temporalUi'),
    smtp: await choose('smtp'),
    imap: await choose('imap'),
    whatsapp: await choose('whatsapp'),
    google: await choose('google'),
    http: await choose('http'),
  };
  writeWhole(path, `${JSON.stringify(ports, null, 2)}\n`, 0o644);
  return ports;
}

function readPorts(path: string): Readonly<Record<string, number | undefined>> {
  if (!existsSync(path)) return {};
  try {
    return portsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Only a convenience: a damaged file costs new port numbers.
    return {};
  }
}

/**
 * The key that encrypts stored credentials, made at the first start. Losing the file means losing
 * the stored credentials.
 */
export function encryptionKey(dataDir: string): string {
  return secretFile(join(dataDir, 'encryption-key'), () => randomBytes(32).toString('base64'));
}

export interface ApiKeyFile {
  readonly path: string;
  read(): string | undefined;
  write(key: string): void;
  remove(): void;
}

/**
 * The command line's own copy of its API key. The database holds only a hash, and the demo of the
 * next start needs the key again; so it stays here, readable by this user alone, and is never logged.
 */
export function apiKeyFile(dataDir: string): ApiKeyFile {
  const path = join(dataDir, 'api-key');
  return {
    path,
    read: () => (existsSync(path) ? readSecret(path) : undefined),
    write: (key) => writeWhole(path, `${key}\n`, 0o600),
    remove: () => rmSync(path, { force: true }),
  };
}

const instanceSchema = z.object({
  apiUrl: z.string(),
  databaseUrl: z.string(),
  temporal: z.object({ address: z.string(), uiUrl: z.string().optional() }),
});

/** Where the parts of the Masar that runs on a data folder are. */
export type InstanceAddresses = Readonly<z.infer<typeof instanceSchema>>;

export interface InstanceFile {
  /** Undefined where nobody has run there yet. What it tells holds while somebody does. */
  read(): InstanceAddresses | undefined;
  write(addresses: InstanceAddresses): void;
  remove(): void;
}

/** Lets other commands find the Masar that runs on this folder. It holds the database's password. */
export function instanceFile(dataDir: string): InstanceFile {
  const path = join(dataDir, 'instance.json');
  return {
    read: () => {
      if (!existsSync(path)) return undefined;
      const text = readSecret(path);
      try {
        return instanceSchema.parse(JSON.parse(text));
      } catch {
        // Written by another version, or by hand: as good as none.
        return undefined;
      }
    },
    write: (addresses) => writeWhole(path, `${JSON.stringify(addresses, null, 2)}\n`, 0o600),
    remove: () => rmSync(path, { force: true }),
  };
}

export function newApiKey(): string {
  return `masar_${randomBytes(24).toString('base64url')}`;
}

function secretFile(path: string, make: () => string): string {
  if (existsSync(path)) return readSecret(path);
  const secret = make();
  writeWhole(path, `${secret}\n`, 0o600);
  return secret;
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw explainFileError(error, path);
  }
}

/** Written under another name first: an interrupted start leaves the old file or the new one. */
function writeWhole(path: string, text: string, mode: number): void {
  const draft = `${path}.new`;
  try {
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { mode });
    renameSync(draft, path);
  } catch (error) {
    throw explainFileError(error, dirname(path));
  }
}
