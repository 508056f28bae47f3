/** Whether a webhook's request comes from who knows the secret. Pure, and equally fast either way. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { durationToMs } from '../workflows/graph/duration.ts';
import type { WebhookTrigger } from '../workflows/graph/trigger-schemas.ts';

export interface SignedRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came, byte for byte. */
  readonly body: Buffer;
}

const DEFAULT_TOLERANCE_MS = 300_000;

/** @param secret of the trigger's credential; undefined: there is none to be had */
export function isAuthentic(
  trigger: WebhookTrigger,
  request: SignedRequest,
  secret: string | undefined,
  now = Date.now(),
): boolean {
  if (trigger.auth === 'token' && trigger.credential === undefined) return true;
  const given = headerOf(request, trigger.header);
  if (secret === undefined || given === undefined) return false;
  // Digests have one length, so that not even the secret's own is told by how long this takes.
  if (trigger.auth === 'token') return timingSafeEqual(sha256(given), sha256(secret));

  const timestamp = headerOf(request, trigger.timestampHeader);
  if (trigger.timestampHeader !== undefined && !isRecent(timestamp, trigger.tolerance, now)) {
    return false;
  }
  const { prefix = '', algorithm = 'sha256', encoding = 'hex' } = trigger;
  if (!given.startsWith(prefix)) return false;
  const signature = Buffer.from(given.slice(prefix.length).trim(), encoding);
  const hmac = createHmac(algorithm, secret);
  const signed =
    trigger.signed ?? (trigger.timestampHeader === undefined ? '{body}' : '{timestamp}.{body}');
  for (const part of signed.split(/(\{timestamp\}|\{body\})/)) {
    if (part === '{body}') hmac.update(request.body);
    else hmac.update(part === '{timestamp}' ? (timestamp ?? '') : part);
  }
  const expected = hmac.digest();
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/**
 * What tells a delivery from another one: the id that its sender gives it, else its signature where
 * the time is signed too: the same one twice is a repetition.
 */
export function deliveryKey(trigger: WebhookTrigger, request: SignedRequest): string | undefined {
  const given =
    headerOf(request, trigger.deliveryHeader) ??
    (trigger.timestampHeader === undefined ? undefined : headerOf(request, trigger.header));
  // Of one length and form, whatever senders come up with.
  return given === undefined ? undefined : sha256(given).toString('hex');
}

function headerOf({ headers }: SignedRequest, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecent(
  timestamp: string | undefined,
  tolerance: string | undefined,
  now: number,
): boolean {
  const at = timestamp === undefined ? Number.NaN : timeOf(timestamp.trim());
  const most = tolerance === undefined ? DEFAULT_TOLERANCE_MS : durationToMs(tolerance);
  return Math.abs(now - at) <= most;
}

/** @returns milliseconds since the epoch; NaN where it is no time */
function timeOf(text: string): number {
  if (/^\d{9,11}$/.test(text)) return Number(text) * 1_000;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  return Date.parse(text);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
