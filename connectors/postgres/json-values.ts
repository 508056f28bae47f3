/** From PostgreSQL's text form of values to JSON. https://www.postgresql.org/docs/current/datatype.html */
import { z } from 'zod';
import type { Json } from '../contract.ts';

/** Object ids of types, which never change: src/include/catalog/pg_type.dat */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1000, 16], // bool
  [1001, 17], // bytea
  [1005, 21], // int2
  [1007, 23], // int4
  [1016, 20], // int8
  [1009, 25], // text
  [1014, 1042], // char
  [1015, 1043], // varchar
  [1021, 700], // float4
  [1022, 701], // float8
  [1028, 26], // oid
  [1115, 1114], // timestamp
  [1182, 1082], // date
  [1183, 1083], // time
  [1185, 1184], // timestamptz
  [1187, 1186], // interval
  [1231, 1700], // numeric
  [199, 114], // json
  [2951, 2950], // uuid
  [3807, 3802], // jsonb
]);

/** @param type object id of the column's type */
export function toJson(type: number, text: string | null): Json {
  if (text === null) return null;
  const item = ARRAYS.get(type);
  return item === undefined ? scalar(type, text) : list(item, text);
}

function scalar(type: number, text: string): Json {
  switch (type) {
    case 16:
      return text === 't';
    case 17:
      return Buffer.from(text.replace(/^\\x/, ''), 'hex').toString('base64');
    case 21:
    case 23:
    case 26:
      return Number(text);
    case 700:
    case 701: {
      const number = Number(text);
      // JSON has no NaN and no infinity.
      return Number.isFinite(number) ? number : text;
    }
    case 114:
    case 3802:
      return z.json().parse(JSON.parse(text));
    case 1114:
      return text.replace(' ', 'T');
    case 1184:
      return instant(text);
    default:
      // bigint and numeric too: a JSON number would lose digits.
      return text;
  }
}

/** `2026-01-31 10:00:00.123456+05:30` → UTC with milliseconds; infinity and years BC stay text. */
function instant(text: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?)([+-]\d{2})(:\d{2})?$/.exec(
    text,
  );
  if (parts === null) return text;
  const [, day, time, hours, minutes = ':00'] = parts;
  return new Date(`${day}T${time}${hours}${minutes}`).toISOString();
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function list(item: number, text: string): Json {
  // An array whose bounds do not begin at 1 says so first: [0:2]={…}
  const body = text.replace(/^\[[^\]]*\](?:\[[^\]]*\])*=/, '');
  let at = 0;

  function items(): Json[] {
    const found: Json[] = [];
    at += 1;
    while (at < body.length && body[at] !== '}') {
      if (body[at] === '{') found.push(items());
      else if (body[at] === '"') found.push(scalar(item, quoted()));
      else found.push(plain());
      if (body[at] === ',') at += 1;
    }
    at += 1;
    return found;
  }

  function quoted(): string {
    let value = '';
    for (at += 1; at < body.length && body[at] !== '"'; at += 1) {
      if (body[at] === '\\') at += 1;
      value += body[at] ?? '';
    }
    at += 1;
    return value;
  }

  function plain(): Json {
    const start = at;
    while (at < body.length && body[at] !== ',' && body[at] !== '}') at += 1;
    const value = body.slice(start, at);
    return value === 'NULL' ? null : scalar(item, value);
  }

  return body.startsWith('{') ? items() : text;
}
