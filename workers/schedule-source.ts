/** What schedules do when their time has come: accept an execution of the version published then. */
import { createHash } from 'node:crypto';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Knex } from 'knex';
import type { Ledger } from '../db/ledger.ts';
import type { ExecutionRepository, StartFacts } from '../db/repositories/executions.ts';
import type { ScheduleActivities } from '../workflows/activity-contract.ts';
import { FINAL_EXECUTION_STATUSES } from '../workflows/contract.ts';
import { ExpressionError, renderValue } from '../workflows/graph/expressions.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';
import type { ScheduleTrigger } from '../workflows/graph/trigger-schemas.ts';
import type { PublishedStarts, StartRefusal } from './published-starts.ts';

export interface ScheduleSourceDeps {
  readonly database: Knex;
  readonly client: Client;
  readonly ledger: Pick<Ledger, 'end'>;
  readonly executions: Pick<ExecutionRepository, 'findStartable'>;
  readonly starts: PublishedStarts;
  readonly modeOf: (facts: StartFacts) => 'live' | 'sandbox';
  readonly log: (
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ) => void;
}

type Firing = Parameters<ScheduleActivities['schedule.fire']>[0];

const CALL_DEADLINE_MS = 5_000;

export function createScheduleSource(deps: ScheduleSourceDeps): ScheduleActivities {
  const { database, client, ledger, executions, starts, log } = deps;

  return {
    async 'schedule.fire'(firing) {
      const { projectId, workflowId, trigger: key, scheduledAt } = firing;
      const executionId = executionIdOf(firing);
      // An attempt before this one may have accepted it, and the schedule have changed since then.
      const known = await executions.findStartable(executionId);
      if (known !== undefined) return { executionId };
      const trigger = { type: 'schedule' as const, trigger: key, scheduledAt };
      const row = await find(firing);
      const input = inputOf(row, { trigger, workflow: { id: workflowId } });
      if ('refused' in input) return refuse(firing, input.refused);
      const result = await starts.accept(
        {
          executionId,
          projectId,
          workflowId,
          leadId: null,
          lead: null,
          input: input.rendered,
          trigger,
          mode: deps.modeOf,
          ...(firing.waits ? { awaitedBy: firing.runId } : {}),
        },
        async () => isOver(firing, await find(firing)),
      );
      if ('refused' in result) return refuse(firing, result.refused);
      await note(firing, { last_execution_id: executionId, last_problem: null });
      await starts.handOver(result.accepted, result.rules).catch((error: unknown) =>
        log('A scheduled execution is started by the reconciler.', {
          executionId,
          reason: error instanceof Error ? error.message.slice(0, 200) : String(error),
        }),
      );
      return { executionId };
    },

    async 'schedule.hasEnded'({ executionId }) {
      const row: { status: string } | undefined = await database('executions')
        .where({ id: executionId })
        .first('status');
      return row === undefined || FINAL_EXECUTION_STATUSES.some((final) => final === row.status);
    },

    async 'schedule.cancel'({ executionId }) {
      try {
        await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
          client.workflow.getHandle(executionId).cancel(),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        await ledger.end(executionId, {
          status: 'cancelled',
          result: null,
          error: { code: 'cancelled', message: 'Cancelled by the next time of its schedule.' },
        });
      }
    },
  };

  async function find({
    projectId,
    workflowId,
    trigger,
  }: Firing): Promise<ScheduleRow | undefined> {
    return database('schedules')
      .where({ project_id: projectId, workflow_id: workflowId, trigger_key: trigger })
      .first('spec', 'generation', 'changed_at');
  }

  async function note(
    { projectId, workflowId, trigger, scheduledAt }: Firing,
    what: { readonly last_execution_id?: string; readonly last_problem: string | null },
  ): Promise<void> {
    await database('schedules')
      .where({ project_id: projectId, workflow_id: workflowId, trigger_key: trigger })
      .update({ last_fired_at: scheduledAt, ...what });
  }

  async function refuse(firing: Firing, refused: StartRefusal) {
    const { workflowId, trigger, scheduledAt } = firing;
    log('A time of a schedule started nothing.', {
      workflowId,
      trigger,
      scheduledAt,
      reason: refused.code,
    });
    if (refused.code !== 'schedule_changed') await note(firing, { last_problem: refused.message });
    return { executionId: null, problem: refused.message };
  }
}

interface ScheduleRow {
  readonly spec: ScheduleTrigger | null;
  readonly generation: number;
  readonly changed_at: Date;
}

/**
 * A time of the form before the present one still counts if it came before the change: it was only
 * late. It starts what is published now, as every start does.
 */
function isOver(firing: Firing, row: ScheduleRow | undefined): StartRefusal | undefined {
  if (row === undefined || row.spec === null) {
    return { code: 'schedule_changed', message: 'The schedule has been removed since then.' };
  }
  if (row.generation === firing.generation || new Date(firing.scheduledAt) < row.changed_at) {
    return undefined;
  }
  return { code: 'schedule_changed', message: 'The schedule has been changed since then.' };
}

function inputOf(
  row: ScheduleRow | undefined,
  scope: { readonly trigger: JsonObject; readonly workflow: JsonObject },
): { readonly rendered: JsonObject } | { readonly refused: StartRefusal } {
  try {
    // It was read from JSON, and is an object: rendering keeps it one.
    const input = (row?.spec?.input ?? {}) as Json;
    return { rendered: renderValue(input, scope, '/input') as JsonObject };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { refused: { code: 'input_failed', message: `The schedule’s input: ${error.message}` } };
  }
}

/** One execution per time, however often it is fired: after a crash, or to make up for an outage. */
function executionIdOf({ projectId, workflowId, trigger, scheduledAt }: Firing): string {
  const hash = createHash('sha256').update(
    JSON.stringify(['schedule', projectId, workflowId, trigger, scheduledAt]),
  );
  return `${workflowId}_${hash.digest('hex').slice(0, 32)}`;
}
