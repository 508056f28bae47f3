/**
 * Encryption of stored secrets: AES-256-GCM, whose associated data binds a secret to its place, so
 * that a row copied to another project or credential does not open there.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D §8.2: 96 bits, random. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface SealedSecret {
  /** Says which master key opens it. */
  readonly keyId: string;
  /** Nonce, ciphertext, tag. */
  readonly data: Buffer;
}

/** Where a secret belongs; it opens nowhere else. */
export interface SecretPlace {
  readonly projectId: string;
  readonly credentialId: string;
}

export interface Vault {
  seal(secret: unknown, place: SecretPlace): SealedSecret;
  /** @throws VaultError if the key is not configured, or the secret was changed or moved */
  open(sealed: SealedSecret, place: SecretPlace): unknown;
  /**
   * Tells equal texts from different ones without keeping them: unlike a plain hash it can't be
   * searched for a short secret by who has the database only.
   */
  fingerprint(text: string): Buffer;
}

export class VaultError extends Error {
  override readonly name = 'VaultError';
}

/**
 * @param keys MASAR_ENCRYPTION_KEY: 32 bytes as base64 or hex; several, separated by commas, while
 * a key is being replaced: the first one seals, all of them open
 * @throws VaultError if a key does not have 32 bytes
 */
export function createVault(keys: string): Vault {
  const ring = keys
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const key = decodeKey(text);
      return { id: createHash('sha256').update(key).digest('hex').slice(0, 16), key };
    });
  const [current] = ring;
  if (current === undefined) throw new VaultError('MASAR_ENCRYPTION_KEY is empty.');

  // A key of its own, since one key should serve one purpose (NIST SP 800-57 §5.2).
  const fingerprintKey = Buffer.from(
    hkdfSync('sha256', current.key, '', 'masar fingerprint', KEY_BYTES),
  );

  return {
    fingerprint(text) {
      return createHmac('sha256', fingerprintKey).update(text).digest();
    },

    seal(secret, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associatedData(place));
      const ciphertext = Buffer.concat([cipher.update(JSON.stringify(secret)), cipher.final()]);
      return {
        keyId: current.id,
        data: Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]),
      };
    },

    open(sealed, place) {
      const entry = ring.find((candidate) => candidate.id === sealed.keyId);
      if (entry === undefined) {
        throw new VaultError(
          `Credential ${place.credentialId} was stored under another encryption key (${sealed.keyId}). Add that key to MASAR_ENCRYPTION_KEY, or store the credential again.`,
        );
      }
      const nonce = sealed.data.subarray(0, NONCE_BYTES);
      const ciphertext = sealed.data.subarray(NONCE_BYTES, -TAG_BYTES);
      const decipher = createDecipheriv(ALGORITHM, entry.key, nonce, {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(associatedData(place));
      decipher.setAuthTag(sealed.data.subarray(-TAG_BYTES));
      let text: string;
      try {
        text = Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
      } catch (error) {
        throw new VaultError(
          `Credential ${place.credentialId} can’t be decrypted: its stored data was changed or belongs elsewhere. Store it again.`,
          { cause: error },
        );
      }
      const secret: unknown = JSON.parse(text);
      return secret;
    },
  };
}

function associatedData(place: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([place.projectId, place.credentialId]));
}

function decodeKey(text: string): Buffer {
  const key = /^[0-9a-fA-F]{64}$/.test(text)
    ? Buffer.from(text, 'hex')
    : Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES) {
    throw new VaultError(
      `MASAR_ENCRYPTION_KEY must be ${KEY_BYTES} random bytes as base64 or hex, for example from "openssl rand -base64 32".`,
    );
  }
  return key;
}
