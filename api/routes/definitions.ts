import { z } from 'zod';
import type { ConnectorManifest } from '../../connectors/contract.ts';
import type { DefinitionRepository } from '../../db/repositories/definitions.ts';
import { checkDefinition } from '../../workflows/graph/check-definition.ts';
import {
  type Definition,
  definitionSchema,
  issueSchema,
} from '../../workflows/graph/definition.ts';
import { planDefinition } from '../../workflows/graph/plan.ts';
import { validateDefinition } from '../../workflows/graph/validate.ts';
import {
  definitionSummarySchema,
  draftSchema,
  storedDefinitionSchema,
  toDefinitionSummary,
  toDraft,
  toStoredDefinition,
  workflowParams,
} from '../definition-view.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { flagQuery, iso, timeField } from '../fields.ts';
import { cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import { ApiError } from '../problem.ts';
import { unknownWorkflow } from '../refusals.ts';

const listCursor = z.tuple([cursorTime, z.uuid()]);

export interface DefinitionRouteDeps {
  readonly definitions: DefinitionRepository;
  readonly catalog: readonly ConnectorManifest[];
}

export function definitionRoutes({ definitions, catalog }: DefinitionRouteDeps): Endpoint[] {
  const tag = 'Workflows';

  return [
    endpoint({
      method: 'post',
      path: '/workflows',
      operationId: 'createWorkflow',
      tag,
      summary: 'Create a draft',
      description: 'A draft may be saved with issues; publishing refuses them.',
      idempotency: 'stored',
      problems: [409],
      body: definitionSchema,
      responses: { 201: { description: 'The draft', schema: draftSchema } },
    }).handledBy(async ({ caller, body }) => {
      const stored = await definitions.insert(caller.projectId, body, caller.keyId);
      if (stored === undefined) {
        throw new ApiError(
          'workflow_exists',
          `There is a workflow "${body.workflowId}" already. Replace its draft with PUT, or choose another workflowId.`,
        );
      }
      return { status: 201, body: toDraft(stored, catalog) };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/validate',
      operationId: 'validateWorkflow',
      tag,
      summary: 'Check a definition without saving it',
      description: 'Answers every problem at once, those of its form too.',
      body: z.unknown().meta({
        description: 'A definition; anything is accepted, and what is wrong with it answered',
      }),
      responses: {
        200: {
          description: 'What was found',
          schema: z
            .object({ valid: z.boolean(), issues: z.array(issueSchema) })
            .meta({ id: 'Validation' }),
        },
      },
    }).handledBy(async ({ body }) => {
      const issues = checkDefinition(body, catalog);
      return {
        status: 200,
        body: { valid: issues.every((issue) => issue.severity !== 'error'), issues },
      };
    }),

    endpoint({
      method: 'get',
      path: '/workflows',
      operationId: 'listWorkflows',
      tag,
      summary: 'List workflows, oldest first',
      query: z.object({
        search: z.string().min(1).max(200).optional().meta({
          description: 'Part of the name or of the id, whatever its case',
        }),
        isActive: flagQuery.optional(),
        ...pageQuery,
      }),
      responses: { 200: { description: 'A page', schema: pageOf(definitionSummarySchema) } },
    }).handledBy(async ({ caller, query }) => {
      const { search, isActive } = query;
      const after = decodeCursor(query.cursor, listCursor);
      const rows = await definitions.list(
        caller.projectId,
        { search, isActive },
        query.limit + 1,
        after,
      );
      return {
        status: 200,
        body: toPage(rows, query.limit, toDefinitionSummary, (row) => row.key),
      };
    }),

    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}',
      operationId: 'getWorkflow',
      tag,
      summary: 'A workflow with its draft',
      problems: [404],
      params: workflowParams,
      responses: { 200: { description: 'The workflow', schema: storedDefinitionSchema } },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const stored = await definitions.find(caller.projectId, workflowId);
      if (stored === undefined) throw unknownWorkflow(workflowId);
      return { status: 200, body: toStoredDefinition(stored, catalog) };
    }),

    endpoint({
      method: 'put',
      path: '/workflows/{workflowId}',
      operationId: 'replaceWorkflow',
      tag,
      summary: 'Replace a draft, or create it',
      description: 'What is published goes on as it is until the draft is published.',
      params: workflowParams,
      body: definitionSchema
        .partial({ workflowId: true })
        .meta({ id: 'DefinitionReplacement', description: 'A definition; its id may be left out' }),
      responses: {
        200: { description: 'The replaced draft', schema: draftSchema },
        201: { description: 'The new draft', schema: draftSchema },
      },
    }).handledBy(async ({ caller, params: { workflowId }, body }) => {
      if (body.workflowId !== undefined && body.workflowId !== workflowId) {
        const message = '/workflowId is not the one of the address. A workflow keeps its id.';
        throw new ApiError('invalid_request', message, {
          issues: [{ code: 'id_mismatch', severity: 'error', pointer: '/workflowId', message }],
        });
      }
      const definition: Definition = { ...body, workflowId };
      const replaced = await definitions.replace(caller.projectId, definition);
      if (replaced !== undefined) return { status: 200, body: toDraft(replaced, catalog) };
      const created = await definitions.insert(caller.projectId, definition, caller.keyId);
      if (created !== undefined) return { status: 201, body: toDraft(created, catalog) };
      // Someone else created it between the two statements; the last writer's draft stands.
      const again = await definitions.replace(caller.projectId, definition);
      if (again === undefined) throw unknownWorkflow(workflowId);
      return { status: 200, body: toDraft(again, catalog) };
    }),

    endpoint({
      method: 'delete',
      path: '/workflows/{workflowId}',
      operationId: 'deleteWorkflow',
      tag,
      summary: 'Delete a workflow with its versions',
      description: 'Refused while executions of it are unfinished. Ended ones stay.',
      problems: [404, 409],
      params: workflowParams,
      responses: { 204: { description: 'Deleted' } },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const deleted = await definitions.delete(caller.projectId, workflowId);
      switch (deleted.outcome) {
        case 'missing':
          throw unknownWorkflow(workflowId);
        case 'in_use':
          throw new ApiError(
            'workflow_in_use',
            `Workflow "${workflowId}" has ${deleted.open} unfinished executions. Unpublish it, and delete it when they have ended or were cancelled.`,
          );
        case 'deleted':
          return { status: 204 };
      }
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/publish',
      operationId: 'publishWorkflow',
      tag,
      summary: 'Freeze the draft as a version that can be started',
      description: 'Publishing an unchanged draft again answers the same version.',
      idempotency: 'stored',
      problems: [404, 422],
      params: workflowParams,
      responses: {
        200: {
          description: 'The version',
          schema: z
            .object({ workflowId: z.string(), version: z.int(), publishedAt: timeField })
            .meta({ id: 'Publication' }),
        },
      },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const published = await definitions.publish(
        caller.projectId,
        workflowId,
        caller.keyId,
        (definition, version) => {
          requirePublishable(definition);
          return planDefinition(definition, catalog, { version });
        },
      );
      if (published === undefined) throw unknownWorkflow(workflowId);
      const { version, publishedAt } = published;
      return { status: 200, body: { workflowId, version, publishedAt: iso(publishedAt) } };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/unpublish',
      operationId: 'unpublishWorkflow',
      tag,
      summary: 'Let nothing start it any more',
      description: 'What runs goes on to its end.',
      idempotency: 'stored',
      problems: [404],
      params: workflowParams,
      responses: { 200: { description: 'The draft', schema: draftSchema } },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const stored = await definitions.unpublish(caller.projectId, workflowId);
      if (stored === undefined) throw unknownWorkflow(workflowId);
      return { status: 200, body: toDraft(stored, catalog) };
    }),
  ];

  function requirePublishable(definition: Definition): void {
    const issues = validateDefinition(definition, catalog);
    const errors = issues.filter((issue) => issue.severity === 'error');
    if (errors.length === 0) return;
    throw new ApiError(
      'invalid_definition',
      `The definition has ${errors.length === 1 ? 'an error' : `${errors.length} errors`}, so it can’t be published: ${errors[0]?.message ?? ''}`,
      { issues },
    );
  }
}
