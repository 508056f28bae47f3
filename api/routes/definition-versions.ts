/** The versions of a workflow: list, read, compare, take up again. */
import { z } from 'zod';
import type { ConnectorManifest } from '../../connectors/contract.ts';
import type { DefinitionVersionRepository } from '../../db/repositories/definition-versions.ts';
import type { DefinitionRepository } from '../../db/repositories/definitions.ts';
import { type Definition, triggerSchema } from '../../workflows/graph/definition.ts';
import { diffDefinitions } from '../../workflows/graph/definition-diff.ts';
import { draftSchema, graphFields, toDraft, workflowParams } from '../definition-view.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { iso, timeField } from '../fields.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import { unknownVersion, unknownWorkflow } from '../refusals.ts';

const versionNumber = z.coerce
  .number({ error: 'must be the number of a version' })
  .int({ error: 'must be the number of a version' })
  .min(1)
  .max(2_147_483_647);
const versionParams = workflowParams.extend({ version: versionNumber });

const versionSchema = z
  .object({
    version: z.int(),
    isPublished: z.boolean().meta({ description: 'True: this is the version that starts' }),
    publishedAt: timeField,
  })
  .meta({ id: 'WorkflowVersion' });

const versionWithDefinitionSchema = versionSchema
  .extend({
    workflowId: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    ...graphFields,
  })
  .meta({ id: 'WorkflowVersionWithDefinition' });

const draftOrVersion = z.union([z.literal('draft'), versionNumber], {
  error: 'must be "draft" or the number of a version',
});

const changeField = z.enum(['added', 'removed', 'changed']);
const insideField = z
  .string()
  .nullable()
  .meta({ description: 'The forEach whose body it stands in; null on the outermost level' });
const summaryField = z.string().meta({ description: 'The change in a sentence, for people' });
const fieldChangeSchema = z
  .object({
    pointer: z.string().meta({
      description: 'JSON pointer into the node, the settings or the definition',
      example: '/config/subject',
    }),
    change: changeField,
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    summary: summaryField,
  })
  .meta({ id: 'FieldChange' });

const diffSchema = z
  .object({
    workflowId: z.string(),
    from: z.union([z.int(), z.literal('draft')]),
    to: z.union([z.int(), z.literal('draft')]),
    identical: z.boolean(),
    about: z.array(fieldChangeSchema).meta({ description: 'Name and description' }),
    nodes: z.array(
      z.object({
        nodeId: z.string(),
        change: changeField,
        type: z.string(),
        inside: insideField,
        cosmetic: z.boolean().meta({ description: 'True: only its place or its notes differ' }),
        fields: z.array(fieldChangeSchema),
        summary: summaryField,
      }),
    ),
    connections: z.array(
      z.object({
        change: z.enum(['added', 'removed']),
        from: z.string(),
        output: z.string().nullable().meta({ description: 'null: the default output' }),
        to: z.string(),
        inside: insideField,
        summary: summaryField,
      }),
    ),
    triggers: z.array(
      z.object({
        change: z.enum(['added', 'removed']),
        trigger: triggerSchema,
        summary: summaryField,
      }),
    ),
    settings: z.array(fieldChangeSchema),
  })
  .meta({ id: 'WorkflowDiff' });

export interface DefinitionVersionDeps {
  readonly definitions: DefinitionRepository;
  readonly versions: DefinitionVersionRepository;
  readonly catalog: readonly ConnectorManifest[];
}

