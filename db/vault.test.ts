import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createVault, VaultError } from './vault.ts';

const key = () => randomBytes(32).toString('base64');
const place = { projectId: 'p1', credentialId: 'c1' };
const secret = { password: 'pässwörd', nested: [1, null] };

test('a secret opens where it was sealed', () => {
  const vault = createVault(key());
  const sealed = vault.seal(secret, place);
  expect(vault.open(sealed, place)).toEqual(secret);
  expect(sealed.data.includes('word')).toBe(false);
  expect(vault.seal(secret, place).data.equals(sealed.data)).toBe(false);
});

test('moved, changed or under another key, it does not open', () => {
  const vault = createVault(key());
  const sealed = vault.seal(secret, place);
  expect(() => vault.open(sealed, { ...place, projectId: 'p2' })).toThrow(VaultError);
  expect(() => vault.open(sealed, { ...place, credentialId: 'c2' })).toThrow(VaultError);
  for (const at of [0, 14, sealed.data.length - 1]) {
    const data = Buffer.from(sealed.data);
    data[at] = (data[at] ?? 0) ^ 1;
    expect(() => vault.open({ ...sealed, data }, place)).toThrow(VaultError);
  }
  expect(() => createVault(key()).open(sealed, place)).toThrow(/another encryption key/);
});

test('a new key in front seals, the old one behind still opens', () => {
  const old = key();
  const sealed = createVault(old).seal(secret, place);
  const rotated = createVault(`${key()}, ${old}`);
  expect(rotated.open(sealed, place)).toEqual(secret);
  expect(rotated.seal(secret, place).keyId).not.toBe(sealed.keyId);
});

test('keys are 32 bytes, as base64 or hex', () => {
  const bytes = randomBytes(32);
  const hex = createVault(bytes.toString('hex'));
  const base64 = createVault(bytes.toString('base64'));
  expect(base64.open(hex.seal(secret, place), place)).toEqual(secret);
  expect(() => createVault('short')).toThrow(/32 random bytes/);
  expect(() => createVault(' , ')).toThrow(/empty/);
});

test('fingerprints are the same for the same text under the same key only', () => {
  const same = key();
  const vault = createVault(same);
  expect(vault.fingerprint('a').equals(createVault(same).fingerprint('a'))).toBe(true);
  expect(vault.fingerprint('a').equals(vault.fingerprint('b'))).toBe(false);
  expect(vault.fingerprint('a').equals(createVault(key()).fingerprint('a'))).toBe(false);
});
