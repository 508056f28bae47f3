import type { CredentialSource } from '../activities/credential-source.ts';
import type { ConnectorManifest } from '../connectors/contract.ts';
import { ConnectorError } from '../connectors/errors.ts';
import type { CredentialRepository } from '../db/repositories/credentials.ts';
import type { EmulatorRegistry } from '../db/repositories/emulator-registry.ts';
import { type Vault, VaultError } from '../db/vault.ts';

export interface CredentialSourceDeps {
  readonly manifests: readonly ConnectorManifest[];
  readonly credentials: CredentialRepository;
  readonly emulators: EmulatorRegistry;
  /** Undefined where no MASAR_ENCRYPTION_KEY is configured: stored credentials can't be read then. */
  readonly vault: Vault | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * How long a credential is kept in memory: short, so that a changed one is used at once by human
 * measure; long enough that a busy automation doesn't read it for every node.
 */
const CACHE_MS = 5_000;

interface Cached {
  readonly until: number;
  readonly value: Promise<unknown>;
}

/**
 * Credentials from where they are kept: in sandbox mode the emulator's, else the stored one that
 * the node names, else the one of the process environment. A connector that works without one
 * (plain HTTP) gets its real one in sandbox mode too, for the hosts that the operator lets it reach;
 * it withholds it from the emulator.
 */
export function createCredentialSource(deps: CredentialSourceDeps): CredentialSource {
  const manifests = new Map(deps.manifests.map((manifest) => [manifest.type, manifest]));
  const cache = new Map<string, Cached>();

  return {
    async resolve({ projectId, connector, credential, mode, isFresh = false }) {
      const manifest = manifests.get(connector);
      if (manifest === undefined || manifest.credential === null) return undefined;
      const key = JSON.stringify([mode, connector, projectId, credential]);
      const now = Date.now();
      const known = cache.get(key);
      if (!isFresh && known !== undefined && known.until > now) return known.value;
      const value =
        mode === 'sandbox' && manifest.credentialOptional !== true
          ? emulated(manifest)
          : real(manifest, projectId, credential);
      // Nothing stays in memory for longer than it is used.
      for (const [other, { until }] of cache) if (until <= now) cache.delete(other);
      cache.set(key, { until: now + CACHE_MS, value });
      value.catch(() => cache.delete(key));
      return value;
    },
  };

  async function emulated(manifest: ConnectorManifest): Promise<unknown> {
    const emulator = await deps.emulators.find(manifest.type);
    if (emulator === undefined) {
      throw new ConnectorError(
        'unavailable',
        `The local emulator of ${manifest.title} isn’t running. Start the emulators (masar emulators), or run in live mode.`,
        { effect: 'none', permanent: false },
      );
    }
    return parse(manifest, emulator.credential, 'the emulator’s credential');
  }

  async function real(
    manifest: ConnectorManifest,
    projectId: string,
    reference: string | undefined,
  ): Promise<unknown> {
    if (reference !== undefined) return stored(manifest, projectId, reference);
    const fromEnvironment = manifest.credential?.fromEnvironment?.(deps.env);
    if (fromEnvironment !== undefined) {
      return parse(manifest, fromEnvironment, 'the credential in the environment');
    }
    if (manifest.credentialOptional === true) return undefined;
    throw missing(
      `${manifest.title} has no credential. Store one and name it in the node, configure it in the environment, or run in sandbox mode.`,
    );
  }

  async function stored(
    manifest: ConnectorManifest,
    projectId: string,
    reference: string,
  ): Promise<unknown> {
    if (deps.vault === undefined) {
      throw missing(
        'MASAR_ENCRYPTION_KEY isn’t set, so stored credentials can’t be read. Set the key that they were stored under.',
      );
    }
    try {
      const opened = await deps.credentials.open(projectId, reference, deps.vault);
      if (opened === undefined) {
        throw missing(
          `There is no credential "${reference}" in this project. Store it, or name another one in the node.`,
        );
      }
      if (opened.type !== manifest.credential?.type) {
        throw missing(
          `The credential "${reference}" is of type ${opened.type}, but ${manifest.title} needs ${manifest.credential?.type}.`,
        );
      }
      return parse(manifest, opened.data, `the credential "${reference}"`);
    } catch (error) {
      if (error instanceof VaultError) throw missing(error.message);
      throw error;
    }
  }
}

/** The problem's place is named, never the value found there. */
function parse(manifest: ConnectorManifest, data: unknown, what: string): unknown {
  const result = manifest.credential?.schema.safeParse(data);
  if (result === undefined || result.success) return result?.data;
  const fields = result.error.issues.map((issue) => issue.path.map(String).join('.')).join(', ');
  throw new ConnectorError('invalid_config', `In ${what} these fields aren’t right: ${fields}.`, {
    effect: 'none',
    permanent: true,
  });
}

function missing(message: string): ConnectorError {
  return new ConnectorError('credential_missing', message, { effect: 'none', permanent: true });
}
