/** Reads the log of nodes. The ledger alone writes it. */
import type { Knex } from 'knex';
import { z } from 'zod';
import type { ExecutionError } from '../../workflows/contract.ts';
import type { Json } from '../../workflows/graph/json.ts';
import { type NodeLogLine, nodeLogLineSchema } from '../node-log.ts';

export const LOG_STATUSES = [
  'queued',
  'running',
  'waiting',
  'retrying',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'unknown',
] as const;
export type LogStatus = (typeof LOG_STATUSES)[number];

const nodeLogSchema = z.array(nodeLogLineSchema);

export interface LogEntry {
  readonly seq: string;
  readonly executionId: string;
  readonly workflowId: string;
  readonly leadId: string | null;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly iteration: string;
  readonly connectorType: string;
  readonly operation: string;
  readonly status: LogStatus;
  /** True while it can't be excluded that an attempt acted without its success being recorded. */
  readonly inDoubt: boolean;
  /** Attempts begun. */
  readonly attempts: number;
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  readonly durationMs: number | null;
  readonly input: Json;
  readonly output: Json;
  readonly outputPort: string | null;
  readonly error: ExecutionError | null;
  /** What the last attempt wrote to the node's log. */
  readonly logs: readonly NodeLogLine[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface LogFilter {
  readonly statuses?: readonly LogStatus[] | undefined;
  readonly leadId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly executionId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface ExecutionLogFilter {
  readonly statuses?: readonly LogStatus[] | undefined;
  readonly nodeId?: string | undefined;
  readonly iteration?: string | undefined;
  /** True: only rows of forEach bodies. */
  readonly isInner?: boolean | undefined;
}

interface LogRow {
  readonly seq: string;
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly lead_id: string | null;
  readonly node_id: string;
  readonly node_name: string;
  readonly iteration: string;
  readonly connector_type: string;
  readonly operation: string;
  readonly status: LogStatus;
  readonly in_doubt: boolean;
  readonly attempt: number;
  readonly retry_count: number;
  readonly max_retries: number;
  readonly start_time: Date | null;
  readonly end_time: Date | null;
  readonly duration_ms: number | null;
  readonly input_data: Json;
  readonly output_data: Json;
  readonly output_port: string | null;
  readonly error_details: ExecutionError | null;
  readonly logs: unknown;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS = [
  'seq',
  'execution_id',
  'workflow_id',
  'lead_id',
  'node_id',
  'node_name',
  'iteration',
  'connector_type',
  'operation',
  'status',
  'in_doubt',
  'attempt',
  'retry_count',
  'max_retries',
  'start_time',
  'end_time',
  'duration_ms',
  'input_data',
  'output_data',
  'output_port',
  'error_details',
  'logs',
  'created_at',
  'updated_at',
] as const;

export type ExecutionLogRepository = ReturnType<typeof createExecutionLogRepository>;

export function createExecutionLogRepository(database: Knex) {
  return {
    /** Every row of an execution, in the order in which they were begun. */
    async ofExecution(projectId: string, executionId: string): Promise<readonly LogEntry[]> {
      const rows: LogRow[] = await database('execution_logs')
        .where({ project_id: projectId, execution_id: executionId })
        .orderBy('seq')
        .select(...COLUMNS);
      return rows.map(toEntry);
    },

    /**
     * The rows of an execution's outermost nodes, and those of forEach bodies up to a limit.
     * @returns both in the order in which they were begun
     */
    async overview(
      projectId: string,
      executionId: string,
      innerLimit: number,
    ): Promise<{ readonly outer: readonly LogEntry[]; readonly inner: readonly LogEntry[] }> {
      const rows = () =>
        database('execution_logs')
          .where({ project_id: projectId, execution_id: executionId })
          .orderBy('seq')
          .select(...COLUMNS);
      const outer: LogRow[] = await rows().where({ iteration: '' });
      const inner: LogRow[] = await rows().whereNot({ iteration: '' }).limit(innerLimit);
      return { outer: outer.map(toEntry), inner: inner.map(toEntry) };
    },

    /** Rows that changed at a time or later, those that changed first in front. */
    async changedSince(
      projectId: string,
      executionId: string,
      since: Date,
    ): Promise<readonly LogEntry[]> {
      const rows: LogRow[] = await database('execution_logs')
        .where({ project_id: projectId, execution_id: executionId })
        .where('updated_at', '>=', since)
        .orderBy([{ column: 'updated_at' }, { column: 'seq' }])
        .select(...COLUMNS);
      return rows.map(toEntry);
    },

    /**
     * In the order in which they were begun.
     * @param after `seq` of the last row of the page before
     */
    async pageOfExecution(
      projectId: string,
      executionId: string,
      filter: ExecutionLogFilter,
      limit: number,
      after: string | undefined,
    ): Promise<readonly LogEntry[]> {
      const query = database('execution_logs')
        .where({ project_id: projectId, execution_id: executionId })
        .orderBy('seq')
        .limit(limit);
      if (filter.statuses !== undefined) query.whereIn('status', [...filter.statuses]);
      if (filter.nodeId !== undefined) query.where({ node_id: filter.nodeId });
      if (filter.iteration !== undefined) query.where({ iteration: filter.iteration });
      if (filter.isInner === true) query.whereNot({ iteration: '' });
      if (after !== undefined) query.where('seq', '>', after);
      const rows: LogRow[] = await query.select(...COLUMNS);
      return rows.map(toEntry);
    },

    /** Oldest first. @param after `seq` of the last row of the page before */
    async ofWorkflow(
      projectId: string,
      workflowId: string,
      filter: LogFilter,
      limit: number,
      after: string | undefined,
    ): Promise<readonly LogEntry[]> {
      const query = database('execution_logs')
        .where({ project_id: projectId, workflow_id: workflowId })
        .orderBy('seq')
        .limit(limit);
      if (filter.statuses !== undefined) query.whereIn('status', [...filter.statuses]);
      if (filter.leadId !== undefined) query.where({ lead_id: filter.leadId });
      if (filter.nodeId !== undefined) query.where({ node_id: filter.nodeId });
      if (filter.executionId !== undefined) query.where({ execution_id: filter.executionId });
      if (filter.from !== undefined) query.where('created_at', '>=', filter.from);
      if (filter.to !== undefined) query.where('created_at', '<', filter.to);
      if (after !== undefined) query.where('seq', '>', after);
      const rows: LogRow[] = await query.select(...COLUMNS);
      return rows.map(toEntry);
    },
  };
}

function toEntry(row: LogRow): LogEntry {
  return {
    seq: row.seq,
    executionId: row.execution_id,
    workflowId: row.workflow_id,
    leadId: row.lead_id,
    nodeId: row.node_id,
    nodeName: row.node_name,
    iteration: row.iteration,
    connectorType: row.connector_type,
    operation: row.operation,
    status: row.status,
    inDoubt: row.in_doubt,
    attempts: row.attempt,
    retryCount: row.retry_count,
    maxRetries: row.max_retries,
    startTime: row.start_time,
    endTime: row.end_time,
    durationMs: row.duration_ms,
    input: row.input_data,
    output: row.output_data,
    outputPort: row.output_port,
    error: row.error_details,
    logs: nodeLogSchema.parse(row.logs ?? []),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
