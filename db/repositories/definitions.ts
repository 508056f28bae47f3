/** Definitions: their drafts, their frozen versions, and which events start them. */
import type { Knex } from 'knex';
import type { Definition } from '../../workflows/graph/definition.ts';
import type { ExecutionPlan } from '../../workflows/graph/plan-types.ts';
import { toJsonParameter } from '../json.ts';
import { activateTriggers, deactivateTriggers } from './trigger-activation.ts';

export interface DefinitionSummary {
  readonly workflowId: string;
  readonly name: string;
  readonly description: string | null;
  /** The version that publishing the draft gives it. */
  readonly draftVersion: number;
  readonly publishedVersion: number | null;
  readonly isActive: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface StoredDefinition extends DefinitionSummary {
  readonly definition: Definition;
}

export interface DefinitionFilter {
  /** Part of the name or of the id, whatever its case. */
  readonly search?: string | undefined;
  readonly isActive?: boolean | undefined;
}

export interface PublishedPlan {
  readonly plan: ExecutionPlan;
  readonly description: string | undefined;
}

/** Sort key of a list: the creation time as PostgreSQL writes it, and the id. */
export type ListKey = readonly [createdAt: string, id: string];

interface DefinitionRow {
  readonly id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly description: string | null;
  readonly nodes: Definition['nodes'];
  readonly connections: Definition['connections'];
  readonly triggers: Definition['triggers'];
  readonly settings: Definition['settings'];
  readonly is_active: boolean;
  readonly draft_version: number;
  readonly published_version: number | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const SUMMARY_COLUMNS = [
  'id',
  'workflow_id',
  'name',
  'description',
  'is_active',
  'draft_version',
  'published_version',
  'created_at',
  'updated_at',
] as const;
const CONTENT_COLUMNS = ['nodes', 'connections', 'triggers', 'settings'] as const;

export type DefinitionRepository = ReturnType<typeof createDefinitionRepository>;

export function createDefinitionRepository(database: Knex) {
  const content = (definition: Definition) => ({
    name: definition.name,
    description: definition.description ?? null,
    nodes: toJsonParameter(definition.nodes),
    connections: toJsonParameter(definition.connections),
    triggers: toJsonParameter(definition.triggers),
    settings: toJsonParameter(definition.settings),
  });

  return {
    /** @returns the new draft, or undefined if the project has a definition of that id already */
    async insert(
      projectId: string,
      definition: Definition,
      createdBy: string,
    ): Promise<StoredDefinition | undefined> {
      const rows: DefinitionRow[] = await database('workflow_definitions')
        .insert({
          project_id: projectId,
          workflow_id: definition.workflowId,
          created_by: createdBy,
          ...content(definition),
        })
        .onConflict(['project_id', 'workflow_id'])
        .ignore()
        .returning([...SUMMARY_COLUMNS, ...CONTENT_COLUMNS]);
      return rows[0] === undefined ? undefined : toStored(rows[0]);
    },

    /**
     * Replaces a draft. A draft that was published already becomes the next version's.
     * @returns undefined if there is no such definition
     */
    async replace(
      projectId: string,
      definition: Definition,
    ): Promise<StoredDefinition | undefined> {
      const rows: DefinitionRow[] = await database('workflow_definitions AS draft')
        .where({ project_id: projectId, workflow_id: definition.workflowId })
        .update({
          ...content(definition),
          draft_version: database.raw(`draft_version + CASE WHEN EXISTS (
            SELECT 1 FROM workflow_versions AS frozen
            WHERE frozen.project_id = draft.project_id AND frozen.workflow_id = draft.workflow_id
              AND frozen.version = draft.draft_version) THEN 1 ELSE 0 END`),
        })
        .returning([...SUMMARY_COLUMNS, ...CONTENT_COLUMNS]);
      return rows[0] === undefined ? undefined : toStored(rows[0]);
    },

    async find(projectId: string, workflowId: string): Promise<StoredDefinition | undefined> {
      const row: DefinitionRow | undefined = await database('workflow_definitions')
        .where({ project_id: projectId, workflow_id: workflowId })
        .first(...SUMMARY_COLUMNS, ...CONTENT_COLUMNS);
      return row === undefined ? undefined : toStored(row);
    },

    /** Oldest first. @param after sort key of the last item of the page before */
    async list(
      projectId: string,
      filter: DefinitionFilter,
      limit: number,
      after: ListKey | undefined,
    ): Promise<readonly (DefinitionSummary & { readonly key: ListKey })[]> {
      const query = database('workflow_definitions')
        .where({ project_id: projectId })
        .orderBy([{ column: 'created_at' }, { column: 'id' }])
        .limit(limit);
      if (filter.isActive !== undefined) query.where({ is_active: filter.isActive });
      if (filter.search !== undefined) {
        const pattern = `%${filter.search.replaceAll(/[\\%_]/g, '\\$&')}%`;
        query.whereRaw('(name ILIKE ? OR workflow_id ILIKE ?)', [pattern, pattern]);
      }
      if (after !== undefined) {
        query.whereRaw('(created_at, id) > (CAST(? AS timestamptz), CAST(? AS uuid))', [...after]);
      }
      const rows: (DefinitionRow & { cursor_at: string })[] = await query.select(
        ...SUMMARY_COLUMNS,
        database.raw('CAST(created_at AS text) AS cursor_at'),
      );
      return rows.map((row) => ({ ...toSummary(row), key: [row.cursor_at, row.id] as const }));
    },

    /**
     * Freezes the draft as a version (or takes up again the one it was frozen as) and points its
     * triggers at it, in one transaction, so that no event meets two versions or none.
     * @param plan makes the plan of the version; called with the row locked
     * @returns undefined if there is no such definition
     * @throws whatever `plan` throws; nothing is published then
     */
    async publish(
      projectId: string,
      workflowId: string,
      publishedBy: string,
      plan: (definition: Definition, version: number) => ExecutionPlan,
    ): Promise<{ version: number; publishedAt: Date } | undefined> {
      return database.transaction(async (transaction) => {
        const row: DefinitionRow | undefined = await transaction('workflow_definitions')
          .where({ project_id: projectId, workflow_id: workflowId })
          .forUpdate()
          .first(...SUMMARY_COLUMNS, ...CONTENT_COLUMNS);
        if (row === undefined) return undefined;
        const { definition } = toStored(row);
        const version = row.draft_version;
        await transaction('workflow_versions')
          .insert({
            project_id: projectId,
            workflow_id: workflowId,
            version,
            definition: toJsonParameter(definition),
            plan: toJsonParameter(plan(definition, version)),
            published_by: publishedBy,
          })
          .onConflict(['project_id', 'workflow_id', 'version'])
          .ignore();
        const frozen: { published_at: Date } = await transaction('workflow_versions')
          .where({ project_id: projectId, workflow_id: workflowId, version })
          .first('published_at');
        await transaction('workflow_definitions')
          .where({ id: row.id })
          .update({ is_active: true, published_version: version });
        await activateTriggers(transaction, { projectId, workflowId }, definition);
        return { version, publishedAt: frozen.published_at };
      });
    },

    /** Nothing starts it any more; what runs goes on. @returns undefined if there is none */
    async unpublish(projectId: string, workflowId: string): Promise<StoredDefinition | undefined> {
      return database.transaction(async (transaction) => {
        const rows: DefinitionRow[] = await transaction('workflow_definitions')
          .where({ project_id: projectId, workflow_id: workflowId })
          .update({ is_active: false, published_version: null })
          .returning([...SUMMARY_COLUMNS, ...CONTENT_COLUMNS]);
        if (rows[0] === undefined) return undefined;
        await deactivateTriggers(transaction, { projectId, workflowId });
        return toStored(rows[0]);
      });
    },

    /**
     * Deletes a definition with its versions, unless executions of it are unfinished: those would
     * lose their plan. Starting takes a key share lock on the row, so no start slips in between.
     */
    async delete(
      projectId: string,
      workflowId: string,
    ): Promise<{ readonly outcome: 'deleted' | 'missing' } | { outcome: 'in_use'; open: number }> {
      return database.transaction(async (transaction) => {
        const row = await transaction('workflow_definitions')
          .where({ project_id: projectId, workflow_id: workflowId })
          .forUpdate()
          .first('id');
        if (row === undefined) return { outcome: 'missing' };
        const open = await transaction('executions')
          .where({ project_id: projectId, workflow_id: workflowId })
          .where('version', '>', 0)
          .whereRaw("status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')")
          .count({ open: '*' })
          .first();
        if (Number(open?.open ?? 0) > 0) return { outcome: 'in_use', open: Number(open?.open) };
        await deactivateTriggers(transaction, { projectId, workflowId });
        await transaction('workflow_definitions').where({ id: row.id }).delete();
        return { outcome: 'deleted' };
      });
    },

    /**
     * The frozen plan of a version of a definition. It never changes, so it may be cached for good.
     * @param definitionId the row's id, since a deleted definition's name can be used again
     */
    async findPlan(definitionId: string, version: number): Promise<PublishedPlan | undefined> {
      const row: { plan: ExecutionPlan; description: string | null } | undefined = await database(
        'workflow_versions AS frozen',
      )
        .join('workflow_definitions AS definition', (join) =>
          join
            .on('definition.project_id', 'frozen.project_id')
            .andOn('definition.workflow_id', 'frozen.workflow_id'),
        )
        .where({ 'definition.id': definitionId, 'frozen.version': version })
        .first('frozen.plan', database.raw("frozen.definition ->> 'description' AS description"));
      return row === undefined
        ? undefined
        : { plan: row.plan, description: row.description ?? undefined };
    },
  };
}

function toSummary(row: DefinitionRow): DefinitionSummary {
  return {
    workflowId: row.workflow_id,
    name: row.name,
    description: row.description,
    draftVersion: row.draft_version,
    publishedVersion: row.published_version,
    isActive: row.is_active,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toStored(row: DefinitionRow): StoredDefinition {
  return {
    ...toSummary(row),
    definition: {
      workflowId: row.workflow_id,
      name: row.name,
      ...(row.description === null ? {} : { description: row.description }),
      nodes: row.nodes,
      connections: row.connections,
      triggers: row.triggers,
      settings: row.settings,
    },
  };
}
