/** Workflows as files: export and import. */
import { z } from 'zod';
import type { ConnectorManifest } from '../../connectors/contract.ts';
import type { DefinitionVersionRepository } from '../../db/repositories/definition-versions.ts';
import type { DefinitionRepository, StoredDefinition } from '../../db/repositories/definitions.ts';
import { type Definition, workflowIdSchema } from '../../workflows/graph/definition.ts';
import { TEXT_FORMATS, writeDefinition } from '../../workflows/graph/definition-text.ts';
import { readImport } from '../definition-reading.ts';
import { draftSchema, toDraft, workflowParams } from '../definition-view.ts';
import { type Endpoint, endpoint, rawEndpoint } from '../endpoint.ts';
import { ApiError } from '../problem.ts';
import { unknownVersion, unknownWorkflow } from '../refusals.ts';
import { TEXT_BODY_TYPES, textBodySchema } from '../text-body.ts';

const MEDIA_TYPES = { json: 'application/json', yaml: 'application/yaml' } as const;
/** Names tried for a definition whose own is taken. */
const MAX_RENAMES = 100;
const MAX_ID_LENGTH = 128;

const IMPORT_FORMATS = [...TEXT_FORMATS, 'n8n'] as const;

const reportItemSchema = z
  .object({
    severity: z.enum(['info', 'warning', 'error']).meta({
      description: '`error`: it does not work before a person has mended it',
    }),
    n8nNode: z.string().nullable().meta({ description: 'null: it concerns the whole workflow' }),
    field: z.string().optional(),
    message: z.string(),
    suggestion: z.string(),
  })
  .meta({ id: 'ImportReportItem' });

const importedSchema = draftSchema
  .extend({
    format: z.enum(IMPORT_FORMATS).meta({ description: 'What the text was read as' }),
    report: z.array(reportItemSchema).meta({
      description: 'What of an n8n workflow could not be carried over as it was',
    }),
  })
  .meta({ id: 'ImportedWorkflow' });

export interface DefinitionFileDeps {
  readonly definitions: DefinitionRepository;
  readonly versions: DefinitionVersionRepository;
  readonly catalog: readonly ConnectorManifest[];
}

export function definitionFileRoutes(deps: DefinitionFileDeps): Endpoint[] {
  const { definitions, versions, catalog } = deps;
  const tag = 'Workflows';

  return [
    rawEndpoint({
      method: 'get',
      path: '/workflows/{workflowId}/export',
      operationId: 'exportWorkflow',
      tag,
      summary: 'The definition as a file',
      description:
        'Keys come in a fixed order, so that a changed field is a changed line. Credentials are named, never contained. Importing the file gives the same definition.',
      problems: [404],
      params: workflowParams,
      query: z.object({
        format: z.enum(TEXT_FORMATS).default('json'),
        version: z.coerce
          .number({ error: 'must be the number of a version' })
          .int({ error: 'must be the number of a version' })
          .min(1)
          .max(2_147_483_647)
          .optional()
          .meta({ description: 'A published version; the draft where left out' }),
      }),
      mediaType: Object.values(MEDIA_TYPES),
      responses: { 200: { description: 'The file', schema: z.unknown() } },
    }).handledBy(async ({ caller, params: { workflowId }, query }, { response }) => {
      const { format, version } = query;
      const definition = await definitionOf(caller.projectId, workflowId, version);
      response
        .status(200)
        .type(`${MEDIA_TYPES[format]}; charset=utf-8`)
        .attachment(`${workflowId}.${format}`)
        .send(writeDefinition(definition, format));
    }),

    endpoint({
      method: 'post',
      path: '/workflows/import',
      operationId: 'importWorkflow',
      tag,
      summary: 'Create or replace a draft from a file',
      description:
        'Takes what export gives, in JSON or YAML, and workflows that n8n exported. A draft may be imported with issues; publishing refuses them. What of an n8n workflow has no certain counterpart is told in `report`.',
      idempotency: 'stored',
      problems: [409],
      query: z.object({
        format: z.enum(IMPORT_FORMATS).optional().meta({
          description:
            'How to read the body; by its content type where left out, and what looks like n8n’s is taken for it',
        }),
        workflowId: workflowIdSchema
          .optional()
          .meta({ description: 'Id of the draft, instead of the file’s' }),
        ifExists: z.enum(['fail', 'replace', 'rename']).default('fail').meta({
          description:
            'If there is a workflow with that id: refuse, replace its draft, or take an id with a number at its end',
        }),
      }),
      body: textBodySchema,
      bodyTypes: TEXT_BODY_TYPES,
      responses: {
        200: { description: 'The replaced draft', schema: importedSchema },
        201: { description: 'The new draft', schema: importedSchema },
      },
    }).handledBy(async ({ caller, query, body }) => {
      const { definition, format, report } = readImport(body, query);
      const { stored, isNew } = await save(caller, definition, query.ifExists);
      const answer = { ...toDraft(stored, catalog), format, report: [...report] };
      return isNew ? { status: 201, body: answer } : { status: 200, body: answer };
    }),
  ];

  async function definitionOf(
    projectId: string,
    workflowId: string,
    version: number | undefined,
  ): Promise<Definition> {
    const stored = await definitions.find(projectId, workflowId);
    if (stored === undefined) throw unknownWorkflow(workflowId);
    if (version === undefined) return stored.definition;
    const frozen = await versions.find(projectId, workflowId, version);
    if (frozen === undefined) throw unknownVersion(workflowId, version);
    return frozen.definition;
  }

  async function save(
    { projectId, keyId }: { readonly projectId: string; readonly keyId: string },
    definition: Definition,
    ifExists: 'fail' | 'replace' | 'rename',
  ): Promise<{ readonly stored: StoredDefinition; readonly isNew: boolean }> {
    const { workflowId } = definition;
    if (ifExists === 'replace') {
      const replaced = await definitions.replace(projectId, definition);
      if (replaced !== undefined) return { stored: replaced, isNew: false };
    }
    const created = await definitions.insert(projectId, definition, keyId);
    if (created !== undefined) return { stored: created, isNew: true };
    for (let number = 2; ifExists === 'rename' && number <= MAX_RENAMES; number += 1) {
      const suffix = `-${number}`;
      const renamed = workflowId.slice(0, MAX_ID_LENGTH - suffix.length) + suffix;
      const copy = { ...definition, workflowId: renamed };
      const stored = await definitions.insert(projectId, copy, keyId);
      if (stored !== undefined) return { stored, isNew: true };
    }
    throw new ApiError(
      'workflow_exists',
      `There is a workflow "${workflowId}" already. Say with the parameter ifExists whether to replace its draft or to take another id (replace, rename), or give one as workflowId.`,
    );
  }
}
