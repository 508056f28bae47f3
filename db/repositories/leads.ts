/** Leads: an id and whatever JSON is known of them. */
import type { Knex } from 'knex';
import type { JsonObject } from '../../workflows/graph/json.ts';
import type { ListKey } from './definitions.ts';

export interface StoredLead {
  readonly leadId: string;
  /** Without the id. */
  readonly data: JsonObject;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface LeadRow {
  readonly id: string;
  readonly data: JsonObject;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS = ['id', 'data', 'created_at', 'updated_at'] as const;

export type LeadRepository = ReturnType<typeof createLeadRepository>;

export function createLeadRepository(database: Knex) {
  return {
    /** @returns undefined if the id is taken */
    async insert(
      projectId: string,
      leadId: string,
      data: JsonObject,
    ): Promise<StoredLead | undefined> {
      const rows: LeadRow[] = await database('leads')
        .insert({ project_id: projectId, id: leadId, data: JSON.stringify(data) })
        .onConflict(['project_id', 'id'])
        .ignore()
        .returning([...COLUMNS]);
      return rows[0] === undefined ? undefined : toStored(rows[0]);
    },

    async find(projectId: string, leadId: string): Promise<StoredLead | undefined> {
      const row: LeadRow | undefined = await database('leads')
        .where({ project_id: projectId, id: leadId })
        .first(...COLUMNS);
      return row === undefined ? undefined : toStored(row);
    },

    /** @returns the id of the lead that has the phone number, however it is written; the oldest one */
    async findByPhone(projectId: string, phone: string): Promise<string | undefined> {
      const row: { id: string } | undefined = await database('leads')
        .where({ project_id: projectId })
        .whereRaw("regexp_replace(data ->> 'phone', '\\D', '', 'g') = ?", [
          phone.replace(/\D/g, ''),
        ])
        .orderBy(['created_at', 'id'])
        .first('id');
      return row?.id;
    },

    /**
     * Changes a lead under a lock, so that of two changes at once neither is lost.
     * @returns undefined if there is no such lead
     */
    async update(
      projectId: string,
      leadId: string,
      change: (data: JsonObject) => JsonObject,
    ): Promise<StoredLead | undefined> {
      return database.transaction(async (transaction) => {
        const row: LeadRow | undefined = await transaction('leads')
          .where({ project_id: projectId, id: leadId })
          .forUpdate()
          .first(...COLUMNS);
        if (row === undefined) return undefined;
        const rows: LeadRow[] = await transaction('leads')
          .where({ project_id: projectId, id: leadId })
          .update({ data: JSON.stringify(change(row.data)) })
          .returning([...COLUMNS]);
        return rows[0] === undefined ? undefined : toStored(rows[0]);
      });
    },

    /** Oldest first. @param after sort key of the last item of the page before */
    async list(
      projectId: string,
      limit: number,
      after: ListKey | undefined,
    ): Promise<readonly (StoredLead & { readonly key: ListKey })[]> {
      const query = database('leads')
        .where({ project_id: projectId })
        .orderBy([{ column: 'created_at' }, { column: 'id' }])
        .limit(limit);
      if (after !== undefined) {
        query.whereRaw('(created_at, id) > (CAST(? AS timestamptz), ?)', [...after]);
      }
      const rows: (LeadRow & { cursor_at: string })[] = await query.select(
        ...COLUMNS,
        database.raw('CAST(created_at AS text) AS cursor_at'),
      );
      return rows.map((row) => ({ ...toStored(row), key: [row.cursor_at, row.id] as const }));
    },
  };
}

function toStored(row: LeadRow): StoredLead {
  return {
    leadId: row.id,
    data: row.data,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
