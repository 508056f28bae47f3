/** Takes what comes to a webhook's address: who sends it, what it says, and what it starts. */
import { describeError, type Logger } from '../cli/logger.ts';
import { webhookSecretManifest, webhookSecretSchema } from '../connectors/webhook-secret.ts';
import type { CredentialRepository } from '../db/repositories/credentials.ts';
import type { Hook, WebhookRepository } from '../db/repositories/webhooks.ts';
import { type Vault, VaultError } from '../db/vault.ts';
import type { ExecutionTrigger } from '../workflows/contract.ts';
import { ConditionError } from '../workflows/graph/conditions.ts';
import { ExpressionError, renderValue } from '../workflows/graph/expressions.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';
import { FilterError, passesFilter } from '../workflows/graph/trigger-filter.ts';
import type { Accepted } from './acceptance.ts';
import { leadIdField } from './fields.ts';
import { ApiError } from './problem.ts';
import type { RateCounter } from './rate-counter.ts';
import { type StartService, VersionChangedError } from './start-service.ts';
import { readWebhookBody } from './webhook-body.ts';
import { deliveryKey, isAuthentic, type SignedRequest } from './webhook-signature.ts';

export interface WebhookRequest extends SignedRequest {
  readonly method: string;
  readonly query: JsonObject;
  /** Address of the sender. */
  readonly from: string;
}

export type WebhookOutcome =
  | { readonly state: 'ignored' }
  | { readonly state: 'accepted'; readonly accepted: Accepted; readonly hook: Hook };

export interface WebhookServiceDeps {
  readonly webhooks: WebhookRepository;
  readonly credentials: CredentialRepository;
  readonly vault: Vault;
  readonly starts: StartService;
  /** Counts by webhook, and by sender where there is none. */
  readonly rates: RateCounter;
  readonly logger: Logger;
}

export type WebhookService = ReturnType<typeof createWebhookService>;

const ATTEMPTS = 3;
/** What authenticates is not told to the automation, nor stored. */
const UNTOLD_HEADERS = ['authorization', 'cookie', 'x-api-key', 'proxy-authorization'];
/** Refusals that are about the request; others are the owner's business and not told to callers. */
const CALLERS_CODES = ['invalid_request', 'execution_too_large', 'request_in_progress'];

export function createWebhookService(deps: WebhookServiceDeps) {
  const { webhooks, credentials, vault, starts, rates, logger } = deps;

  async function secretOf({ projectId, workflowId, trigger }: Hook): Promise<string | undefined> {
    if (trigger.credential === undefined) return undefined;
    const warn = (reason: string): undefined => {
      logger.warn('a webhook has no secret to check by', { workflowId, reason });
      return undefined;
    };
    try {
      const opened = await credentials.open(projectId, trigger.credential, vault);
      if (opened?.type !== webhookSecretManifest.type) {
        return warn('no credential of that name and of type webhook-secret');
      }
      return webhookSecretSchema.parse(opened.data).secret;
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      return warn(error.message);
    }
  }

  async function startOnce(token: string, request: WebhookRequest): Promise<WebhookOutcome> {
    const hook = await webhooks.find(token);
    rates.count(hook?.hookId ?? `from ${request.from}`);
    if (hook === undefined) throw unknownHook();
    const { trigger, projectId, workflowId } = hook;
    if (!isAuthentic(trigger, request, await secretOf(hook))) throw notAuthentic();
    const told = toldOf(hook, request);
    const scope = { trigger: told, workflow: { id: workflowId } };
    let lead: JsonObject | undefined;
    try {
      if (!passesFilter(trigger.filter, scope)) return { state: 'ignored' };
      lead = leadOf(trigger.lead, scope);
    } catch (error) {
      throw explained(error);
    }
    const accepted = await starts.startPublished(
      projectId,
      workflowId,
      {
        input: {},
        trigger: told,
        onlyVersion: hook.version,
        ...(lead === undefined ? {} : { lead }),
      },
      deliveryKey(trigger, request),
      `webhook ${hook.key}`,
    );
    return { state: 'accepted', accepted, hook };
  }

  return {
    /**
     * @throws ApiError `hook_not_found`, `hook_unauthorized`, `rate_limited`, or what is wrong with
     * the request
     */
    async receive(token: string, request: WebhookRequest): Promise<WebhookOutcome> {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await startOnce(token, request);
        } catch (error) {
          // Published anew in between: the new version's trigger decides.
          if (error instanceof VersionChangedError && attempt < ATTEMPTS) continue;
          throw forCaller(error, logger);
        }
      }
    },
  };
}

function toldOf(
  { key, trigger }: Hook,
  request: WebhookRequest,
): Extract<ExecutionTrigger, { readonly type: 'webhook' }> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    // The header of the trigger holds its secret, or a signature that is of no use any more.
    if (value === undefined || name === trigger.header || UNTOLD_HEADERS.includes(name)) continue;
    headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  const contentType = headers['content-type'] ?? '';
  return {
    type: 'webhook',
    trigger: key,
    method: request.method,
    headers,
    query: request.query,
    body: readWebhookBody(request.body, contentType),
  };
}

/** @throws ExpressionError, or ApiError if the id is none */
function leadOf(
  mapping: Readonly<Record<string, unknown>> | undefined,
  scope: { readonly trigger: JsonObject; readonly workflow: JsonObject },
): JsonObject | undefined {
  if (mapping === undefined) return undefined;
  // Read from JSON, and an object: rendering keeps it one.
  const lead = renderValue(mapping as Json, scope, '/lead') as JsonObject;
  const { id, ...fields } = lead;
  if (id === undefined || id === null || id === '') return fields;
  const parsed = leadIdField.safeParse(typeof id === 'number' ? String(id) : id);
  if (parsed.success) return { ...fields, id: parsed.data };
  throw new ApiError('invalid_request', 'The id of the lead in this request isn’t one.');
}

function explained(error: unknown): unknown {
  if (error instanceof ExpressionError) {
    return new ApiError(
      'invalid_request',
      `The request lacks something that the automation needs: ${error.message}`,
      { cause: error },
    );
  }
  if (error instanceof ConditionError || error instanceof FilterError) {
    return new ApiError('invalid_request', `The request can’t be judged: ${error.message}`, {
      cause: error,
    });
  }
  return error;
}

function forCaller(error: unknown, logger: Logger): unknown {
  if (!(error instanceof ApiError)) {
    return error instanceof VersionChangedError ? unavailable(error) : error;
  }
  if (error.code === 'workflow_not_published' || error.code === 'workflow_not_found') {
    return unknownHook();
  }
  if (error.code.startsWith('hook_') || error.code.startsWith('rate_')) return error;
  if (CALLERS_CODES.includes(error.code) || error.code.startsWith('malformed')) return error;
  if (error.code === 'media_type_unsupported') return error;
  logger.warn('a webhook’s automation could not be started', describeError(error));
  return unavailable(error);
}

function unavailable(cause: unknown): ApiError {
  return new ApiError(
    'hook_unavailable',
    'The automation can’t be started at the moment. Try again later.',
    { cause, retryAfterSeconds: 60 },
  );
}

function unknownHook(): ApiError {
  return new ApiError('hook_not_found', 'There is nothing at this address.');
}

/** The same whatever is missing or wrong. */
function notAuthentic(): ApiError {
  return new ApiError(
    'hook_unauthorized',
    'The request doesn’t prove that its sender knows the secret.',
  );
}
