import { z } from 'zod';
import type { LeadRepository, StoredLead } from '../../db/repositories/leads.ts';
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import {
  iso,
  jsonObjectField,
  leadFields,
  leadIdField,
  timeField,
  toJsonObject,
} from '../fields.ts';
import { newLeadId } from '../identifiers.ts';
import { cursorText, cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import { ApiError } from '../problem.ts';
import { unknownLead } from '../refusals.ts';

const leadSchema = z
  .looseObject({
    id: z.string(),
    leadId: z.string().meta({ description: 'The same as `id`' }),
    createdAt: timeField,
    updatedAt: timeField,
  })
  .meta({ id: 'Lead', description: 'Everything that is known of a lead' });

/** Fields that an answer adds; what a lead has under these names is not stored. */
const ADDED = ['id', 'leadId', 'createdAt', 'updatedAt'] as const;

const params = z.object({ leadId: leadIdField });
const listCursor = z.tuple([cursorTime, cursorText]);

export function leadRoutes({ leads }: { readonly leads: LeadRepository }): Endpoint[] {
  const tag = 'Leads';
  return [
    endpoint({
      method: 'post',
      path: '/leads',
      operationId: 'createLead',
      tag,
      summary: 'Create a lead',
      description: 'Besides its name, a lead may have any JSON.',
      idempotency: 'stored',
      problems: [409],
      body: leadFields.extend({ name: z.string().min(1).max(500) }).meta({ id: 'NewLead' }),
      responses: { 201: { description: 'The lead', schema: leadSchema } },
    }).handledBy(async ({ caller, body }) => {
      const leadId = body.id ?? newLeadId();
      const stored = await leads.insert(caller.projectId, leadId, storable(toJsonObject(body)));
      if (stored === undefined) {
        throw new ApiError(
          'lead_exists',
          'There is a lead with this id already. Change it with PATCH.',
        );
      }
      return { status: 201, body: toLead(stored) };
    }),

    endpoint({
      method: 'get',
      path: '/leads',
      operationId: 'listLeads',
      tag,
      summary: 'List leads, oldest first',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page', schema: pageOf(leadSchema) } },
    }).handledBy(async ({ caller, query }) => {
      const after = decodeCursor(query.cursor, listCursor);
      const rows = await leads.list(caller.projectId, query.limit + 1, after);
      return { status: 200, body: toPage(rows, query.limit, toLead, (row) => row.key) };
    }),

    endpoint({
      method: 'get',
      path: '/leads/{leadId}',
      operationId: 'getLead',
      tag,
      summary: 'A lead',
      problems: [404],
      params,
      responses: { 200: { description: 'The lead', schema: leadSchema } },
    }).handledBy(async ({ caller, params: { leadId } }) => {
      const stored = await leads.find(caller.projectId, leadId);
      if (stored === undefined) throw unknownLead();
      return { status: 200, body: toLead(stored) };
    }),

    endpoint({
      method: 'patch',
      path: '/leads/{leadId}',
      operationId: 'updateLead',
      tag,
      summary: 'Change a lead',
      description:
        'JSON Merge Patch (RFC 7396): objects are merged, null removes a field. Executions that run keep the lead as it was when they started.',
      problems: [404],
      params,
      body: jsonObjectField.meta({
        override: { type: 'object', additionalProperties: true },
        example: { phone: '+971500000000', company: { name: 'Noor' }, oldField: null },
      }),
      responses: { 200: { description: 'The lead', schema: leadSchema } },
    }).handledBy(async ({ caller, params: { leadId }, body }) => {
      const patch = storable(body);
      const stored = await leads.update(caller.projectId, leadId, (data) =>
        mergeObjects(data, patch),
      );
      if (stored === undefined) throw unknownLead();
      return { status: 200, body: toLead(stored) };
    }),
  ];
}

function toLead(stored: StoredLead): z.input<typeof leadSchema> {
  return {
    ...stored.data,
    id: stored.leadId,
    leadId: stored.leadId,
    createdAt: iso(stored.createdAt),
    updatedAt: iso(stored.updatedAt),
  };
}

/** Without what an answer adds. */
function storable(lead: JsonObject): JsonObject {
  const added: readonly string[] = ADDED;
  return Object.fromEntries(Object.entries(lead).filter(([key]) => !added.includes(key)));
}

/** RFC 7396 §2. */
function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const current = merged.get(key);
    if (value === null) merged.delete(key);
    else if (isObject(value))
      merged.set(key, mergeObjects(isObject(current) ? current : {}, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
