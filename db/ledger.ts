/**
 * The ledger of side effects: one row of `execution_logs` per (execution, node, iteration), never
 * per attempt. It is also the log that people read.
 *
 * Invariants (tests/db/ledger.test.ts names them)
 * L1  A side effect's identity is (execution, node, iteration); attempts and runs share its row.
 * L2  `begin` claims the row in one statement, so of two callers at once at most one is `fresh`.
 * L3  What succeeded is never executed again and never overwritten by a later report.
 * L4  An attempt that began and has not reported, or reported that it may have acted, leaves the
 *     row in doubt; the next `begin` says so.
 * L5  Nothing begins for an execution that has ended; what it has recorded is still answered, so
 *     that a run which is repeated after its end comes to the same one.
 * L6  What failed for good is answered as it failed and not tried again, so that a repeated run
 *     never takes another way than the one on which others have acted already.
 */
import type { Knex } from 'knex';
import type {
  ExecutionEnd,
  ExecutionResponse,
  NodeRecord,
} from '../workflows/activity-contract.ts';
import type { ExecutionError } from '../workflows/contract.ts';
import type { Json } from '../workflows/graph/json.ts';
import { createExecutionAnnouncer } from './execution-announcer.ts';
import { toJsonParameter } from './json.ts';
import type { NodeLogLine } from './node-log.ts';

export interface LedgerEntry {
  readonly projectId: string;
  readonly executionId: string;
  readonly workflowId: string;
  readonly leadId: string | null;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly iteration: string;
  readonly connector: string;
  readonly operation: string;
  readonly maximumAttempts: number;
  readonly input: Json;
}

export type BeginResult =
  /** Nothing happened yet: act. */
  | { readonly state: 'fresh'; readonly attempt: number }
  /** It succeeded already: answer this, call nobody. */
  | { readonly state: 'recorded'; readonly attempt: number; readonly output: Json }
  /** It failed for good already: answer this, call nobody. */
  | { readonly state: 'failed'; readonly attempt: number; readonly error: ExecutionError }
  /** An earlier attempt may have acted: ask the operation's idempotency class. */
  | {
      readonly state: 'in_doubt';
      readonly attempt: number;
      /** When the first attempt began. */
      readonly since: Date;
    }
  /** The execution has ended, or is not known: do nothing. */
  | { readonly state: 'closed' };

export type Outcome =
  | { readonly status: 'succeeded'; readonly output: Json; readonly port: string }
  | {
      readonly status: 'retrying' | 'failed' | 'unknown' | 'cancelled';
      readonly error: ExecutionError;
      /** True if this attempt may have acted all the same. */
      readonly inDoubt: boolean;
    };

export type Ledger = ReturnType<typeof createLedger>;

const OPEN = "status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')";

/** What a node came to by itself, once and for all. */
const DECIDED = "log.status IN ('succeeded', 'failed')";

/** @param execution finds the execution, if it is still open */
const beginSql = (execution: string): string => `
  WITH execution AS (${execution})
  INSERT INTO execution_logs AS log (project_id, execution_id, workflow_id, lead_id, node_id,
    node_name, iteration, connector_type, operation, status, attempt, max_retries, in_doubt,
    start_time, input_data)
  SELECT :projectId, execution.id, :workflowId, :leadId, :nodeId, :nodeName, :iteration, :connector,
    :operation, 'running', 1, :maxRetries, true, clock_timestamp(), CAST(:input AS jsonb)
  FROM execution
  ON CONFLICT (execution_id, node_id, iteration) DO UPDATE SET
    claimed_status = log.status,
    claimed_in_doubt = log.in_doubt,
    status = CASE WHEN ${DECIDED} THEN log.status ELSE 'running' END,
    in_doubt = CASE WHEN ${DECIDED} THEN log.in_doubt ELSE true END,
    attempt = CASE WHEN ${DECIDED} THEN log.attempt ELSE log.attempt + 1 END,
    retry_count = CASE WHEN ${DECIDED} THEN log.retry_count ELSE log.attempt END,
    max_retries = excluded.max_retries,
    input_data = CASE WHEN ${DECIDED} THEN log.input_data ELSE excluded.input_data END,
    end_time = CASE WHEN ${DECIDED} THEN log.end_time END,
    duration_ms = CASE WHEN ${DECIDED} THEN log.duration_ms END,
    updated_at = clock_timestamp()
  RETURNING attempt, claimed_status, claimed_in_doubt, output_data, error_details,
    coalesce(start_time, created_at) AS begun_at`;

