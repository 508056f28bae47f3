/** The frozen versions of definitions. They are written by publishing alone, and never change. */
import type { Knex } from 'knex';
import type { Definition } from '../../workflows/graph/definition.ts';

export interface VersionSummary {
  readonly version: number;
  readonly publishedBy: string | null;
  readonly publishedAt: Date;
}

export interface StoredVersion extends VersionSummary {
  readonly definition: Definition;
}

interface VersionRow {
  readonly version: number;
  readonly published_by: string | null;
  readonly published_at: Date;
}

export type DefinitionVersionRepository = ReturnType<typeof createDefinitionVersionRepository>;

export function createDefinitionVersionRepository(database: Knex) {
  return {
    /** Newest first. @param before the version that the page before ended with */
    async list(
      projectId: string,
      workflowId: string,
      limit: number,
      before: number | undefined,
    ): Promise<readonly VersionSummary[]> {
      const query = database('workflow_versions')
        .where({ project_id: projectId, workflow_id: workflowId })
        .orderBy('version', 'desc')
        .limit(limit);
      if (before !== undefined) query.where('version', '<', before);
      const rows: VersionRow[] = await query.select('version', 'published_by', 'published_at');
      return rows.map(toSummary);
    },

    /** @returns undefined if there is no such version */
    async find(
      projectId: string,
      workflowId: string,
      version: number,
    ): Promise<StoredVersion | undefined> {
      const row: (VersionRow & { definition: Definition }) | undefined = await database(
        'workflow_versions',
      )
        .where({ project_id: projectId, workflow_id: workflowId, version })
        .first('version', 'published_by', 'published_at', 'definition');
      return row === undefined ? undefined : { ...toSummary(row), definition: row.definition };
    },
  };
}

function toSummary(row: VersionRow): VersionSummary {
  return {
    version: row.version,
    publishedBy: row.published_by,
    publishedAt: row.published_at,
  };
}
