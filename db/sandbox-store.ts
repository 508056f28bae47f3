/** What emulators accepted, and where they are: durable, and seen by every process. */
import type { Knex } from 'knex';
import type {
  Emulator,
  JsonObject,
  SandboxMessage,
  SandboxStore,
  StoredSandboxMessage,
} from '../connectors/contract.ts';

interface MessageRow {
  readonly id: string;
  readonly connector: string;
  readonly operation: string;
  readonly execution_id: string | null;
  readonly node_id: string | null;
  readonly iteration: string | null;
  readonly recipient: string | null;
  readonly lookup_key: string | null;
  readonly message: JsonObject;
  readonly received_at: Date;
}

const LIST_LIMIT = 1_000;

/** The sandbox store on a PostgreSQL database. */
export function createSandboxStore(database: Knex): SandboxStore {
  return {
    async add(message, options = {}) {
      const values = {
        connector: message.connector,
        operation: message.operation,
        execution_id: message.executionId ?? null,
        node_id: message.nodeId ?? null,
        iteration: message.iteration ?? null,
        recipient: message.to ?? null,
        lookup_key: message.lookupKey ?? null,
        unique_key: options.unique === true ? (message.lookupKey ?? null) : null,
        message: JSON.stringify(message.message),
      };
      const [added] = await database<MessageRow>('sandbox_messages')
        .insert(values)
        .onConflict(['connector', 'unique_key'])
        .ignore()
        .returning('*');
      if (added !== undefined) return { stored: toMessage(added), duplicate: false };
      const earlier = await database<MessageRow>('sandbox_messages')
        .where({ connector: message.connector, unique_key: values.unique_key })
        .first();
      if (earlier === undefined)
        throw new Error('A sandbox message was removed while it was read.');
      return { stored: toMessage(earlier), duplicate: true };
    },

    async find(connector, lookupKey) {
      const row = await database<MessageRow>('sandbox_messages')
        .where({ connector, lookup_key: lookupKey })
        .orderBy('id')
        .first();
      return row === undefined ? undefined : toMessage(row);
    },

    async list(filter) {
      const query = database<MessageRow>('sandbox_messages')
        .orderBy('id', 'desc')
        .limit(Math.min(filter.limit ?? LIST_LIMIT, LIST_LIMIT));
      if (filter.connector !== undefined) query.where('connector', filter.connector);
      if (filter.to !== undefined) query.where('recipient', filter.to);
      if (filter.executionId !== undefined) query.where('execution_id', filter.executionId);
      return (await query).map(toMessage);
    },
  };
}

function toMessage(row: MessageRow): StoredSandboxMessage {
  const optional: Partial<SandboxMessage> = {
    ...(row.execution_id === null ? {} : { executionId: row.execution_id }),
    ...(row.node_id === null ? {} : { nodeId: row.node_id }),
    ...(row.iteration === null ? {} : { iteration: row.iteration }),
    ...(row.recipient === null ? {} : { to: row.recipient }),
    ...(row.lookup_key === null ? {} : { lookupKey: row.lookup_key }),
  };
  return {
    id: String(row.id),
    connector: row.connector,
    operation: row.operation,
    ...optional,
    message: row.message,
    receivedAt: row.received_at.toISOString(),
  };
}

export interface EmulatorAddress {
  readonly url: string;
  readonly credential: unknown;
}

/** Emulators tell here where they are; workers look here, so that neither needs fixed ports. */
export function createEmulatorRegistry(database: Knex) {
  return {
    async announce(emulator: Pick<Emulator, 'connector' | 'url' | 'credential'>): Promise<void> {
      await database('sandbox_emulators')
        .insert({
          connector: emulator.connector,
          url: emulator.url,
          credential: JSON.stringify(emulator.credential ?? null),
          started_at: database.fn.now(),
        })
        .onConflict('connector')
        .merge();
    },

    async find(connector: string): Promise<EmulatorAddress | undefined> {
      return database('sandbox_emulators').where({ connector }).first('url', 'credential');
    },
  };
}
