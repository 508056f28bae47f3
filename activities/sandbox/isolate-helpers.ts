/**
 * The `helpers` that custom code finds beside the language: hashes, ids, Base64, times and a way into
 * objects. Like the bootstrap, its source text is compiled inside the isolate, so it must refer to
 * nothing outside itself; it is plain JavaScript without IO.
 *
 * Hashes: FIPS 180-4 (SHA-1, SHA-256), RFC 1321 (MD5), RFC 2104 (HMAC); ids: RFC 9562, version 5.
 *
 * @param key identity of the node's run: `uuid()` comes to the same ids on every attempt
 */
export function isolateHelpers(key: string): object {
  type Algorithm = 'sha256' | 'sha1' | 'md5';
  type Encoding = 'hex' | 'base64';

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

  const text = (value: unknown, name: string): string => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw new TypeError(`helpers.${name} needs a text; use JSON.stringify for an object`);
  };

  const utf8 = (value: string): number[] => {
    const bytes: number[] = [];
    for (const character of value) {
      let point = character.codePointAt(0) ?? 0;
      if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
      if (point < 0x80) bytes.push(point);
      else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
      else if (point < 0x10000) {
        bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
      } else {
        bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63));
        bytes.push(0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
      }
    }
    return bytes;
  };

  const fromUtf8 = (bytes: readonly number[]): string => {
    const escaped = bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    return decodeURIComponent(escaped);
  };

  const hex = (bytes: readonly number[]): string =>
    bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');

  const base64 = (bytes: readonly number[]): string => {
    let result = '';
    for (let at = 0; at < bytes.length; at += 3) {
      const [first = 0, second, third] = [bytes[at], bytes[at + 1], bytes[at + 2]];
      result += ALPHABET[first >> 2];
      result += ALPHABET[((first & 3) << 4) | ((second ?? 0) >> 4)];
      result += second === undefined ? '=' : ALPHABET[((second & 15) << 2) | ((third ?? 0) >> 6)];
      result += third === undefined ? '=' : ALPHABET[third & 63];
    }
    return result;
  };

  const fromBase64 = (value: string): number[] => {
    const compact = value
      .replace(/\s+/g, '')
      .replace(/-/g, '+')
      .replace(/_/g, '/')
      .replace(/={1,2}$/, '');
    const bytes: number[] = [];
    let held = 0;
    let bits = 0;
    for (const character of compact) {
      const digit = ALPHABET.indexOf(character);
      if (digit === -1) throw new TypeError('helpers.base64Decode was given what is no Base64');
      held = ((held << 6) | digit) & 0xffff;
      bits += 6;
      if (bits < 8) continue;
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
    return bytes;
  };

  /** The message with its padding, as 32-bit words. */
  const words = (bytes: readonly number[], isLittleEndian: boolean): Uint32Array => {
    const length = Math.ceil((bytes.length + 9) / 64) * 64;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    const high = Math.floor(bytes.length / 0x20000000);
    const low = (bytes.length << 3) >>> 0;
    view.setUint32(length - 8, isLittleEndian ? low : high, isLittleEndian);
    view.setUint32(length - 4, isLittleEndian ? high : low, isLittleEndian);
    return Uint32Array.from({ length: length / 4 }, (_, index) =>
      view.getUint32(index * 4, isLittleEndian),
    );
  };

  const bytesOf = (state: Uint32Array, isLittleEndian: boolean): number[] => {
    const view = new DataView(new ArrayBuffer(state.length * 4));
    state.forEach((word, index) => {
      view.setUint32(index * 4, word, isLittleEndian);
    });
    return [...new Uint8Array(view.buffer)];
  };

  const left = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
  const at = (list: Uint32Array | readonly number[], index: number): number => list[index] ?? 0;

  /** The first 32 bits of the fractional parts of a root of the first primes. */
  const primeConstants = (count: number, root: number): number[] => {
    const constants: number[] = [];
    for (let candidate = 2; constants.length < count; candidate += 1) {
      let isPrime = true;
      for (let factor = 2; factor * factor <= candidate; factor += 1) {
        if (candidate % factor === 0) isPrime = false;
      }
      if (isPrime) constants.push(Math.floor((candidate ** (1 / root) % 1) * 0x100000000) >>> 0);
    }
    return constants;
  };

  const sha256 = (bytes: readonly number[]): number[] => {
    const constants = primeConstants(64, 3);
    const state = Uint32Array.from(primeConstants(8, 2));
    const message = words(bytes, false);
    const schedule = new Uint32Array(64);
    for (let block = 0; block < message.length; block += 16) {
      schedule.set(message.subarray(block, block + 16));
      for (let index = 16; index < 64; index += 1) {
        const early = at(schedule, index - 15);
        const late = at(schedule, index - 2);
        const s0 = left(early, 25) ^ left(early, 14) ^ (early >>> 3);
        const s1 = left(late, 15) ^ left(late, 13) ^ (late >>> 10);
        schedule[index] = at(schedule, index - 16) + s0 + at(schedule, index - 7) + s1;
      }
      let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
      for (let index = 0; index < 64; index += 1) {
        const s1 = left(e, 26) ^ left(e, 21) ^ left(e, 7);
        const one =
          (h + s1 + ((e & f) ^ (~e & g)) + at(constants, index) + at(schedule, index)) | 0;
        const s0 = left(a, 30) ^ left(a, 19) ^ left(a, 10);
        const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, index) => {
        state[index] = at(state, index) + word;
      });
    }
    return bytesOf(state, false);
  };

  const sha1 = (bytes: readonly number[]): number[] => {
    const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
    const message = words(bytes, false);
    const schedule = new Uint32Array(80);
    for (let block = 0; block < message.length; block += 16) {
      schedule.set(message.subarray(block, block + 16));
      for (let index = 16; index < 80; index += 1) {
        const mixed =
          at(schedule, index - 3) ^
          at(schedule, index - 8) ^
          at(schedule, index - 14) ^
          at(schedule, index - 16);
        schedule[index] = left(mixed, 1);
      }
      let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
      for (let index = 0; index < 80; index += 1) {
        const [mix, constant] =
          index < 20
            ? [(b & c) | (~b & d), 0x5a827999]
            : index < 40
              ? [b ^ c ^ d, 0x6ed9eba1]
              : index < 60
                ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
                : [b ^ c ^ d, 0xca62c1d6];
        const next = (left(a, 5) + mix + e + constant + at(schedule, index)) | 0;
        [e, d, c, b, a] = [d, c, left(b, 30), a, next];
      }
      [a, b, c, d, e].forEach((word, index) => {
        state[index] = at(state, index) + word;
      });
    }
    return bytesOf(state, false);
  };

  const md5 = (bytes: readonly number[]): number[] => {
    const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
    const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
    const message = words(bytes, true);
    for (let block = 0; block < message.length; block += 16) {
      let [a = 0, b = 0, c = 0, d = 0] = state;
      for (let index = 0; index < 64; index += 1) {
        const round = index >> 4;
        const [mix, word] =
          round === 0
            ? [(b & c) | (~b & d), index]
            : round === 1
              ? [(d & b) | (~d & c), (5 * index + 1) % 16]
              : round === 2
                ? [b ^ c ^ d, (3 * index + 5) % 16]
                : [c ^ (b | ~d), (7 * index) % 16];
        const constant = Math.floor(Math.abs(Math.sin(index + 1)) * 0x100000000);
        const sum = (a + mix + constant + at(message, block + word)) | 0;
        [a, d, c, b] = [d, c, b, (b + left(sum, at(shifts, round * 4 + (index % 4)))) | 0];
      }
      [a, b, c, d].forEach((word, index) => {
        state[index] = at(state, index) + word;
      });
    }
    return bytesOf(state, true);
  };

  const digest = (bytes: readonly number[], algorithm: Algorithm): number[] => {
    switch (algorithm) {
      case 'sha256':
        return sha256(bytes);
      case 'sha1':
        return sha1(bytes);
      case 'md5':
        return md5(bytes);
      default:
        throw new TypeError(`helpers knows sha256, sha1 and md5, not ${String(algorithm)}`);
    }
  };

  const encoded = (bytes: readonly number[], encoding: Encoding): string => {
    if (encoding === 'hex') return hex(bytes);
    if (encoding === 'base64') return base64(bytes);
    throw new TypeError(`helpers knows hex and base64, not ${String(encoding)}`);
  };

  const uuidV5 = (name: string): string => {
    // The namespace of URLs (RFC 9562, appendix A).
    const space = [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1];
    space.push(0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8);
    const bytes = sha1([...space, ...utf8(name)]).slice(0, 16);
    bytes[6] = (at(bytes, 6) & 0x0f) | 0x50;
    bytes[8] = (at(bytes, 8) & 0x3f) | 0x80;
    return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };

  const time = (value: unknown): Date => {
    const date = value instanceof Date ? value : new Date(value as string | number);
    if (Number.isNaN(date.getTime())) {
      throw new RangeError(
        'helpers was given what is no time: give a Date, milliseconds or ISO 8601',
      );
    }
    return date;
  };

  let made = 0;
  return Object.freeze({
    hash: (value: unknown, algorithm: Algorithm = 'sha256', encoding: Encoding = 'hex') =>
      encoded(digest(utf8(text(value, 'hash')), algorithm), encoding),

    hmac: (
      value: unknown,
      secret: unknown,
      algorithm: Algorithm = 'sha256',
      encoding: Encoding = 'hex',
    ) => {
      const given = utf8(text(secret, 'hmac'));
      const short = given.length > 64 ? digest(given, algorithm) : given;
      const padded = [...short, ...new Array<number>(64 - short.length).fill(0)];
      const inner = digest(
        [...padded.map((byte) => byte ^ 0x36), ...utf8(text(value, 'hmac'))],
        algorithm,
      );
      return encoded(digest([...padded.map((byte) => byte ^ 0x5c), ...inner], algorithm), encoding);
    },

    base64Encode: (value: unknown) => base64(utf8(text(value, 'base64Encode'))),
    base64Decode: (value: unknown) => fromUtf8(fromBase64(text(value, 'base64Decode'))),

    /** With a name always the same for that name; else the next one of this node's run. */
    uuid: (name?: unknown) => {
      if (name !== undefined) return uuidV5(text(name, 'uuid'));
      made += 1;
      return uuidV5(`${key}#${made}`);
    },

    formatDate: (
      value: unknown,
      { zone = 'UTC', locale = 'en-US', ...options }: Record<string, string> = {},
    ) =>
      new Intl.DateTimeFormat(locale, {
        timeZone: zone,
        ...(Object.keys(options).length === 0
          ? { dateStyle: 'medium', timeStyle: 'short' }
          : options),
      }).format(time(value)),

    /** `"90m"`, `"2d"`, `"1mo"`, also negative; days and longer by the calendar of UTC. */
    addTime: (value: unknown, length: unknown) => {
      const match = /^\s*([+-]?\d+)\s*(ms|s|m|h|d|w|mo|y)\s*$/.exec(text(length, 'addTime'));
      if (match === null)
        throw new RangeError('helpers.addTime needs a length such as "90m" or "2d"');
      const amount = Number(match[1]);
      const unit = match[2] ?? '';
      const date = new Date(time(value));
      const fixed = UNITS[unit];
      if (fixed !== undefined) return new Date(date.getTime() + amount * fixed).toISOString();
      if (unit === 'd' || unit === 'w') {
        date.setUTCDate(date.getUTCDate() + amount * (unit === 'w' ? 7 : 1));
        return date.toISOString();
      }
      const day = date.getUTCDate();
      date.setUTCDate(1);
      date.setUTCMonth(date.getUTCMonth() + amount * (unit === 'y' ? 12 : 1));
      const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0));
      date.setUTCDate(Math.min(day, last.getUTCDate()));
      return date.toISOString();
    },

    /** `get(input, 'lead.tags.0', 'none')`: never throws. */
    get: (value: unknown, path: unknown, otherwise: unknown = null) => {
      let found: unknown = value;
      for (const step of String(path).split('.')) {
        if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) {
          return otherwise;
        }
        found = (found as Record<string, unknown>)[step];
      }
      return found ?? otherwise;
    },

    /** JSON that may be none: the second value stands in for it. */
    parseJson: (value: unknown, otherwise: unknown = null) => {
      try {
        return JSON.parse(String(value));
      } catch {
        return otherwise;
      }
    },
  });
}
