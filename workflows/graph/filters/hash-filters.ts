/** Filters that hash and encode text. The same everywhere: nothing here asks the host. */
import { hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { fromBase64, fromUtf8, toBase64 } from './bytes.ts';
import {
  charge,
  type ExpressionFilter,
  type FilterThis,
  oneOf,
  textArgument,
  textOf,
} from './filter-support.ts';

/** Namespaces of RFC 9562, appendix A. */
const NAMESPACES: Readonly<Record<string, string>> = {
  dns: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  url: '6ba7b811-9dad-11d1-80b4-00c04fd430c8',
  oid: '6ba7b812-9dad-11d1-80b4-00c04fd430c8',
  x500: '6ba7b814-9dad-11d1-80b4-00c04fd430c8',
};

function encoded(filter: FilterThis, bytes: Uint8Array, encoding: unknown): string {
  return oneOf(filter, encoding, ['hex', 'base64']) === 'hex' ? bytesToHex(bytes) : toBase64(bytes);
}

function digest(hash: (bytes: Uint8Array) => Uint8Array): ExpressionFilter {
  return function (value, encoding) {
    return encoded(this, hash(utf8ToBytes(textOf(this, value))), encoding);
  };
}

function keyedDigest(hash: typeof sha256 | typeof sha1): ExpressionFilter {
  return function (value, key, encoding) {
    const secret = textArgument(key, '');
    if (secret === '')
      throw new Error(`${this.token.name} needs a key, as in "| ${this.token.name}: lead.id"`);
    charge(this, secret.length);
    return encoded(
      this,
      hmac(hash, utf8ToBytes(secret), utf8ToBytes(textOf(this, value))),
      encoding,
    );
  };
}

/** RFC 9562, section 5.5: SHA-1 of the namespace and the name. */
function uuidV5(name: string, namespace: string): string {
  const known = NAMESPACES[namespace] ?? namespace;
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(known)) {
    throw new Error(
      `uuid_v5 takes a UUID or one of "${Object.keys(NAMESPACES).join('", "')}" as its namespace`,
    );
  }
  const space = hexToBytes(known.replaceAll('-', ''));
  const text = utf8ToBytes(name);
  const all = new Uint8Array(space.length + text.length);
  all.set(space);
  all.set(text, space.length);
  const bytes = sha1(all).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytesToHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export const HASH_FILTERS: Readonly<Record<string, ExpressionFilter>> = {
  sha256: digest(sha256),
  sha512: digest(sha512),
  sha1: digest(sha1),
  md5: digest(md5),
  hmac_sha256: keyedDigest(sha256),
  hmac_sha1: keyedDigest(sha1),

  uuid_v5(value, namespace) {
    return uuidV5(textOf(this, value), textArgument(namespace, 'url').toLowerCase());
  },

  base64_encode(value, variant) {
    const isUrl = oneOf(this, variant, ['standard', 'url']) === 'url';
    const text = toBase64(utf8ToBytes(textOf(this, value)));
    charge(this, text.length);
    return isUrl ? text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') : text;
  },

  base64_decode(value) {
    const bytes = fromBase64(textOf(this, value));
    if (bytes === undefined) throw new Error('base64_decode was given what is no Base64');
    return decoded(this, bytes);
  },

  hex_encode(value) {
    const text = bytesToHex(utf8ToBytes(textOf(this, value)));
    charge(this, text.length);
    return text;
  },

  hex_decode(value) {
    const text = textOf(this, value).trim();
    if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new Error('hex_decode was given what is no hex');
    return decoded(this, hexToBytes(text));
  },
};

function decoded(filter: FilterThis, bytes: Uint8Array): string {
  const text = fromUtf8(bytes);
  if (text === undefined) {
    throw new Error(`${filter.token.name} came to bytes that are no UTF-8 text`);
  }
  return text;
}
