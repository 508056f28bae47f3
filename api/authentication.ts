import type { Request } from 'express';
import type { ApiKeyIdentity } from '../db/repositories/api-keys.ts';
import type { Caller } from './endpoint.ts';
import { ApiError } from './problem.ts';

export interface Authenticator {
  /**
   * @throws ApiError `api_key_missing` or `api_key_invalid`
   */
  identify(request: Request): Promise<Caller>;
  /** Like `identify`, but undefined where it throws an ApiError: for the rate limit. */
  tryIdentify(request: Request): Promise<Caller | undefined>;
  /** @returns whom a key belongs to, undefined if to nobody */
  identifyKey(key: string): Promise<Caller | undefined>;
}

/**
 * Nothing is remembered longer than a look-up takes: a key that is revoked stops working at once,
 * on every replica. Requests that come while their key is being looked up share the answer.
 * @param find looks a key up
 */
export function createAuthenticator(
  find: (key: string) => Promise<ApiKeyIdentity | undefined>,
): Authenticator {
  const lookUps = new Map<string, Promise<Caller | undefined>>();
  // A request is identified twice: for its rate limit, and for its endpoint.
  const callers = new WeakMap<Request, Promise<Caller | undefined>>();

  function lookUp(key: string): Promise<Caller | undefined> {
    const current = lookUps.get(key);
    if (current !== undefined) return current;
    const started = find(key).finally(() => lookUps.delete(key));
    lookUps.set(key, started);
    return started;
  }

  function callerOf(request: Request, key: string): Promise<Caller | undefined> {
    const known = callers.get(request) ?? lookUp(key);
    callers.set(request, known);
    return known;
  }

  return {
    identifyKey: lookUp,

    async identify(request) {
      const key = keyOf(request);
      if (key === undefined) {
        const isEmpty = request.get('x-api-key') === '' || request.get('authorization') === '';
        throw new ApiError(
          'api_key_missing',
          `${isEmpty ? 'The API key is empty. ' : ''}Send an API key in the header "x-api-key", or as "Authorization: Bearer …".`,
        );
      }
      const caller = await callerOf(request, key);
      if (caller === undefined) {
        throw new ApiError('api_key_invalid', 'This API key is unknown, revoked or expired.');
      }
      return caller;
    },

    async tryIdentify(request) {
      const key = keyOf(request);
      return key === undefined ? undefined : callerOf(request, key);
    },
  };
}

function keyOf(request: Request): string | undefined {
  const header = request.get('x-api-key');
  if (header !== undefined && header !== '') return header;
  const [scheme, key] = (request.get('authorization') ?? '').split(' ');
  return scheme?.toLowerCase() === 'bearer' && key !== undefined && key !== '' ? key : undefined;
}

/**
 * Scopes of a key: `*` allows everything, `write` and `read` what their names say; writing includes
 * reading.
 * @throws ApiError `scope_missing`
 */
export function requireScope(caller: Caller, method: string): void {
  const needed = method === 'get' ? ['*', 'read', 'write'] : ['*', 'write'];
  if (caller.scopes.some((scope) => needed.includes(scope))) return;
  throw new ApiError(
    'scope_missing',
    `This API key may not ${method === 'get' ? 'read' : 'change anything'}; use one with the scope "${needed.at(-1)}".`,
  );
}
