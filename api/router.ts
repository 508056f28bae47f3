/** Makes an Express router of endpoints: key, scope, parts, Idempotency-Key, answer. */
import { type Request, type Response, Router } from 'express';
import type { IdempotencyKeyRepository } from '../db/repositories/idempotency-keys.ts';
import { type Authenticator, requireScope } from './authentication.ts';
import type { Answer, Caller, Endpoint, RawParts, RequestContext } from './endpoint.ts';
import { type Fingerprint, readIdempotencyKey, runOnce } from './idempotency.ts';
import { ApiError } from './problem.ts';
import { relay } from './relayed-answer.ts';
import { requestIdOf } from './request-id.ts';

export interface RouterDeps {
  readonly endpoints: readonly Endpoint[];
  readonly authenticator: Authenticator;
  readonly idempotency: {
    readonly keys: IdempotencyKeyRepository;
    readonly fingerprint: Fingerprint;
  };
}

/** What the access log tells of a request, kept in `response.locals`. */
export interface RequestFacts {
  operationId?: string;
  keyId?: string;
  projectId?: string;
}

export function createRouter(deps: RouterDeps): Router {
  const router = Router({ caseSensitive: true });
  for (const endpoint of deps.endpoints) {
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1');
    router[endpoint.method](path, async (request: Request, response: Response) => {
      const facts: RequestFacts = response.locals;
      facts.operationId = endpoint.operationId;
      const caller = await callerOf(endpoint, request);
      if (caller !== undefined) {
        facts.keyId = caller.keyId;
        facts.projectId = caller.projectId;
      }
      const raw = { params: request.params, query: request.query, body: request.body };
      const context = contextOf(request, response);
      if (endpoint.action.kind === 'raw') {
        await endpoint.action.run(raw, context, caller, { request, response });
        return;
      }
      const answer = await answerOf(endpoint, endpoint.action, raw, context, caller);
      if ('replayed' in answer && answer.replayed) response.set('idempotency-replayed', 'true');
      if (answer.headers !== undefined) {
        relay(response, { ...answer, headers: answer.headers });
        return;
      }
      response.status(answer.status);
      if (answer.body === undefined) response.end();
      else response.json(answer.body);
    });
  }
  refuseOtherMethods(router, deps.endpoints);
  return router;

  async function callerOf(endpoint: Endpoint, request: Request): Promise<Caller | undefined> {
    if (endpoint.auth === 'open') return undefined;
    const caller = await deps.authenticator.identify(request);
    requireScope(caller, endpoint.method);
    return caller;
  }

  async function answerOf(
    endpoint: Endpoint,
    action: Extract<Endpoint['action'], { kind: 'json' }>,
    raw: RawParts,
    context: RequestContext,
    caller: Caller | undefined,
  ): Promise<Answer & { readonly replayed?: boolean }> {
    const { idempotencyKey: key } = context;
    if (endpoint.idempotency !== 'stored' || key === undefined || caller === undefined) {
      return action.run(raw, context, caller);
    }
    const route = `${endpoint.method} ${endpoint.path} ${JSON.stringify(raw.params)}`;
    return runOnce(deps.idempotency, caller.projectId, { key, route, body: raw.body }, () =>
      action.run(raw, context, caller),
    );
  }
}

function contextOf(request: Request, response: Response): RequestContext {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return {
    requestId: requestIdOf(response),
    idempotencyKey: readIdempotencyKey(request.get('idempotency-key')),
    signal: gone.signal,
  };
}

/** An address that is known under other methods says so, instead of pretending not to be there. */
function refuseOtherMethods(router: Router, endpoints: readonly Endpoint[]): void {
  const methods = Map.groupBy(endpoints, (endpoint) => endpoint.path);
  for (const [path, known] of methods) {
    const allowed = known.map((endpoint) => endpoint.method.toUpperCase());
    router.all(path.replaceAll(/\{(\w+)\}/g, ':$1'), (request, response, next) => {
      // Express answers these by itself where there is a GET.
      if (request.method === 'OPTIONS' || request.method === 'HEAD') {
        next();
        return;
      }
      response.set('allow', allowed.join(', '));
      throw new ApiError(
        'method_not_allowed',
        `${request.method} is not possible here; ${allowed.join(' and ')} ${allowed.length === 1 ? 'is' : 'are'}.`,
      );
    });
  }
}