const BEGIN_SQL = beginSql(`
  SELECT id FROM executions WHERE id = :executionId AND project_id = :projectId AND ${OPEN}`);

/** For an execution's first node: shows the execution as running in the same statement. */
const BEGIN_FIRST_SQL = beginSql(`
  UPDATE executions SET status = CASE WHEN status = 'queued' THEN 'running' ELSE status END,
    started_at = coalesce(started_at, clock_timestamp())
  WHERE id = :executionId AND project_id = :projectId AND ${OPEN}
  RETURNING id`);

const DECIDED_SQL = `
  SELECT log.attempt, log.status AS claimed_status, log.output_data, log.error_details
  FROM execution_logs AS log
  WHERE log.execution_id = :executionId AND log.project_id = :projectId
    AND log.node_id = :nodeId AND log.iteration = :iteration AND ${DECIDED}`;

/** Statuses that have an end time: the others go on, by themselves or through a person. */
const ENDED_NODE_STATUSES: readonly Outcome['status'][] = ['succeeded', 'failed', 'cancelled'];

const FINISH_SQL = `
  UPDATE execution_logs SET
    status = :status, in_doubt = :inDoubt, output_data = CAST(:output AS jsonb), output_port = :port,
    error_details = CAST(:error AS jsonb), logs = coalesce(CAST(:logs AS jsonb), logs),
    end_time = CASE WHEN CAST(:ended AS boolean) THEN clock_timestamp() END,
    duration_ms = CASE WHEN CAST(:ended AS boolean)
      THEN CAST(round(extract(epoch FROM clock_timestamp() - start_time) * 1000) AS integer) END,
    updated_at = clock_timestamp()
  WHERE execution_id = :executionId AND node_id = :nodeId AND iteration = :iteration
    AND status <> 'succeeded' AND attempt = coalesce(CAST(:attempt AS integer), attempt)`;

const RECORD_SQL = `
  INSERT INTO execution_logs (project_id, execution_id, workflow_id, lead_id, node_id, node_name,
    iteration, connector_type, operation, status, attempt, start_time, end_time, duration_ms,
    input_data, output_data, output_port, error_details)
  SELECT execution.project_id, execution.id, execution.workflow_id, execution.lead_id, record."nodeId",
    record."nodeName", record.iteration, record.type, record.type, record.status,
    CASE WHEN record.status IN ('succeeded', 'failed', 'waiting', 'running') THEN 1 ELSE 0 END,
    CASE WHEN record.status IN ('succeeded', 'failed', 'waiting', 'running') THEN record."startedAt" END,
    record."endedAt",
    CASE WHEN record.status IN ('succeeded', 'failed')
      THEN CAST(round(extract(epoch FROM record."endedAt" - record."startedAt") * 1000) AS integer) END,
    nullif(record.input, 'null'), nullif(record.output, 'null'), record.port,
    nullif(record.error, 'null')
  FROM executions AS execution, jsonb_to_recordset(CAST(:records AS jsonb)) AS record("nodeId" text,
    "nodeName" text, iteration text, type text, status text, "startedAt" timestamptz,
    "endedAt" timestamptz, input jsonb, output jsonb, port text, error jsonb)
  WHERE execution.id = :executionId
  ON CONFLICT (execution_id, node_id, iteration) DO UPDATE SET
    status = excluded.status, end_time = excluded.end_time, duration_ms = excluded.duration_ms,
    input_data = coalesce(excluded.input_data, execution_logs.input_data),
    output_data = excluded.output_data, output_port = excluded.output_port,
    error_details = coalesce(excluded.error_details, execution_logs.error_details), updated_at = clock_timestamp()
  WHERE execution_logs.status <> 'succeeded'`;

