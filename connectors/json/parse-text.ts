import type { Json } from '../contract.ts';
import { placeIn, refusedData, refuseLonger } from '../refused-data.ts';
import { faultIn } from './fault-in.ts';
import { MAX_TEXT, type ParseInput } from './schema.ts';

/** @throws ConnectorError `invalid_config` with line and column, `too_large` */
export function parseText({ text, lines }: ParseInput): Json {
  refuseLonger(text, MAX_TEXT, 'JSON text', '/text');
  const plain = text.replace(/^\ufeff/, '');
  if (!lines) return parse(plain, 0);
  return plain
    .split('\n')
    .flatMap((line, index): Json[] => (line.trim() === '' ? [] : [parse(line, index)]));
}

function parse(text: string, linesBefore: number): Json {
  try {
    return JSON.parse(text);
  } catch {
    const position = faultIn(text);
    const { line, column } = placeIn(text, position);
    const what =
      position >= text.trimEnd().length ? 'it ends too early' : 'there is what JSON doesn’t allow';
    throw refusedData(
      `The text is no JSON: ${what} in line ${line + linesBefore}, column ${column}.`,
      '/text',
      { line: line + linesBefore, column },
    );
  }
}
