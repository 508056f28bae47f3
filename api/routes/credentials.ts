import { z } from 'zod';
import type { ConnectorManifest, CredentialManifest } from '../../connectors/contract.ts';
import { webhookSecretManifest } from '../../connectors/webhook-secret.ts';
import type { CredentialRepository, CredentialSummary } from '../../db/repositories/credentials.ts';
import type { Vault } from '../../db/vault.ts';
import type { CredentialChecker } from '../../temporal/check-credential.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import { iso, timeField } from '../fields.ts';
import { newUuid } from '../identifiers.ts';
import { cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../paging.ts';
import { ApiError } from '../problem.ts';
import { toIssues } from '../zod-issues.ts';

const nameField = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\s].*[^\s]$|^[^\s]$/u, 'must not begin or end with a space')
  .meta({ description: 'Nodes name the credential by it', example: 'smtp-main' });

const dataField = z.record(z.string(), z.unknown()).meta({
  description: 'The secret, as the connector’s credential schema has it; never answered again',
});

const credentialSchema = z
  .object({
    credentialId: z.uuid(),
    name: z.string(),
    type: z.string().meta({ example: 'smtp' }),
    createdAt: timeField,
    updatedAt: timeField,
  })
  .meta({ id: 'Credential' });

const checkSchema = z
  .union([
    z.object({
      ok: z.literal(true),
      account: z.string().optional().meta({
        description: 'What the credential opens: a mail account, a bot, the name of a number',
      }),
    }),
    z.object({
      ok: z.literal(false),
      error: z.object({
        code: z.string().meta({
          description: 'As in nodes’ errors; `not_testable` where only a real send can tell',
          example: 'credential_rejected',
        }),
        message: z.string(),
      }),
    }),
  ])
  .meta({ id: 'CredentialCheck' });

const params = z.object({ credentialId: z.uuid() });
const listCursor = z.tuple([cursorTime, z.uuid()]);

export interface CredentialRouteDeps {
  readonly credentials: CredentialRepository;
  readonly catalog: readonly ConnectorManifest[];
  readonly vault: Vault;
  readonly check: CredentialChecker;
}

