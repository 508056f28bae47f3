import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { ApiKeyIdentity } from '../db/repositories/api-keys.ts';
import type { Caller } from './endpoint.ts';
import { ApiError } from './problem.ts';

/** A revoked key works for at most so long. */
const CACHE_MS = 5_000;
const MAX_CACHED = 1_000;

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

/** @param find looks a key up; its answer is kept for a few seconds */
export function createAuthenticator(
  find: (key: string) => Promise<ApiKeyIdentity | undefined>,
): Authenticator {
  // By hash, so that keys don't stay readable in memory.
  const cache = new Map<string, { readonly until: number; readonly caller: Caller }>();

  async function lookUp(key: string): Promise<Caller | undefined> {
    const hash = createHash('sha256').update(key).digest('base64');
    const known = cache.get(hash);
    if (known !== undefined && known.until > Date.now()) return known.caller;
    cache.delete(hash);
    const caller = await find(key);
    if (caller === undefined) return undefined;
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(hash, { until: Date.now() + CACHE_MS, caller });
    return caller;
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
      const caller = await lookUp(key);
      if (caller === undefined) {
        throw new ApiError('api_key_invalid', 'This API key is unknown, revoked or expired.');
      }
      return caller;
    },

    async tryIdentify(request) {
      const key = keyOf(request);
      return key === undefined ? undefined : lookUp(key);
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
