/** Events: each one is recorded once, with the executions that it started. */
import type { Knex } from 'knex';
import type { StartableExecution } from '../../temporal/start-execution.ts';
import type { ExecutionTrigger } from '../../workflows/contract.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import type { ExecutionPlan } from '../../workflows/graph/plan-types.ts';
import { toJsonParameter } from '../json.ts';

export interface NewEvent {
  readonly projectId: string;
  readonly eventId: string;
  readonly type: string;
  readonly leadId: string | null;
  /** What the event tells of the lead, merged into what is known; null: the lead must be known. */
  readonly leadData: JsonObject | null;
  readonly data: Json;
  readonly mode: 'live' | 'sandbox';
}

export interface StartedExecution {
  readonly executionId: string;
  readonly workflowId: string;
}

export interface RecordedEvent {
  readonly executions: readonly StartedExecution[];
  /** What is to be started now; empty if the event was known already. */
  readonly toStart: readonly StartableExecution[];
}

/** The event names a lead that is not known. Nothing was recorded. */
export class LeadNotFoundError extends Error {
  override readonly name = 'LeadNotFoundError';
}

export type EventRepository = ReturnType<typeof createEventRepository>;

export function createEventRepository(database: Knex) {
  return {
    /**
     * Records the event, its lead and one `queued` execution per published definition that it
     * starts, all in one transaction. An event that is known already changes nothing.
     * @param newExecutionId makes the id of an execution of a definition
     * @throws LeadNotFoundError
     */
    async record(
      event: NewEvent,
      newExecutionId: (workflowId: string) => string,
    ): Promise<RecordedEvent> {
      return database.transaction(async (transaction) => {
        const key = { project_id: event.projectId, event_id: event.eventId };
        const inserted: unknown[] = await transaction('events')
          .insert({
            ...key,
            type: event.type,
            lead_id: event.leadId,
            data: toJsonParameter(event.data),
          })
          .onConflict(['project_id', 'event_id'])
          .ignore()
          .returning('event_id');
        if (inserted.length === 0) {
          const known: { executions: StartedExecution[] } = await transaction('events')
            .where(key)
            .first('executions');
          return { executions: known.executions, toStart: [] };
        }
        const lead = await leadOf(transaction, event);
        const toStart = await executionsOf(transaction, event, lead, newExecutionId);
        const executions = toStart.map((execution) => ({
          executionId: execution.executionId,
          workflowId: execution.plan.workflowId,
        }));
        if (executions.length > 0) {
          await transaction('events')
            .where(key)
            .update({ executions: toJsonParameter(executions) });
        }
        return { executions, toStart };
      });
    },
  };
}

async function leadOf(transaction: Knex, event: NewEvent): Promise<JsonObject | null> {
  if (event.leadId === null) return null;
  if (event.leadData === null) {
    const row: { data: JsonObject } | undefined = await transaction('leads')
      .where({ project_id: event.projectId, id: event.leadId })
      .first('data');
    if (row === undefined) throw new LeadNotFoundError('The event’s lead is not known.');
    return { ...row.data, id: event.leadId };
  }
  const { rows } = await transaction.raw<{ rows: { data: JsonObject }[] }>(
    `INSERT INTO leads (project_id, id, data) VALUES (:projectId, :leadId, CAST(:data AS jsonb))
     ON CONFLICT (project_id, id) DO UPDATE SET data = leads.data || excluded.data
     RETURNING data`,
    {
      projectId: event.projectId,
      leadId: event.leadId,
      data: toJsonParameter(event.leadData),
    },
  );
  return { ...rows[0]?.data, id: event.leadId };
}

async function executionsOf(
  transaction: Knex,
  event: NewEvent,
  lead: JsonObject | null,
  newExecutionId: (workflowId: string) => string,
): Promise<readonly StartableExecution[]> {
  const { rows } = await transaction.raw<{ rows: SubscriberRow[] }>(
    `SELECT definition.workflow_id, frozen.plan, frozen.definition ->> 'description' AS description
     FROM event_subscriptions AS subscription
     JOIN workflow_definitions AS definition USING (project_id, workflow_id)
     JOIN workflow_versions AS frozen ON frozen.project_id = definition.project_id
       AND frozen.workflow_id = definition.workflow_id
       AND frozen.version = definition.published_version
     WHERE subscription.project_id = :projectId AND subscription.event_type = :type
       AND definition.is_active
     ORDER BY definition.workflow_id
     FOR KEY SHARE OF definition`,
    { projectId: event.projectId, type: event.type },
  );
  const trigger: ExecutionTrigger = {
    type: 'event',
    event: event.type,
    eventId: event.eventId,
    data: event.data,
  };
  const executions = rows.map((row) => ({
    executionId: newExecutionId(row.workflow_id),
    projectId: event.projectId,
    mode: event.mode,
    plan: row.plan,
    leadId: event.leadId,
    lead,
    input: {},
    trigger,
    ...(row.description === null ? {} : { description: row.description }),
  }));
  if (executions.length > 0) {
    await transaction('executions').insert(
      executions.map((execution) => ({
        id: execution.executionId,
        project_id: execution.projectId,
        workflow_id: execution.plan.workflowId,
        version: execution.plan.version,
        lead_id: execution.leadId,
        lead: toJsonParameter(execution.lead),
        input: toJsonParameter(execution.input),
        trigger: toJsonParameter(execution.trigger),
        mode: execution.mode,
      })),
    );
  }
  return executions;
}

interface SubscriberRow {
  readonly workflow_id: string;
  readonly plan: ExecutionPlan;
  readonly description: string | null;
}
