/** Saves a definition that came as a file. */

import { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import { draftSchema } from './api-schemas.ts';
import type { DefinitionFile } from './definition-file.ts';
import { OperatorError } from './local-process.ts';

export interface Imported {
  readonly draft: z.infer<typeof draftSchema>;
  /** What could not be carried over as it was, for an export of another product. */
  readonly report: readonly { readonly node?: string | undefined; readonly message: string }[];
}

const namedSchema = z.looseObject({ workflowId: z.string().optional() });

/**
 * @param id replaces the one in the file
 * @throws OperatorError `definition_file` if no id is known; ApiRefusal
 */
export async function importDefinition(
  api: ApiClient,
  file: DefinitionFile,
  id: string | undefined,
): Promise<Imported> {
  const named = namedSchema.safeParse(file.value);
  if (!named.success) {
    throw new OperatorError('definition_file', `${file.name} does not hold a definition.`);
  }
  const workflowId = id ?? named.data.workflowId;
  if (workflowId === undefined) {
    throw new OperatorError(
      'definition_file',
      `${file.name} has no workflowId. Add one, or give it with --id.`,
    );
  }
  const draft = await api.call(
    'PUT',
    `/api/workflows/${encodeURIComponent(workflowId)}`,
    draftSchema,
    { body: { ...named.data, workflowId } },
  );
  return { draft, report: [] };
}