const RESPOND_SQL = `
  UPDATE executions SET response = CAST(:response AS jsonb)
  WHERE id = :executionId AND response IS NULL`;

/** One statement, so that nobody who is told of the end sees a node that still runs. */
const END_SQL = `
  WITH ended AS (
    UPDATE executions SET status = :status, result = CAST(:result AS jsonb),
      error = CAST(:error AS jsonb), started_at = coalesce(started_at, queued_at),
      ended_at = clock_timestamp()
    WHERE id = :executionId AND ${OPEN}
    RETURNING id, status
  )
  UPDATE execution_logs SET status = 'cancelled', end_time = clock_timestamp(),
    updated_at = clock_timestamp()
  FROM ended
  WHERE execution_logs.execution_id = ended.id AND ended.status <> 'succeeded'
    AND execution_logs.status IN ('queued', 'running', 'waiting', 'retrying')`;

const STATUS_SQL = `
  UPDATE executions SET status = :status, started_at = coalesce(started_at, clock_timestamp())
  WHERE id = :executionId AND ${OPEN}`;

const RESOLVE_SQL = `
  UPDATE execution_logs SET in_doubt = false, status = 'retrying', updated_at = clock_timestamp()
  WHERE execution_id = :executionId AND node_id = :nodeId AND iteration = :iteration
    AND status = 'unknown'`;

