/** From what a sandbox process answered to the run's result, or to the error that it means. */
import type { CodeResult, CodeRun } from '../../connectors/code/code-runner.ts';
import type { NodeLogLine } from '../../connectors/contract.ts';
import { ConnectorError } from '../../connectors/errors.ts';
import { CODE_NAME, type Envelope, envelopeSchema, MAX_RESULT_BYTES } from './messages.ts';
import type { ProcessEnd, RunAnswer } from './sandbox-process.ts';

/** Of the line that an error is in. */
const MAX_SOURCE_LENGTH = 200;

/** @throws ConnectorError `code_error`, `code_limit` or `unavailable` */
export function toResult(
  answer: RunAnswer | { readonly type: 'ended'; readonly end: ProcessEnd },
  run: CodeRun,
): CodeResult {
  switch (answer.type) {
    case 'ran':
      return fromEnvelope(answer.envelope, run);
    case 'unparsable':
      throw unparsable(answer.message, run.code);
    case 'limit':
      throw answer.limit === 'time' ? timeExceeded(run) : memoryExceeded(run);
    case 'broken':
      throw codeError(
        'The code changed built-in functions of JavaScript in a way that left its result unreadable.',
      );
    case 'ended':
      throw processEnded(answer.end, run);
  }
}

/** What the code wrote to its console, as far as it came out. */
export function consoleOf(
  answer: RunAnswer | { readonly type: 'ended'; readonly end: ProcessEnd },
): readonly NodeLogLine[] {
  if (answer.type !== 'ran') return [];
  return (readEnvelope(answer.envelope)?.logs ?? []).map(({ level, text }) => ({
    level,
    // PostgreSQL's jsonb takes neither; a line that was cut may end in half a character.
    text: text.toWellFormed().replaceAll('\0', '\ufffd'),
  }));
}

/** The answer leaves the process in doubt: it is not used again. */
export function isViolation(answer: { readonly type: string }): boolean {
  return answer.type === 'limit' || answer.type === 'broken' || answer.type === 'ended';
}

export function timeExceeded({ timeoutMs }: CodeRun): ConnectorError {
  return codeLimit(
    `The code took longer than ${timeoutMs / 1000} s and was stopped. Look for a loop or a promise that never ends, or raise the node's timeout.`,
    { timeoutMs },
  );
}

function memoryExceeded({ memoryMb }: CodeRun): ConnectorError {
  return codeLimit(
    `The code used more memory than ${memoryMb} MiB and was stopped. Work on less data at once, or raise the node's memoryMb.`,
    { memoryMb },
  );
}

function fromEnvelope(text: string, run: CodeRun): CodeResult {
  const envelope = readEnvelope(text);
  switch (envelope?.outcome) {
    case 'returned':
      // The isolate counts characters; only here are they bytes.
      if (bytesOfValue(text, envelope.logs) > MAX_RESULT_BYTES) throw oversized();
      return { value: envelope.value };
    case 'oversized':
      throw oversized();
    case 'unsayable':
      throw codeError(envelope.message);
    case 'threw':
      // What V8 says when an ArrayBuffer does not fit into the limit.
      if (envelope.message === 'Array buffer allocation failed') throw memoryExceeded(run);
      throw threw(envelope, run.code);
    case undefined:
      throw codeError(
        'The code changed how JavaScript writes JSON, which left its result unreadable.',
      );
  }
}

function bytesOfValue(envelope: string, logs: Envelope['logs']): number {
  return Buffer.byteLength(envelope) - Buffer.byteLength(JSON.stringify(logs));
}

function readEnvelope(text: string): Envelope | undefined {
  try {
    return envelopeSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function threw(
  { name, message, stack }: { name: string; message: string; stack: string },
  code: string,
): ConnectorError {
  const said = name === 'Error' || name === '' ? message : `${name}: ${message}`;
  // The first frame in the user's code; frames above it belong to built-ins that it called.
  const place = placeIn(stack, new RegExp(`${CODE_NAME}:(\\d+):(\\d+)`), code);
  return codeError(`The code failed${words(place)}: ${said}`, place);
}

/** isolated-vm puts the place after the message: `Unexpected token '}' [code.js:3:5]`. */
function unparsable(message: string, code: string): ConnectorError {
  const suffix = new RegExp(`\\s*\\[${CODE_NAME}:(\\d+):(\\d+)\\]$`);
  const place = placeIn(message, suffix, code);
  return codeError(
    `The code has a syntax error${words(place)}: ${message.replace(suffix, '')}`,
    place,
  );
}

interface Place {
  /** From 1, as are columns. */
  readonly line: number;
  readonly column: number;
  /** What stands in that line. */
  readonly source: string;
}

/** @returns a place in the user's code; an error past its end (a missing brace) is in the last line */
function placeIn(text: string, pattern: RegExp, code: string): Place | undefined {
  const [, line, column] = pattern.exec(text) ?? [];
  if (line === undefined || column === undefined) return undefined;
  const lines = code.split('\n');
  const at = Math.min(Math.max(Number(line), 1), lines.length);
  const source = lines[at - 1] ?? '';
  return {
    line: at,
    column: Math.min(Math.max(Number(column), 1), source.length + 1),
    source: source.trim().slice(0, MAX_SOURCE_LENGTH).toWellFormed(),
  };
}

function words(place: Place | undefined): string {
  return place === undefined ? '' : ` in line ${place.line}, column ${place.column}`;
}

function oversized(): ConnectorError {
  return codeLimit(
    `The code returned more than ${MAX_RESULT_BYTES / 1_048_576} MiB of JSON. Return less, for example only the fields that later nodes need.`,
    { limitBytes: MAX_RESULT_BYTES },
  );
}

/** Signals by which V8 and the system end a process that does what it can't carry on from. */
const CRASHES: ReadonlySet<string> = new Set(['SIGABRT', 'SIGTRAP', 'SIGSEGV', 'SIGILL', 'SIGBUS']);

function processEnded(end: ProcessEnd, run: CodeRun): ConnectorError {
  if (end.signal !== null && CRASHES.has(end.signal)) {
    return codeLimit(
      `The code brought its sandbox down (${end.signal}), most likely by asking for more memory at once than its ${run.memoryMb} MiB. Work on less data at once.`,
      { memoryMb: run.memoryMb, signal: end.signal },
    );
  }
  return new ConnectorError(
    'unavailable',
    `The sandbox in which the code ran ended unexpectedly (${end.signal ?? `exit code ${end.code}`}). The code can be run again.`,
    { effect: 'none', permanent: false },
  );
}

function codeError(message: string, place?: Place): ConnectorError {
  return new ConnectorError('code_error', message, {
    effect: 'none',
    permanent: true,
    pointer: '/code',
    ...(place === undefined ? {} : { details: { ...place } }),
  });
}

function codeLimit(
  message: string,
  details: Readonly<Record<string, string | number>>,
): ConnectorError {
  return new ConnectorError('code_limit', message, { effect: 'none', permanent: true, details });
}
