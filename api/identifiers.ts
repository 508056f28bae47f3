import { createHash, randomBytes, randomUUID } from 'node:crypto';

/**
 * A UUIDv7 without hyphens (RFC 9562 §5.7): 48 bits of Unix time in milliseconds, then random, so
 * that ids made later sort later and land side by side in an index.
 */
export function timeOrderedHex(now = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

/** Id of a new execution, also its Temporal workflow id. */
export function newExecutionId(workflowId: string): string {
  return `${workflowId}_${timeOrderedHex()}`;
}

/**
 * Id of the execution that an Idempotency-Key stands for: the same key gives the same id on every
 * replica and after every crash, so what was begun twice is one execution all the same.
 */
export function keyedExecutionId(projectId: string, workflowId: string, key: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([projectId, workflowId, key]))
    .digest();
  return `${workflowId}_${hash.toString('hex').slice(0, 32)}`;
}

export function newLeadId(): string {
  return `lead_${timeOrderedHex()}`;
}

export function newEventId(): string {
  return `event_${timeOrderedHex()}`;
}

export const newUuid = randomUUID;

/** A JSON value as text that is the same whatever the order of its keys. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, entry: unknown) =>
      typeof entry === 'object' && entry !== null && !Array.isArray(entry)
        ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
        : entry,
    ) ?? 'null'
  );
}
