/**
 * Histories as proto JSON, the form of `temporal workflow show --output json` and of the Web UI's
 * download, so that one that was downloaded can be replayed by putting it into workflows/histories/.
 *
 * @temporalio/common/lib/proto-utils converts too, but only where npm has installed a single copy
 * of protobufjs: a message type of one copy is none to another. This uses the copy that the types
 * are made of.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';

export type History = temporal.api.history.v1.IHistory;
type Json = z.output<ReturnType<typeof z.json>>;

interface ProtoJson {
  toJson(type: unknown, message: unknown): unknown;
  fromJson(
    type: unknown,
    json: unknown,
    options: { readonly ignoreUnknownFields: boolean },
  ): History;
}
interface ProtoRoot {
  lookupType(name: string): unknown;
}

const requireHere = createRequire(fileURLToPath(import.meta.url));
const requireOfProto = createRequire(requireHere.resolve('@temporalio/proto'));
const protojson: ProtoJson = requireOfProto('protobufjs/ext/protojson');
const root: ProtoRoot = requireOfProto('./root');
const historyType = root.lookupType('temporal.api.history.v1.History');

const eventSchema = z
  .looseObject({ eventId: z.coerce.number().int(), eventType: z.string() })
  .catchall(z.json());
const historySchema = z.object({ events: z.array(eventSchema).min(1) });

/** One event of a history in proto JSON. */
export type HistoryEvent = z.output<typeof eventSchema>;

/** @throws Error if the text is no history */
export function parseHistory(text: string): readonly HistoryEvent[] {
  return historySchema.parse(JSON.parse(text)).events;
}

/** @returns what Temporal's replayer takes */
export function toHistory(events: readonly HistoryEvent[]): History {
  return protojson.fromJson(historyType, { events }, { ignoreUnknownFields: true });
}

/**
 * Writes a history down without what differs from one recording to the next and has no part in a
 * replay (times, random ids, machine and worker), so that recording again shows what has changed.
 */
export function formatHistory(history: History): string {
  const { events } = historySchema.parse(protojson.toJson(historyType, history));
  const steady = events.map((event) => steadyValue(event, event.eventId));
  return `${JSON.stringify({ events: steady }, null, 2)}\n`;
}

const FIRST_EVENT_S = Date.UTC(2026, 0, 1) / 1_000;
const STEADY_RUN_ID = '00000000-0000-4000-8000-000000000001';
const DROPPED = ['taskId', 'requestId', 'workerVersion', 'stackTrace', 'historySizeBytes'];
const STEADY: Readonly<Record<string, Json>> = {
  identity: 'recorder',
  originalExecutionRunId: STEADY_RUN_ID,
  firstExecutionRunId: STEADY_RUN_ID,
};
const TIMESTAMP = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Keys in alphabetical order, because those of a protobuf map come in any. */
function steadyValue(value: Json, eventId: number, key = ''): Json {
  if (typeof value === 'string') {
    if (TIMESTAMP.test(value)) return steadyTime(eventId);
    if (key === 'data') return steadyPayload(value, eventId);
    return value;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => steadyValue(item, eventId));
    // Flags of the SDK are a set.
    return key.endsWith('UsedFlags') ? items.sort() : items;
  }
  if (value === null || typeof value !== 'object') return value;
  if (value.kind === 'TASK_QUEUE_KIND_STICKY') return { ...value, name: 'recorder-sticky' };
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !DROPPED.includes(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, STEADY[name] ?? steadyValue(item, eventId, name)]),
  );
}

function steadyTime(eventId: number): string {
  return new Date((FIRST_EVENT_S + eventId) * 1_000).toISOString();
}

const localActivitySchema = z.looseObject({
  complete_time: z.object({ seconds: z.number(), nanos: z.number() }),
  original_schedule_time: z.object({ seconds: z.number(), nanos: z.number() }),
});

/** The marker of a local activity tells its times inside its payload. */
function steadyPayload(base64: string, eventId: number): string {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (!text.includes('"complete_time"')) return base64;
  const marker = localActivitySchema.parse(JSON.parse(text));
  const time = { seconds: FIRST_EVENT_S + eventId, nanos: 0 };
  const steady = { ...marker, complete_time: time, original_schedule_time: time };
  return Buffer.from(JSON.stringify(steady)).toString('base64');
}
