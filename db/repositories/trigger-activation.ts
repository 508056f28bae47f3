/**
 * What publishing does to a definition's triggers, in the transaction that publishes: from its
 * commit on the new version's triggers fire and the old one's don't.
 */
import type { Knex } from 'knex';
import type { Definition } from '../../workflows/graph/definition.ts';
import { withKeys } from '../../workflows/graph/trigger-schemas.ts';
import { toJsonParameter } from '../json.ts';

interface Place {
  readonly projectId: string;
  readonly workflowId: string;
}

/** The definition's row must be locked. */
export async function activateTriggers(
  transaction: Knex,
  { projectId, workflowId }: Place,
  { triggers, settings }: Pick<Definition, 'triggers' | 'settings'>,
): Promise<void> {
  const at = { project_id: projectId, workflow_id: workflowId };
  await transaction('workflow_definitions')
    .where(at)
    .update({
      published_triggers: toJsonParameter(triggers),
      published_settings: toJsonParameter(settings),
    });
  await transaction('event_subscriptions').where(at).delete();
  const subscriptions = new Map(
    triggers
      .flatMap((trigger) => {
        if (trigger.type === 'event') return [[`event ${trigger.event}`, trigger.event, 'event']];
        if (trigger.type === 'inbound') {
          return [[`inbound ${trigger.connector}`, trigger.connector, 'inbound']];
        }
        return [];
      })
      .map(([key, eventType, source]) => [key, { ...at, event_type: eventType, source }] as const),
  );
  if (subscriptions.size > 0) {
    await transaction('event_subscriptions').insert([...subscriptions.values()]);
  }
  await setSchedules(transaction, { projectId, workflowId }, triggers);
}

/** Nothing fires any more. The addresses of webhooks are kept for the next version. */
export async function deactivateTriggers(
  transaction: Knex,
  { projectId, workflowId }: Place,
): Promise<void> {
  const at = { project_id: projectId, workflow_id: workflowId };
  await transaction('workflow_definitions')
    .where(at)
    .update({ published_triggers: null, published_settings: null });
  await transaction('event_subscriptions').where(at).delete();
  await setSchedules(transaction, { projectId, workflowId }, []);
}

/**
 * A schedule whose trigger is as it was is left alone, so that it goes on without a gap. A changed
 * one gets a new generation, by which a firing of the old one is told from one of the new.
 */
async function setSchedules(
  transaction: Knex,
  { projectId, workflowId }: Place,
  triggers: Definition['triggers'],
): Promise<void> {
  const wanted = withKeys(triggers).filter(({ trigger }) => trigger.type === 'schedule');
  await transaction('schedules')
    .where({ project_id: projectId, workflow_id: workflowId })
    .whereNotNull('spec')
    .whereNotIn(
      'trigger_key',
      wanted.map(({ key }) => key),
    )
    .update({ spec: null, ...changed(transaction) });
  for (const { key, trigger } of wanted) {
    await transaction.raw(
      `INSERT INTO schedules AS known (id, project_id, workflow_id, trigger_key, spec)
       VALUES (:id, :projectId, :workflowId, :key, CAST(:spec AS jsonb))
       ON CONFLICT (project_id, workflow_id, trigger_key) DO UPDATE SET
         spec = excluded.spec, generation = known.generation + 1,
         changed_at = clock_timestamp(), next_try_at = clock_timestamp(), error = NULL,
         last_problem = NULL
       WHERE known.spec IS DISTINCT FROM excluded.spec`,
      {
        id: `masar/${projectId}/${workflowId}/${key}`,
        projectId,
        workflowId,
        key,
        spec: toJsonParameter(trigger),
      },
    );
  }
}

function changed(database: Knex) {
  return {
    generation: database.raw('generation + 1'),
    changed_at: database.raw('clock_timestamp()'),
    next_try_at: database.raw('clock_timestamp()'),
  };
}
