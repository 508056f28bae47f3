/** Saves a definition that came as a file. */

import { z } from 'zod';
import { type ApiClient, ApiRefusal } from './api-client.ts';
import { draftSchema } from './api-schemas.ts';
import type { DefinitionFile } from './definition-file.ts';
import { OperatorError } from './local-process.ts';

const reportItemSchema = z.looseObject({
  severity: z.string(),
  /** Null: it concerns the whole workflow. */
  n8nNode: z.string().nullable(),
  message: z.string(),
  suggestion: z.string(),
});

const importedSchema = draftSchema.extend({
  format: z.string(),
  /** What could not be carried over as it was, from an export of another product. */
  report: z.array(reportItemSchema).optional(),
});
export type Imported = z.infer<typeof importedSchema>;

export const IF_EXISTS = ['fail', 'replace', 'rename'] as const;

export interface ImportOptions {
  /** Replaces the one in the file. */
  readonly id?: string | undefined;
  readonly ifExists: (typeof IF_EXISTS)[number];
}

/** @throws OperatorError `definition_file` if the id is taken; ApiRefusal with what is wrong */
export async function importDefinition(
  api: ApiClient,
  file: DefinitionFile,
  { id, ifExists }: ImportOptions,
): Promise<Imported> {
  try {
    return await api.call('POST', '/api/workflows/import', importedSchema, {
      body: file.text,
      contentType: file.format === 'json' ? 'application/json' : 'application/yaml',
      query: { workflowId: id, ifExists },
    });
  } catch (error) {
    if (!(error instanceof ApiRefusal) || error.problem !== 'workflow_exists') throw error;
    throw new OperatorError(
      'definition_file',
      `There is a workflow of that id already. Replace its draft with --if-exists replace, keep both with --if-exists rename, or choose an id with --id.`,
      error,
    );
  }
}
