/** What the emulators accepted: the durable SandboxStore, and the outbox that people read. */
import type { Knex } from 'knex';
import type { SandboxStore, StoredSandboxMessage } from '../../connectors/contract.ts';
import type { JsonObject } from '../../workflows/graph/json.ts';
import { toJsonParameter } from '../json.ts';

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

const COLUMNS = [
  'id',
  'connector',
  'operation',
  'execution_id',
  'node_id',
  'iteration',
  'recipient',
  'lookup_key',
  'message',
  'received_at',
] as const;
const DEFAULT_LIMIT = 100;

export interface OutboxFilter {
  readonly connector?: string | undefined;
  readonly executionId?: string | undefined;
}

export type SandboxMessageRepository = ReturnType<typeof createSandboxMessageRepository>;

export function createSandboxMessageRepository(database: Knex) {
  const store: SandboxStore = {
    async add(message, options) {
      const uniqueKey = options?.unique === true ? (message.lookupKey ?? null) : null;
      const rows: MessageRow[] = await database('sandbox_messages')
        .insert({
          connector: message.connector,
          operation: message.operation,
          execution_id: message.executionId ?? null,
          node_id: message.nodeId ?? null,
          iteration: message.iteration ?? null,
          recipient: message.to ?? null,
          lookup_key: message.lookupKey ?? null,
          unique_key: uniqueKey,
          message: toJsonParameter(message.message),
        })
        .onConflict(['connector', 'unique_key'])
        .ignore()
        .returning([...COLUMNS]);
      if (rows[0] !== undefined) return { stored: toStored(rows[0]), duplicate: false };
      const known: MessageRow = await database('sandbox_messages')
        .where({ connector: message.connector, unique_key: uniqueKey })
        .first(...COLUMNS);
      return { stored: toStored(known), duplicate: true };
    },

    async find(connector, lookupKey) {
      const row: MessageRow | undefined = await database('sandbox_messages')
        .where({ connector, lookup_key: lookupKey })
        .orderBy('id', 'desc')
        .first(...COLUMNS);
      return row === undefined ? undefined : toStored(row);
    },

    async list({ connector, to, executionId, limit = DEFAULT_LIMIT }) {
      const query = database('sandbox_messages').orderBy('id', 'desc').limit(limit);
      if (connector !== undefined) query.where({ connector });
      if (to !== undefined) query.where({ recipient: to });
      if (executionId !== undefined) query.where({ execution_id: executionId });
      const rows: MessageRow[] = await query.select(...COLUMNS);
      return rows.map(toStored);
    },
  };

  return {
    ...store,

    /**
     * Messages of a project, newest first. Those that came from no execution (someone tried an
     * emulator by hand) belong to no project and are shown to all.
     * @param before id of the last message of the page before
     */
    async page(
      projectId: string,
      filter: OutboxFilter,
      limit: number,
      before: string | undefined,
    ): Promise<readonly StoredSandboxMessage[]> {
      const query = database('sandbox_messages AS message')
        .leftJoin('executions AS execution', 'execution.id', 'message.execution_id')
        .where((visible) =>
          visible.whereNull('message.execution_id').orWhere({ 'execution.project_id': projectId }),
        )
        .orderBy('message.id', 'desc')
        .limit(limit);
      if (filter.connector !== undefined) query.where({ 'message.connector': filter.connector });
      if (filter.executionId !== undefined) {
        query.where({ 'message.execution_id': filter.executionId });
      }
      if (before !== undefined) query.where('message.id', '<', before);
      const rows: MessageRow[] = await query.select(COLUMNS.map((column) => `message.${column}`));
      return rows.map(toStored);
    },
  };
}

function toStored(row: MessageRow): StoredSandboxMessage {
  return {
    id: row.id,
    connector: row.connector,
    operation: row.operation,
    receivedAt: row.received_at.toISOString(),
    ...(row.execution_id === null ? {} : { executionId: row.execution_id }),
    ...(row.node_id === null ? {} : { nodeId: row.node_id }),
    ...(row.iteration === null ? {} : { iteration: row.iteration }),
    ...(row.recipient === null ? {} : { to: row.recipient }),
    ...(row.lookup_key === null ? {} : { lookupKey: row.lookup_key }),
    message: row.message,
  };
}
