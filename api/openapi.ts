/** The OpenAPI 3.1 document, made of the schemas that validate. */
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import type { Endpoint } from './endpoint.ts';
import { describeProblem, PROBLEM_CODES, problemSchema } from './problem.ts';

const DESCRIPTION = `
Masar runs automations: graphs of e-mail, WhatsApp, Sheets, HTTP and custom code that survive crashes and send nothing twice.

Everything is below \`/api\`; \`/api/v1\` is the same. Times are ISO 8601 in UTC with milliseconds, durations texts such as \`"30s"\` or \`"7d"\`, measured durations whole milliseconds (\`…Ms\`).

Every request but the probes needs an API key, in \`x-api-key\` or as \`Authorization: Bearer …\`; a key belongs to one project. Errors are problem details (RFC 9457) with a stable code in \`error\`. Lists answer \`nextCursor\`, which is the \`cursor\` of the next page. A POST with an \`Idempotency-Key\` can be repeated safely: the same key gets the same answer.
`.trim();

const RATE_LIMITED = '/automation/';

/** @param version of the product, shown in the document */
export function createOpenApiDocument(
  endpoints: readonly Endpoint[],
  version: string,
): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const endpoint of endpoints) {
    const path = `/api${endpoint.path}`;
    paths[path] = { ...paths[path], [endpoint.method]: toOperation(endpoint) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Masar', version, description: DESCRIPTION },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }, { bearer: [] }],
    tags: [...new Set(endpoints.map((endpoint) => endpoint.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The same API key' },
      },
    },
  });
}

function toOperation(endpoint: Endpoint): ZodOpenApiOperationObject {
  const { params, query, body } = endpoint.parts;
  const mediaTypes =
    endpoint.action.kind === 'raw' ? endpoint.action.mediaTypes : ['application/json'];
  const answers = Object.entries(endpoint.responses).map(([status, { description, schema }]) => [
    status,
    {
      description,
      ...(schema === undefined ? {} : { content: inEach(mediaTypes, schema) }),
    },
  ]);
  return {
    operationId: endpoint.operationId,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    ...(endpoint.auth === 'open' ? { security: [] } : {}),
    requestParams: {
      ...(params instanceof z.ZodObject ? { path: params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...(endpoint.idempotency === 'none' ? {} : { header: idempotencyHeader }),
    },
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: inEach(endpoint.bodyTypes ?? ['application/json'], body),
          },
        }),
    responses: {
      ...Object.fromEntries(answers),
      ...refusals(endpoint),
      ...(endpoint.relayed === undefined ? {} : { default: { description: endpoint.relayed } }),
    },
  };
}

function inEach(
  mediaTypes: readonly string[],
  schema: z.ZodType,
): Record<string, { readonly schema: z.ZodType }> {
  return Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
}

const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .meta({ description: 'The same key again gets the same answer and acts only once' }),
});

/** The statuses that an endpoint may refuse with, and for each the codes that it may have. */
function refusals(endpoint: Endpoint): ZodOpenApiOperationObject['responses'] {
  const { params, query, body } = endpoint.parts;
  const statuses = new Set<number>([
    ...(params !== undefined || query !== undefined || body !== undefined ? [400] : []),
    ...(endpoint.auth === 'key' ? [401, 403, 503] : []),
    ...(body === undefined ? [] : [413, 415, 422]),
    ...(endpoint.idempotency === 'none' ? [] : [409]),
    ...(endpoint.path.startsWith(RATE_LIMITED) ? [429] : []),
    ...(endpoint.problems ?? []),
    500,
  ]);
  return Object.fromEntries(
    [...statuses].sort().map((status) => [
      String(status),
      {
        description: [
          ...new Set(
            PROBLEM_CODES.map(describeProblem)
              .filter((problem) => problem.status === status)
              .map((problem) => problem.title),
          ),
        ].join(' · '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}
