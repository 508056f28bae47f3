import { expect, test } from '@jest/globals';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function read(...chunks: Uint8Array[]): Promise<ServerSentEvent[]> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(stream())) events.push(event);
  return events;
}

const TEXT =
  'retry: 2000\n\nevent: node\nid: 7\ndata: {"name":"نور"}\n\n: still here\n\ndata: a\r\ndata: b\r\n\r\ndata: cut';

const EVENTS = [
  { event: 'node', id: '7', data: '{"name":"نور"}' },
  // The id stays until another comes; the event's name does not.
  { event: 'message', id: '7', data: 'a\nb' },
];

test('events are read whole, however the stream is cut, and a half one is not told', async () => {
  const bytes = new TextEncoder().encode(TEXT);
  expect(await read(bytes)).toEqual(EVENTS);
  for (let at = 1; at < bytes.length; at += 1) {
    expect(await read(bytes.subarray(0, at), bytes.subarray(at))).toEqual(EVENTS);
  }
  expect(await read(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(EVENTS);
});
