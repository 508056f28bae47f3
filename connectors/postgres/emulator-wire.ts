/** Messages of PostgreSQL's protocol, https://www.postgresql.org/docs/current/protocol-message-formats.html */

/** A message of a client: its type, empty for the first one, and what follows its length. */
export interface Frame {
  readonly type: string;
  readonly body: Buffer;
}

/** Cuts a stream of bytes into messages. @param isStarted false until the client's first message */
export function createFrameReader(isStarted: () => boolean): (chunk: Buffer) => Generator<Frame> {
  let kept = Buffer.alloc(0);
  return function* read(chunk) {
    kept = Buffer.concat([kept, chunk]);
    for (;;) {
      const header = isStarted() ? 1 : 0;
      if (kept.length < header + 4) return;
      const length = kept.readInt32BE(header);
      if (kept.length < header + length) return;
      const frame = {
        type: header === 0 ? '' : kept.toString('latin1', 0, 1),
        body: kept.subarray(header + 4, header + length),
      };
      kept = kept.subarray(header + length);
      yield frame;
    }
  };
}

export function message(type: string, ...parts: readonly (string | number | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (Buffer.isBuffer(part)) return part;
      return typeof part === 'number' ? int32(part) : Buffer.from(`${part}\0`, 'utf8');
    }),
  );
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

/** https://www.postgresql.org/docs/current/protocol-error-fields.html */
export function errorResponse(severity: string, code: string, text: string): Buffer {
  const field = (name: string, value: string) => Buffer.from(`${name}${value}\0`, 'utf8');
  return message(
    'E',
    Buffer.concat([
      field('S', severity),
      field('V', severity),
      field('C', code),
      field('M', text),
      Buffer.from([0]),
    ]),
  );
}

/** @param columns name and object id of the type */
export function rowDescription(columns: readonly (readonly [string, number])[]): Buffer {
  return message(
    'T',
    int16(columns.length),
    ...columns.flatMap(([name, type]) => [
      name,
      int32(0),
      int16(0),
      int32(type),
      int16(-1),
      int32(-1),
      int16(0),
    ]),
  );
}

export function dataRow(cells: readonly (string | null)[]): Buffer {
  return message(
    'D',
    int16(cells.length),
    ...cells.flatMap((cell) => {
      if (cell === null) return [int32(-1)];
      const bytes = Buffer.from(cell, 'utf8');
      return [int32(bytes.length), bytes];
    }),
  );
}

/** The parts of a message's body, in order. */
export function createBodyReader(body: Buffer) {
  let at = 0;
  return {
    text(): string {
      const end = body.indexOf(0, at);
      const value = body.toString('utf8', at, end);
      at = end + 1;
      return value;
    },
    int16(): number {
      at += 2;
      return body.readInt16BE(at - 2);
    },
    int32(): number {
      at += 4;
      return body.readInt32BE(at - 4);
    },
    /** A length and so many bytes; null for -1. */
    value(): string | null {
      const length = body.readInt32BE(at);
      at += 4;
      if (length < 0) return null;
      at += length;
      return body.toString('utf8', at - length, at);
    },
    isAtEnd: () => at >= body.length,
  };
}
