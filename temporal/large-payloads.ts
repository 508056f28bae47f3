/**
 * Large payloads leave Temporal's history: it names them, and a store of ours has them. Without it
 * a result of megabytes is refused by the server, and its execution can't go on.
 * https://docs.temporal.io/troubleshooting/blob-size-limit-error
 *
 * A payload codec, which both clients and workers apply to whatever they send and receive. (The
 * SDK's own external storage is experimental, and fails where npm installs protobufjs twice.)
 */
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

/** What the database's payload store does; see db/payload-store.ts. */
export interface LargePayloads {
  put(data: Uint8Array): Promise<string>;
  get(digest: string): Promise<Uint8Array>;
}

/** Twenty attempts that end within one workflow task are one message of 4 MB at most. */
const THRESHOLD_BYTES = 128 * 1024;
/** Stands in histories, so it stays. */
const ENCODING = 'masar/stored';

const message = proto.temporal.api.common.v1.Payload;

/** The converter that every client and worker which meets executions must have. */
export function createDataConverter(store: LargePayloads): DataConverter {
  async function away(payload: Payload): Promise<Payload> {
    if ((payload.data?.length ?? 0) <= THRESHOLD_BYTES) return payload;
    const digest = await store.put(message.encode(payload).finish());
    return { metadata: { encoding: Buffer.from(ENCODING) }, data: Buffer.from(digest) };
  }

  async function back(payload: Payload): Promise<Payload> {
    const encoding = payload.metadata?.encoding;
    if (encoding === undefined || encoding === null) return payload;
    if (Buffer.from(encoding).toString() !== ENCODING) return payload;
    const stored = await store.get(Buffer.from(payload.data ?? []).toString());
    const { metadata, data } = message.decode(stored);
    return { metadata, data };
  }

  const codec: PayloadCodec = {
    encode: (payloads) => Promise.all(payloads.map(away)),
    decode: (payloads) => Promise.all(payloads.map(back)),
  };
  return { payloadCodecs: [codec] };
}