/** The ledger on a PostgreSQL database. */
export function createLedger(database: Knex) {
  const announcer = createExecutionAnnouncer(database);

  /** By name, so that PostgreSQL parses and plans what every node runs once per connection. */
  function run<Row>(
    name: string,
    sql: string,
    values: Readonly<Record<string, Knex.RawBinding>>,
  ): Promise<{ rows: Row[] }> {
    return database.raw<{ rows: Row[] }>(sql, values).options({ name });
  }

  async function closed(entry: LedgerEntry): Promise<BeginResult> {
    const { rows } = await database.raw<{ rows: DecidedRow[] }>(DECIDED_SQL, {
      projectId: entry.projectId,
      executionId: entry.executionId,
      nodeId: entry.nodeId,
      iteration: entry.iteration,
    });
    const row = rows[0];
    return (row === undefined ? undefined : decidedResult(row)) ?? { state: 'closed' };
  }

  return {
    /**
     * Claims the row of a side effect (L2).
     * @param options.marksRunning true for the first node of an execution: sets it `running` too
     */
    async begin(
      entry: LedgerEntry,
      options: { readonly marksRunning?: boolean } = {},
    ): Promise<BeginResult> {
      const [name, sql] =
        options.marksRunning === true
          ? ['ledger_begin_first', BEGIN_FIRST_SQL]
          : ['ledger_begin', BEGIN_SQL];
      const { rows } = await run<BeginRow>(name, sql, {
        projectId: entry.projectId,
        executionId: entry.executionId,
        workflowId: entry.workflowId,
        leadId: entry.leadId,
        nodeId: entry.nodeId,
        nodeName: entry.nodeName,
        iteration: entry.iteration,
        connector: entry.connector,
        operation: entry.operation,
        maxRetries: entry.maximumAttempts - 1,
        input: toJsonParameter(entry.input),
      });
      announcer.changed(entry.executionId, 'nodes');
      const row = rows[0];
      if (row === undefined) return closed(entry);
      if (row.claimed_status === null) return { state: 'fresh', attempt: row.attempt };
      const decided = decidedResult(row);
      if (decided !== undefined) return decided;
      return row.claimed_in_doubt === true
        ? { state: 'in_doubt', attempt: row.attempt, since: row.begun_at }
        : { state: 'fresh', attempt: row.attempt };
    },

    /**
     * Stores what became of an attempt. A recorded success stays as it is (L3).
     * @param options.attempt the attempt that reports, as `begin` numbered it: what an attempt says
     *   of its failure counts no more once a later one has begun (L4), its success always does
     * @param options.logs what the attempt wrote to the node's log, in place of what is there
     */
    async finish(
      entry: Pick<LedgerEntry, 'executionId' | 'nodeId' | 'iteration'>,
      outcome: Outcome,
      options: { readonly attempt?: number; readonly logs?: readonly NodeLogLine[] } = {},
    ): Promise<void> {
      const succeeded = outcome.status === 'succeeded';
      await run('ledger_finish', FINISH_SQL, {
        executionId: entry.executionId,
        nodeId: entry.nodeId,
        iteration: entry.iteration,
        status: outcome.status,
        ended: ENDED_NODE_STATUSES.includes(outcome.status),
        attempt: succeeded ? null : (options.attempt ?? null),
        inDoubt: succeeded ? false : outcome.inDoubt,
        output: succeeded ? toJsonParameter(outcome.output) : null,
        port: succeeded ? outcome.port : null,
        error: succeeded ? null : toJsonParameter(outcome.error),
        logs: toJsonParameter(options.logs),
      });
      announcer.changed(entry.executionId, 'nodes');
    },

    /** Writes the rows of nodes that called nobody. Writing them again changes nothing. */
    async record(executionId: string, records: readonly NodeRecord[]): Promise<void> {
      // One statement may not touch a row twice: a wait that ended at once has two records.
      for (const batch of distinctBatches(records)) {
        await run('ledger_record', RECORD_SQL, { executionId, records: toJsonParameter(batch) });
      }
      if (records.length > 0) announcer.changed(executionId, 'nodes');
    },

    /** Stores what a respond node answered. The first answer stays. */
    async respond(executionId: string, response: ExecutionResponse): Promise<void> {
      await database.raw(RESPOND_SQL, { executionId, response: toJsonParameter(response) });
      announcer.changed(executionId, 'execution');
    },

    /** A person said that a send in doubt did not take place, or shall be repeated: it may begin afresh. */
    async clearDoubt(
      entry: Pick<LedgerEntry, 'executionId' | 'nodeId' | 'iteration'>,
    ): Promise<void> {
      await database.raw(RESOLVE_SQL, { ...entry });
    },

    /** Shows that an execution waits, is held or goes on. An ended one stays as it is. */
    async setStatus(
      executionId: string,
      status: 'running' | 'waiting' | 'paused' | 'unknown',
    ): Promise<void> {
      await database.raw(STATUS_SQL, { executionId, status });
      announcer.changed(executionId, 'execution');
    },

    /** Ends an execution, once: a second end changes nothing. Nodes left open become `cancelled`. */
    async end(executionId: string, end: ExecutionEnd): Promise<void> {
      await run('ledger_end', END_SQL, {
        executionId,
        status: end.status,
        result: toJsonParameter(end.result),
        error: toJsonParameter(end.error),
      });
      announcer.changed(executionId, 'execution');
    },
  };
}

/** Splits records, in their order, so that none of a batch are of the same node and iteration. */
function distinctBatches(records: readonly NodeRecord[]): readonly (readonly NodeRecord[])[] {
  const batches: NodeRecord[][] = [];
  let seen = new Set<string>();
  for (const record of records) {
    const key = `${record.nodeId}\n${record.iteration}`;
    if (batches.length === 0 || seen.has(key)) {
      batches.push([]);
      seen = new Set();
    }
    seen.add(key);
    batches.at(-1)?.push(record);
  }
  return batches;
}

interface DecidedRow {
  readonly attempt: number;
  readonly claimed_status: string | null;
  readonly output_data: Json;
  readonly error_details: ExecutionError | null;
}

interface BeginRow extends DecidedRow {
  readonly claimed_in_doubt: boolean | null;
  readonly begun_at: Date;
}

/** @returns what was decided of the node; undefined if nothing was */
function decidedResult(row: DecidedRow): BeginResult | undefined {
  const { attempt, claimed_status: status, output_data: output, error_details: error } = row;
  if (status === 'succeeded') return { state: 'recorded', attempt, output };
  if (status === 'failed' && error !== null) return { state: 'failed', attempt, error };
  return undefined;
}
