/** Executions: accepting one, reading one, listing them. How they go on is the ledger's business. */
import type { Knex } from 'knex';
import type { StartableExecution } from '../../temporal/start-execution.ts';
import type { ExecutionResponse } from '../../workflows/activity-contract.ts';
import type {
  ExecutionError,
  ExecutionStatus,
  ExecutionTrigger,
  KeptResult,
  RunAutomationInput,
} from '../../workflows/contract.ts';
import type { Definition } from '../../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import type { ExecutionPlan } from '../../workflows/graph/plan-types.ts';
import { type ExecutionRules, toRuleColumns } from '../execution-rules.ts';
import { toJsonParameter } from '../json.ts';

/** An Idempotency-Key with what it was first used for. */
export interface RequestKey {
  readonly key: string;
  /** What kind of request it is; the same key may be used once per route. */
  readonly route: string;
  readonly requestHash: Buffer;
}

export interface NewExecution extends Omit<RunAutomationInput, 'plan'> {
  readonly workflowId: string;
  readonly version: number;
  /** The definition that must still be there and active; null for a single-node call. */
  readonly definitionId: string | null;
  /** Only for a single-node call, whose plan belongs to no version. */
  readonly plan: ExecutionPlan | null;
  /** True: `lead` is written to the leads as well, merged into what is known of it. */
  readonly saveLead: boolean;
  readonly requestKey: RequestKey | undefined;
  /** True: the version need not be the published one, as long as the definition is active. */
  readonly anyVersion?: boolean;
  /** What holds it at its start and follows from its end. */
  readonly rules?: ExecutionRules;
}

/** What is to be known before a start, read in one statement. */
export interface StartFacts {
  /** Undefined if there is no such definition. */
  readonly definitionId: string | undefined;
  readonly isActive: boolean;
  readonly publishedVersion: number | null;
  /** Name of the definition. */
  readonly name: string | undefined;
  /** Settings of the published version. */
  readonly settings: Definition['settings'];
  /** Undefined if there is no lead of that id. */
  readonly lead: JsonObject | undefined;
  readonly hasCredentials: boolean;
  /** Hash of the request that the Idempotency-Key was first used for. */
  readonly knownRequestHash: Buffer | undefined;
}

