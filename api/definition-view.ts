/** How definitions look in answers. */
import { z } from 'zod';
import type { ConnectorManifest } from '../connectors/contract.ts';
import type { DefinitionSummary, StoredDefinition } from '../db/repositories/definitions.ts';
import {
  connectionSchema,
  issueSchema,
  nodeSchema,
  settingsSchema,
  triggerSchema,
  workflowIdSchema,
} from '../workflows/graph/definition.ts';
import { validateDefinition } from '../workflows/graph/validate.ts';
import { iso, timeField } from './fields.ts';

export const workflowParams = z.object({ workflowId: workflowIdSchema });

export const definitionSummarySchema = z
  .object({
    workflowId: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    draftVersion: z.int().meta({ description: 'The version that publishing the draft gives it' }),
    publishedVersion: z.int().nullable(),
    isActive: z.boolean().meta({ description: 'True: executions can be started' }),
    createdAt: timeField,
    updatedAt: timeField,
  })
  .meta({ id: 'WorkflowSummary' });

export const draftSchema = definitionSummarySchema
  .extend({ issues: z.array(issueSchema).meta({ description: 'What publishing would refuse' }) })
  .meta({ id: 'WorkflowDraft' });

/** The parts of a definition that make its graph, as they are answered. */
export const graphFields = {
  nodes: z.array(nodeSchema),
  connections: z.array(connectionSchema),
  triggers: z.array(triggerSchema),
  settings: settingsSchema,
};

export const storedDefinitionSchema = draftSchema.extend(graphFields).meta({ id: 'Workflow' });

export function toDefinitionSummary(
  stored: DefinitionSummary,
): z.input<typeof definitionSummarySchema> {
  return {
    workflowId: stored.workflowId,
    name: stored.name,
    description: stored.description,
    draftVersion: stored.draftVersion,
    publishedVersion: stored.publishedVersion,
    isActive: stored.isActive,
    createdAt: iso(stored.createdAt),
    updatedAt: iso(stored.updatedAt),
  };
}

export function toDraft(
  stored: StoredDefinition,
  catalog: readonly ConnectorManifest[],
): z.input<typeof draftSchema> {
  return {
    ...toDefinitionSummary(stored),
    issues: validateDefinition(stored.definition, catalog),
  };
}

export function toStoredDefinition(
  stored: StoredDefinition,
  catalog: readonly ConnectorManifest[],
): z.input<typeof storedDefinitionSchema> {
  const { nodes, connections, triggers, settings } = stored.definition;
  return { ...toDraft(stored, catalog), nodes, connections, triggers, settings };
}
