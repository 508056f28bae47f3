/** The triggers of definitions, and what is known of their schedules. */
import type { Knex } from 'knex';
import type { Definition } from '../../workflows/graph/definition.ts';

export interface KnownTriggers {
  /** True: they are those of the published version; else of the draft. */
  readonly isActive: boolean;
  readonly triggers: Definition['triggers'];
}

export interface ScheduleState {
  readonly key: string;
  /** True once Temporal has it as it is published. */
  readonly isSet: boolean;
  /** Why Temporal doesn't have it yet. */
  readonly error: string | null;
  readonly lastFiredAt: Date | null;
  readonly lastExecutionId: string | null;
  /** Why the last time that came started nothing. */
  readonly lastProblem: string | null;
}

export type TriggerRepository = ReturnType<typeof createTriggerRepository>;

export function createTriggerRepository(database: Knex) {
  return {
    /** @returns undefined if there is no such definition */
    async find(projectId: string, workflowId: string): Promise<KnownTriggers | undefined> {
      const row: TriggerRow | undefined = await database('workflow_definitions')
        .where({ project_id: projectId, workflow_id: workflowId })
        .first('published_triggers', 'triggers');
      if (row === undefined) return undefined;
      return {
        isActive: row.published_triggers !== null,
        triggers: row.published_triggers ?? row.triggers,
      };
    },

    async schedules(projectId: string, workflowId: string): Promise<readonly ScheduleState[]> {
      const rows: ScheduleRow[] = await database('schedules')
        .where({ project_id: projectId, workflow_id: workflowId })
        .whereNotNull('spec')
        .select(
          'trigger_key',
          'generation',
          'applied_generation',
          'error',
          'last_fired_at',
          'last_execution_id',
          'last_problem',
        );
      return rows.map((row) => ({
        key: row.trigger_key,
        isSet: row.applied_generation === row.generation,
        error: row.error,
        lastFiredAt: row.last_fired_at,
        lastExecutionId: row.last_execution_id,
        lastProblem: row.last_problem,
      }));
    },
  };
}

interface TriggerRow {
  readonly published_triggers: Definition['triggers'] | null;
  readonly triggers: Definition['triggers'];
}

interface ScheduleRow {
  readonly trigger_key: string;
  readonly generation: number;
  readonly applied_generation: number;
  readonly error: string | null;
  readonly last_fired_at: Date | null;
  readonly last_execution_id: string | null;
  readonly last_problem: string | null;
}
