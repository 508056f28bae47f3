/** Outputs pinned to nodes of drafts. */
import type { Knex } from 'knex';
import type { KeptResult } from '../../workflows/contract.ts';
import type { Json } from '../../workflows/graph/json.ts';

export interface Pin extends KeptResult {
  readonly nodeId: string;
  readonly updatedAt: Date;
}

interface PinRow {
  readonly node_id: string;
  readonly output: Json;
  readonly output_port: string;
  readonly updated_at: Date;
}

const COLUMNS = ['node_id', 'output', 'output_port', 'updated_at'] as const;

export type PinRepository = ReturnType<typeof createPinRepository>;

export function createPinRepository(database: Knex) {
  return {
    /** Every pin of a draft by node id: no more than it has nodes, and those it once had. */
    async list(projectId: string, workflowId: string): Promise<readonly Pin[]> {
      const rows: PinRow[] = await database('workflow_pins')
        .where({ project_id: projectId, workflow_id: workflowId })
        .orderBy('node_id')
        .select(...COLUMNS);
      return rows.map(toPin);
    },

    async put(
      projectId: string,
      workflowId: string,
      nodeId: string,
      { output, port }: KeptResult,
    ): Promise<Pin> {
      const [row]: PinRow[] = await database('workflow_pins')
        .insert({
          project_id: projectId,
          workflow_id: workflowId,
          node_id: nodeId,
          // Null is an output too, not its absence.
          output: JSON.stringify(output),
          output_port: port,
        })
        .onConflict(['project_id', 'workflow_id', 'node_id'])
        .merge(['output', 'output_port'])
        .returning([...COLUMNS]);
      if (row === undefined) throw new Error('A written pin came back as nothing.');
      return toPin(row);
    },

    /** @returns false if there was none */
    async delete(projectId: string, workflowId: string, nodeId: string): Promise<boolean> {
      const deleted = await database('workflow_pins')
        .where({ project_id: projectId, workflow_id: workflowId, node_id: nodeId })
        .delete();
      return deleted > 0;
    },
  };
}

function toPin(row: PinRow): Pin {
  return {
    nodeId: row.node_id,
    output: row.output,
    port: row.output_port,
    updatedAt: row.updated_at,
  };
}