export interface StoredExecution {
  readonly executionId: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly version: number;
  readonly leadId: string | null;
  readonly mode: 'live' | 'sandbox';
  readonly trigger: ExecutionTrigger;
  readonly status: ExecutionStatus;
  readonly result: Json;
  readonly error: ExecutionError | null;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export interface ExecutionWithPlan extends StoredExecution {
  /** Undefined if the definition was deleted. */
  readonly plan: ExecutionPlan | undefined;
  /** What a respond node answered; null until one has. */
  readonly response: ExecutionResponse | null;
}

/** How far an execution is, without what it is. */
export interface ExecutionProgress extends Pick<StoredExecution, 'status' | 'endedAt'> {
  /** True once a respond node has answered. */
  readonly hasAnswered: boolean;
}

export interface ExecutionFilter {
  readonly workflowId?: string | undefined;
  readonly leadId?: string | undefined;
  readonly statuses?: readonly ExecutionStatus[] | undefined;
  /** First moment of acceptance that is listed. */
  readonly from?: Date | undefined;
  /** First moment of acceptance that is not listed any more. */
  readonly to?: Date | undefined;
}

interface ExecutionRow {
  readonly id: string;
  readonly project_id: string;
  readonly workflow_id: string;
  readonly version: number;
  readonly lead_id: string | null;
  readonly mode: 'live' | 'sandbox';
  readonly trigger: ExecutionTrigger;
  readonly status: ExecutionStatus;
  readonly result: Json;
  readonly error: ExecutionError | null;
  readonly queued_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

interface RowWithPlan extends ExecutionRow {
  readonly plan: ExecutionPlan | null;
  readonly response: ExecutionResponse | null;
}

const LIST_COLUMNS = [
  'id',
  'project_id',
  'workflow_id',
  'version',
  'lead_id',
  'mode',
  'trigger',
  'status',
  'result',
  'error',
  'queued_at',
  'started_at',
  'ended_at',
] as const;

const START_FACTS_SQL = `
  SELECT definition.id AS definition_id, definition.is_active, definition.published_version,
    definition.published_settings, definition.name,
    (SELECT data FROM leads WHERE project_id = :projectId AND id = :leadId) AS lead,
    EXISTS (SELECT FROM credentials WHERE project_id = :projectId) AS has_credentials,
    (SELECT request_hash FROM idempotency_keys
      WHERE project_id = :projectId AND key = :key AND route = :route) AS request_hash
  FROM (SELECT) AS always LEFT JOIN workflow_definitions AS definition
    ON definition.project_id = :projectId AND definition.workflow_id = :workflowId`;

const PROGRESS_SQL = `
  SELECT status, ended_at AS "endedAt", response IS NOT NULL AS "hasAnswered"
  FROM executions WHERE project_id = :projectId AND id = :executionId`;

/**
 * Accepts an execution in one statement: what must hold, the claim of the Idempotency-Key, the lead
 * and the row depend on one another, so all of it is written or nothing.
 */
function insertSql(execution: NewExecution): string {
  const gates: string[] = [];
  const parts: string[] = [];
  const from = (): string => (gates.length === 0 ? '' : `FROM ${gates.at(-1)}`);
  if (execution.definitionId !== null) {
    // The lock keeps the definition from being deleted before this row shows that it is in use,
    // and lets a version start only while it is the published one.
    parts.push(`definition AS (SELECT id FROM workflow_definitions
      WHERE id = :definitionId AND is_active
        ${execution.anyVersion === true ? '' : 'AND published_version = :version'} FOR KEY SHARE)`);
    gates.push('definition');
  }
  if (execution.requestKey !== undefined) {
    parts.push(`claim AS (INSERT INTO idempotency_keys (project_id, key, route, request_hash)
      SELECT :projectId, :key, :route, :requestHash ${from()}
      ON CONFLICT DO NOTHING RETURNING key)`);
    gates.push('claim');
  }
  if (execution.saveLead) {
    parts.push(`lead AS (INSERT INTO leads (project_id, id, data)
      SELECT :projectId, :leadId, CAST(:lead AS jsonb) - 'id' ${from()}
      ON CONFLICT (project_id, id) DO UPDATE SET data = leads.data || excluded.data
      RETURNING data || jsonb_build_object('id', id) AS snapshot)`);
  }
  return `${parts.length === 0 ? '' : `WITH ${parts.join(', ')}`}
    INSERT INTO executions (id, project_id, workflow_id, version, plan, lead_id, lead, input,
      trigger, mode, kept, concurrency_key, concurrency_limit, on_failure, awaited_by, follow_up)
    SELECT :executionId, CAST(:projectId AS uuid), :workflowId, CAST(:version AS integer),
      CAST(:plan AS jsonb), CAST(:leadId AS text),
      ${execution.saveLead ? '(SELECT snapshot FROM lead)' : 'CAST(:lead AS jsonb)'},
      CAST(:input AS jsonb), CAST(:trigger AS jsonb), :mode, CAST(:kept AS jsonb),
      CAST(:concurrency_key AS text), CAST(:concurrency_limit AS integer),
      CAST(:on_failure AS text), CAST(:awaited_by AS text), CAST(:follow_up AS boolean) ${from()}
    ON CONFLICT (id) DO NOTHING
    RETURNING lead`;
}

export type ExecutionRepository = ReturnType<typeof createExecutionRepository>;

export function createExecutionRepository(database: Knex) {
  const withPlan = () =>
    database('executions AS execution').leftJoin('workflow_versions AS frozen', (join) =>
      join
        .on('frozen.project_id', 'execution.project_id')
        .andOn('frozen.workflow_id', 'execution.workflow_id')
        .andOn('frozen.version', 'execution.version'),
    );

  return {
    /** @param leadId the lead to look up, null for none */
    async startFacts(
      projectId: string,
      workflowId: string,
      leadId: string | null,
      requestKey: Pick<RequestKey, 'key' | 'route'> | undefined,
    ): Promise<StartFacts> {
      const { rows } = await database
        .raw<{ rows: StartFactsRow[] }>(START_FACTS_SQL, {
          projectId,
          workflowId,
          leadId,
          key: requestKey?.key ?? null,
          route: requestKey?.route ?? null,
        })
        .options({ name: 'start_facts' });
      const row = rows[0];
      return {
        definitionId: row?.definition_id ?? undefined,
        isActive: row?.is_active ?? false,
        publishedVersion: row?.published_version ?? null,
        name: row?.name ?? undefined,
        settings: row?.published_settings ?? {},
        lead: row?.lead ?? undefined,
        hasCredentials: row?.has_credentials ?? false,
        knownRequestHash: row?.request_hash ?? undefined,
      };
    },

    /**
     * Writes a `queued` execution.
     * @returns the lead as the execution has it; undefined if nothing was written, because the
     * definition is not active any more or the Idempotency-Key or the id is taken
     */
    async insert(
      execution: NewExecution,
    ): Promise<{ readonly lead: JsonObject | null } | undefined> {
      const { rows } = await database.raw<{ rows: { lead: JsonObject | null }[] }>(
        insertSql(execution),
        {
          executionId: execution.executionId,
          projectId: execution.projectId,
          workflowId: execution.workflowId,
          version: execution.version,
          definitionId: execution.definitionId,
          plan: toJsonParameter(execution.plan),
          leadId: execution.leadId,
          lead: toJsonParameter(execution.lead),
          input: toJsonParameter(execution.input),
          trigger: toJsonParameter(execution.trigger),
          mode: execution.mode,
          kept: toJsonParameter(execution.kept ?? null),
          key: execution.requestKey?.key ?? null,
          route: execution.requestKey?.route ?? null,
          requestHash: execution.requestKey?.requestHash ?? null,
          ...toRuleColumns(execution.rules),
        },
      );
      return rows[0];
    },

    /** @returns undefined if there is no such execution */
    async findProgress(
      projectId: string,
      executionId: string,
    ): Promise<ExecutionProgress | undefined> {
      const { rows } = await database
        .raw<{ rows: ExecutionProgress[] }>(PROGRESS_SQL, { projectId, executionId })
        .options({ name: 'execution_progress' });
      return rows[0];
    },

    async find(projectId: string, executionId: string): Promise<ExecutionWithPlan | undefined> {
      const row: RowWithPlan | undefined = await withPlan()
        .where({ 'execution.project_id': projectId, 'execution.id': executionId })
        .first(
          ...LIST_COLUMNS.map((column) => `execution.${column}`),
          'execution.response',
          database.raw('coalesce(execution.plan, frozen.plan) AS plan'),
        );
      if (row === undefined) return undefined;
      return { ...toStored(row), plan: row.plan ?? undefined, response: row.response };
    },

    /** Newest first. @param before sort key of the last item of the page before */
    async list(
      projectId: string,
      filter: ExecutionFilter,
      limit: number,
      before: readonly [queuedAt: string, id: string] | undefined,
    ): Promise<readonly (StoredExecution & { readonly key: readonly [string, string] })[]> {
      const query = database('executions')
        .where({ project_id: projectId })
        .orderBy([
          { column: 'queued_at', order: 'desc' },
          { column: 'id', order: 'desc' },
        ])
        .limit(limit);
      if (filter.workflowId !== undefined) query.where({ workflow_id: filter.workflowId });
      if (filter.leadId !== undefined) query.where({ lead_id: filter.leadId });
      if (filter.statuses !== undefined) query.whereIn('status', [...filter.statuses]);
      if (filter.from !== undefined) query.where('queued_at', '>=', filter.from);
      if (filter.to !== undefined) query.where('queued_at', '<', filter.to);
      if (before !== undefined) {
        query.whereRaw('(queued_at, id) < (CAST(? AS timestamptz), ?)', [...before]);
      }
      const rows: (ExecutionRow & { cursor_at: string })[] = await query.select(
        ...LIST_COLUMNS,
        database.raw('CAST(queued_at AS text) AS cursor_at'),
      );
      return rows.map((row) => ({
        ...toStored(row),
        key: [row.cursor_at, row.id] as const,
      }));
    },

    /**
     * All that starting an accepted execution needs.
     * @returns undefined if there is no such execution, or its definition was deleted
     */
    async findStartable(executionId: string): Promise<StartableExecution | undefined> {
      const row: StartableRow | undefined = await database('executions AS execution')
        .leftJoin('workflow_versions AS frozen', (join) =>
          join
            .on('frozen.project_id', 'execution.project_id')
            .andOn('frozen.workflow_id', 'execution.workflow_id')
            .andOn('frozen.version', 'execution.version'),
        )
        .where('execution.id', executionId)
        .whereRaw('coalesce(execution.plan, frozen.plan) IS NOT NULL')
        .first(
          'execution.id',
          'execution.project_id',
          'execution.lead_id',
          'execution.lead',
          'execution.input',
          'execution.trigger',
          'execution.mode',
          'execution.kept',
          database.raw('coalesce(execution.plan, frozen.plan) AS plan'),
          database.raw("frozen.definition ->> 'description' AS description"),
        );
      if (row === undefined) return undefined;
      return {
        executionId: row.id,
        projectId: row.project_id,
        mode: row.mode,
        plan: row.plan,
        leadId: row.lead_id,
        lead: row.lead,
        input: row.input,
        trigger: row.trigger,
        ...(row.kept === null ? {} : { kept: row.kept }),
        ...(row.description === null ? {} : { description: row.description }),
      };
    },
  };
}

interface StartFactsRow {
  readonly definition_id: string | null;
  readonly is_active: boolean | null;
  readonly published_version: number | null;
  readonly name: string | null;
  readonly published_settings: Definition['settings'] | null;
  readonly lead: JsonObject | null;
  readonly has_credentials: boolean;
  readonly request_hash: Buffer | null;
}

interface StartableRow {
  readonly id: string;
  readonly project_id: string;
  readonly lead_id: string | null;
  readonly lead: JsonObject | null;
  readonly input: JsonObject;
  readonly trigger: ExecutionTrigger;
  readonly mode: 'live' | 'sandbox';
  readonly kept: Readonly<Record<string, KeptResult>> | null;
  readonly plan: ExecutionPlan;
  readonly description: string | null;
}

function toStored(row: ExecutionRow): StoredExecution {
  return {
    executionId: row.id,
    projectId: row.project_id,
    workflowId: row.workflow_id,
    version: row.version,
    leadId: row.lead_id,
    mode: row.mode,
    trigger: row.trigger,
    status: row.status,
    result: row.result,
    error: row.error,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}