export function credentialRoutes(deps: CredentialRouteDeps): Endpoint[] {
  const { credentials, catalog, vault } = deps;
  const tag = 'Credentials';
  const types = new Map<string, CredentialManifest>(
    [...catalog.map(({ credential }) => credential), webhookSecretManifest].flatMap((credential) =>
      credential === null ? [] : [[credential.type, credential] as const],
    ),
  );

  return [
    endpoint({
      method: 'post',
      path: '/credentials',
      operationId: 'createCredential',
      tag,
      summary: 'Store a credential',
      idempotency: 'stored',
      problems: [409],
      body: z
        .strictObject({
          name: nameField,
          type: z.string().min(1).max(64).meta({ example: 'smtp' }),
          data: dataField,
        })
        .meta({ id: 'NewCredential' }),
      responses: { 201: { description: 'The credential', schema: credentialSchema } },
    }).handledBy(async ({ caller, body }) => {
      const data = checked(body.type, body.data);
      const stored = await credentials.insert(
        {
          projectId: caller.projectId,
          credentialId: newUuid(),
          name: body.name,
          type: body.type,
        },
        data,
        vault,
      );
      if (stored === undefined) throw nameTaken();
      return { status: 201, body: toCredential(stored) };
    }),

    endpoint({
      method: 'get',
      path: '/credentials',
      operationId: 'listCredentials',
      tag,
      summary: 'List credentials, oldest first',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page', schema: pageOf(credentialSchema) } },
    }).handledBy(async ({ caller, query }) => {
      const after = decodeCursor(query.cursor, listCursor);
      const rows = await credentials.list(caller.projectId, query.limit + 1, after);
      return { status: 200, body: toPage(rows, query.limit, toCredential, (row) => row.key) };
    }),

    endpoint({
      method: 'get',
      path: '/credentials/{credentialId}',
      operationId: 'getCredential',
      tag,
      summary: 'A credential, without its data',
      problems: [404],
      params,
      responses: { 200: { description: 'The credential', schema: credentialSchema } },
    }).handledBy(async ({ caller, params: { credentialId } }) => {
      const stored = await credentials.find(caller.projectId, credentialId);
      if (stored?.credentialId !== credentialId) throw unknownCredential();
      return { status: 200, body: toCredential(stored) };
    }),

    endpoint({
      method: 'patch',
      path: '/credentials/{credentialId}',
      operationId: 'updateCredential',
      tag,
      summary: 'Rename a credential, or replace its data',
      description: 'Data is replaced whole. Nodes name credentials by id or name: mind the latter.',
      problems: [404, 409],
      params,
      body: z
        .strictObject({ name: nameField.optional(), data: dataField.optional() })
        .meta({ id: 'CredentialChange' }),
      responses: { 200: { description: 'The credential', schema: credentialSchema } },
    }).handledBy(async ({ caller, params: { credentialId }, body }) => {
      const place = { projectId: caller.projectId, credentialId };
      const stored = await credentials.find(caller.projectId, credentialId);
      if (stored?.credentialId !== credentialId) throw unknownCredential();
      const data = body.data === undefined ? undefined : checked(stored.type, body.data);
      const updated = await credentials.update(place, { name: body.name, data }, vault);
      if (updated === 'taken') throw nameTaken();
      if (updated === undefined) throw unknownCredential();
      return { status: 200, body: toCredential(updated) };
    }),

    endpoint({
      method: 'post',
      path: '/credentials/{credentialId}/test',
      operationId: 'testCredential',
      tag,
      summary: 'Try whether a credential works',
      description:
        'A worker logs in to the provider with it; nothing is sent or changed there. Takes up to 25 seconds.',
      problems: [404, 503],
      params,
      responses: { 200: { description: 'Whether it works, or why not', schema: checkSchema } },
    }).handledBy(async ({ caller, params: { credentialId } }) => {
      const { projectId } = caller;
      const stored = await credentials.find(projectId, credentialId);
      if (stored?.credentialId !== credentialId) throw unknownCredential();
      const result = await deps.check({ projectId, credentialId, type: stored.type });
      if (result === undefined) {
        throw new ApiError(
          'worker_unavailable',
          'No worker could try the credential. Check that workers run and what their logs say, then try again.',
          { retryAfterSeconds: 5 },
        );
      }
      return { status: 200, body: result };
    }),

    endpoint({
      method: 'delete',
      path: '/credentials/{credentialId}',
      operationId: 'deleteCredential',
      tag,
      summary: 'Delete a credential',
      description: 'Nodes that name it fail from then on.',
      problems: [404],
      params,
      responses: { 204: { description: 'Deleted' } },
    }).handledBy(async ({ caller, params: { credentialId } }) => {
      const deleted = await credentials.delete({ projectId: caller.projectId, credentialId });
      if (!deleted) throw unknownCredential();
      return { status: 204 };
    }),
  ];

  /** @throws ApiError `invalid_request` if the data is not what the type needs */
  function checked(type: string, data: unknown): unknown {
    const manifest = types.get(type);
    if (manifest === undefined) {
      const message = `/type is not known; it must be one of ${[...types.keys()].join(', ')}.`;
      throw new ApiError('invalid_request', message, {
        issues: [{ code: 'unknown_type', severity: 'error', pointer: '/type', message }],
      });
    }
    const result = manifest.schema.safeParse(data);
    if (result.success) return result.data;
    const issues = toIssues(result.error.issues, '/data');
    throw new ApiError(
      'invalid_request',
      `The data does not fit a credential of type "${type}": ${issues[0]?.message ?? ''}`,
      { issues },
    );
  }
}

function toCredential(stored: CredentialSummary): z.input<typeof credentialSchema> {
  return {
    credentialId: stored.credentialId,
    name: stored.name,
    type: stored.type,
    createdAt: iso(stored.createdAt),
    updatedAt: iso(stored.updatedAt),
  };
}

function unknownCredential(): ApiError {
  return new ApiError('credential_not_found', 'There is no credential with this id.');
}

function nameTaken(): ApiError {
  return new ApiError(
    'credential_exists',
    'There is a credential of this name already. Change that one, or choose another name.',
  );
}
