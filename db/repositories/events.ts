/** Events and inbound messages: each one is recorded once, with the executions that it started. */
import type { Knex } from 'knex';
import type { StartableExecution } from '../../temporal/start-execution.ts';
import type { ExecutionTrigger } from '../../workflows/contract.ts';
import { ConditionError } from '../../workflows/graph/conditions.ts';
import type { Definition } from '../../workflows/graph/definition.ts';
import { ExpressionError } from '../../workflows/graph/expressions.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import type { ExecutionPlan } from '../../workflows/graph/plan-types.ts';
import { FilterError, passesFilter } from '../../workflows/graph/trigger-filter.ts';
import { type ExecutionRules, executionRules, toRuleColumns } from '../execution-rules.ts';
import { toJsonParameter } from '../json.ts';

export interface NewEvent {
  readonly projectId: string;
  readonly eventId: string;
  readonly source: 'event' | 'inbound';
  /** Type of the event, or the connector that a message came in through. */
  readonly type: string;
  readonly leadId: string | null;
  /** What the event tells of the lead, merged into what is known; null: the lead must be known. */
  readonly leadData: JsonObject | null;
  readonly data: Json;
  /** What the executions are told of it. */
  readonly trigger: ExecutionTrigger;
  readonly mode: 'live' | 'sandbox';
}

export interface StartedExecution {
  readonly executionId: string;
  readonly workflowId: string;
}

/** Why a definition that waits for the event was not started. */
export interface StartProblem {
  readonly workflowId: string;
  readonly code: string;
  readonly message: string;
}

export interface RecordedEvent {
  readonly executions: readonly StartedExecution[];
  readonly problems: readonly StartProblem[];
  /** What is to be started now; empty if the event was known already. */
  readonly toStart: readonly AcceptedStart[];
}

export interface AcceptedStart {
  readonly start: StartableExecution;
  readonly rules: ExecutionRules;
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
     * starts, all in one transaction. An event that is known already changes nothing. A definition
     * whose filter can't be decided is passed over and told of; the others start all the same.
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
          const known: Pick<RecordedEvent, 'executions' | 'problems'> = await transaction('events')
            .where(key)
            .first('executions', 'problems');
          return { ...known, toStart: [] };
        }
        const lead = await leadOf(transaction, event);
        const { toStart, problems } = await startsOf(transaction, event, lead, newExecutionId);
        const executions = toStart.map(({ start }) => ({
          executionId: start.executionId,
          workflowId: start.plan.workflowId,
        }));
        if (executions.length + problems.length > 0) {
          await transaction('events')
            .where(key)
            .update({
              executions: toJsonParameter(executions),
              problems: toJsonParameter(problems),
            });
        }
        return { executions, problems, toStart };
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

async function startsOf(
  transaction: Knex,
  event: NewEvent,
  lead: JsonObject | null,
  newExecutionId: (workflowId: string) => string,
): Promise<{ readonly toStart: readonly AcceptedStart[]; readonly problems: StartProblem[] }> {
  const subscribers = { projectId: event.projectId, source: event.source, type: event.type };
  // Waits for definitions that are being published, and is a statement of its own, because one that
  // waited goes on with what it saw of the other tables before.
  await transaction.raw(
    `SELECT definition.id FROM workflow_definitions AS definition
     WHERE definition.project_id = :projectId AND definition.workflow_id IN (
       SELECT workflow_id FROM event_subscriptions
       WHERE project_id = :projectId AND source = :source AND event_type = :type)
     ORDER BY definition.workflow_id
     FOR KEY SHARE`,
    subscribers,
  );
  const { rows } = await transaction.raw<{ rows: SubscriberRow[] }>(
    `SELECT definition.workflow_id, definition.published_triggers, definition.published_settings,
       frozen.plan, frozen.definition ->> 'description' AS description
     FROM event_subscriptions AS subscription
     JOIN workflow_definitions AS definition USING (project_id, workflow_id)
     JOIN workflow_versions AS frozen ON frozen.project_id = definition.project_id
       AND frozen.workflow_id = definition.workflow_id
       AND frozen.version = definition.published_version
     WHERE subscription.project_id = :projectId AND subscription.source = :source
       AND subscription.event_type = :type AND definition.is_active
     ORDER BY definition.workflow_id`,
    subscribers,
  );
  const toStart: AcceptedStart[] = [];
  const problems: StartProblem[] = [];
  for (const row of rows) {
    try {
      const accepted = startOf(row, event, lead, newExecutionId);
      if (accepted !== undefined) toStart.push(accepted);
    } catch (error) {
      problems.push({ workflowId: row.workflow_id, ...problemOf(error) });
    }
  }
  if (toStart.length > 0) {
    await transaction('executions').insert(
      toStart.map(({ start, rules }) => ({
        id: start.executionId,
        project_id: start.projectId,
        workflow_id: start.plan.workflowId,
        version: start.plan.version,
        lead_id: start.leadId,
        lead: toJsonParameter(start.lead),
        input: toJsonParameter(start.input),
        trigger: toJsonParameter(start.trigger),
        mode: start.mode,
        ...toRuleColumns(rules),
      })),
    );
  }
  return { toStart, problems };
}

/**
 * @returns undefined if the definition's filters let the event pass by
 * @throws ExpressionError, ConditionError or FilterError if that can't be decided
 */
function startOf(
  row: SubscriberRow,
  event: NewEvent,
  lead: JsonObject | null,
  newExecutionId: (workflowId: string) => string,
): AcceptedStart | undefined {
  const { plan, description } = row;
  const { trigger } = event;
  const scope = { lead, trigger, workflow: { id: plan.workflowId, name: plan.name } };
  const isWanted = (row.published_triggers ?? []).some((own) => {
    if (own.type === 'event' && event.source === 'event') {
      return own.event === event.type && passesFilter(own.filter, scope);
    }
    if (own.type === 'inbound' && event.source === 'inbound') {
      return own.connector === event.type && passesFilter(own.filter, scope);
    }
    return false;
  });
  if (!isWanted) return undefined;
  const input = {};
  return {
    start: {
      executionId: newExecutionId(row.workflow_id),
      projectId: event.projectId,
      mode: event.mode,
      plan,
      leadId: event.leadId,
      lead,
      input,
      trigger,
      ...(description === null ? {} : { description }),
    },
    rules: executionRules(row.published_settings ?? {}, { plan, lead, input, trigger }),
  };
}

/** @throws what is no problem of the definition's own */
function problemOf(error: unknown): Pick<StartProblem, 'code' | 'message'> {
  if (error instanceof ConditionError || error instanceof FilterError) {
    return { code: 'filter_failed', message: `The trigger’s filter: ${error.message}` };
  }
  if (!(error instanceof ExpressionError)) throw error;
  return error.pointer.startsWith('/settings')
    ? { code: 'concurrency_key_failed', message: `The key of its concurrency: ${error.message}` }
    : { code: 'filter_failed', message: `The trigger’s filter: ${error.message}` };
}

interface SubscriberRow {
  readonly workflow_id: string;
  readonly published_triggers: Definition['triggers'] | null;
  readonly published_settings: Definition['settings'] | null;
  readonly plan: ExecutionPlan;
  readonly description: string | null;
}
