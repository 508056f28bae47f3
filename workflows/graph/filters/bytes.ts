/** Base64 (RFC 4648) and UTF-8 without the host's help: a workflow has neither Buffer nor btoa. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...ALPHABET].map((character, value) => [character.charCodeAt(0), value]));

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = [bytes[at], bytes[at + 1], bytes[at + 2]];
    text += ALPHABET[first >> 2];
    text += ALPHABET[((first & 3) << 4) | ((second ?? 0) >> 4)];
    text += second === undefined ? '=' : ALPHABET[((second & 15) << 2) | ((third ?? 0) >> 6)];
    text += third === undefined ? '=' : ALPHABET[third & 63];
  }
  return text;
}

/**
 * @param text standard or URL-safe, with or without padding; white space is passed over
 * @returns undefined if it is neither
 */
export function fromBase64(text: string): Uint8Array | undefined {
  const compact = text
    .replace(/\s+/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,2}$/, '');
  if (compact.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((compact.length * 3) / 4));
  let [held, bits, at] = [0, 0, 0];
  for (let index = 0; index < compact.length; index += 1) {
    const value = VALUES.get(compact.charCodeAt(index));
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (held >> bits) & 0xff;
    at += 1;
  }
  return bytes;
}

/** @returns undefined if the bytes are no UTF-8 */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