export function definitionVersionRoutes(deps: DefinitionVersionDeps): Endpoint[] {
  const { definitions, versions, catalog } = deps;
  const tag = 'Workflows';

  async function requireVersion(projectId: string, workflowId: string, version: number) {
    const found = await versions.find(projectId, workflowId, version);
    if (found !== undefined) return found;
    const known = await definitions.find(projectId, workflowId);
    throw known === undefined ? unknownWorkflow(workflowId) : unknownVersion(workflowId, version);
  }

  async function definitionOf(
    projectId: string,
    workflowId: string,
    which: number | 'draft',
  ): Promise<Definition> {
    if (which !== 'draft') return (await requireVersion(projectId, workflowId, which)).definition;
    const stored = await definitions.find(projectId, workflowId);
    if (stored === undefined) throw unknownWorkflow(workflowId);
    return stored.definition;
  }

  return [
    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}/versions',
      operationId: 'listWorkflowVersions',
      tag,
      summary: 'List the published versions, newest first',
      problems: [404],
      params: workflowParams,
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page', schema: pageOf(versionSchema) } },
    }).handledBy(async ({ caller, params: { workflowId }, query }) => {
      const stored = await definitions.find(caller.projectId, workflowId);
      if (stored === undefined) throw unknownWorkflow(workflowId);
      const before = decodeCursor(query.cursor, z.tuple([cursorNumber]))?.[0];
      const rows = await versions.list(
        caller.projectId,
        workflowId,
        query.limit + 1,
        before === undefined ? undefined : Number(before),
      );
      return {
        status: 200,
        body: toPage(
          rows,
          query.limit,
          (row) => ({
            version: row.version,
            isPublished: row.version === stored.publishedVersion,
            publishedAt: iso(row.publishedAt),
          }),
          (row) => [String(row.version)],
        ),
      };
    }),

    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}/versions/{version}',
      operationId: 'getWorkflowVersion',
      tag,
      summary: 'A published version with its definition',
      problems: [404],
      params: versionParams,
      responses: { 200: { description: 'The version', schema: versionWithDefinitionSchema } },
    }).handledBy(async ({ caller, params: { workflowId, version } }) => {
      const found = await requireVersion(caller.projectId, workflowId, version);
      const stored = await definitions.find(caller.projectId, workflowId);
      const { name, description, nodes, connections, triggers, settings } = found.definition;
      return {
        status: 200,
        body: {
          workflowId,
          version,
          isPublished: stored?.publishedVersion === version,
          publishedAt: iso(found.publishedAt),
          name,
          description: description ?? null,
          nodes,
          connections,
          triggers,
          settings,
        },
      };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/versions/{version}/restore',
      operationId: 'restoreWorkflowVersion',
      tag,
      summary: 'Make an earlier version the draft',
      description:
        'Replaces the draft, changes in it that were not published included. What is published goes on as it is until the draft is published.',
      idempotency: 'stored',
      problems: [404],
      params: versionParams,
      responses: { 200: { description: 'The draft', schema: draftSchema } },
    }).handledBy(async ({ caller, params: { workflowId, version } }) => {
      const { definition } = await requireVersion(caller.projectId, workflowId, version);
      const stored = await definitions.replace(caller.projectId, definition);
      if (stored === undefined) throw unknownWorkflow(workflowId);
      return { status: 200, body: toDraft(stored, catalog) };
    }),

    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}/diff',
      operationId: 'diffWorkflow',
      tag,
      summary: 'What differs between two versions, or a version and the draft',
      problems: [404],
      params: workflowParams,
      query: z.object({
        from: draftOrVersion.meta({ description: 'The older one', example: 1 }),
        to: draftOrVersion.default('draft').meta({ description: 'The newer one' }),
      }),
      responses: { 200: { description: 'The differences', schema: diffSchema } },
    }).handledBy(async ({ caller, params: { workflowId }, query: { from, to } }) => {
      const [before, after] = await Promise.all([
        definitionOf(caller.projectId, workflowId, from),
        definitionOf(caller.projectId, workflowId, to),
      ]);
      const { identical, about, nodes, connections, triggers, settings } = diffDefinitions(
        before,
        after,
      );
      return {
        status: 200,
        body: {
          workflowId,
          from,
          to,
          identical,
          about: [...about],
          nodes: nodes.map((node) => ({ ...node, fields: [...node.fields] })),
          connections: [...connections],
          triggers: [...triggers],
          settings: [...settings],
        },
      };
    }),
  ];
}
