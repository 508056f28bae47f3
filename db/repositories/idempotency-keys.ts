/** Answers of requests that carry an Idempotency-Key, so that a repeated one gets the same. */
import type { Knex } from 'knex';
import type { Json } from '../../workflows/graph/json.ts';
import { toJsonParameter } from '../json.ts';
import type { RequestKey } from './executions.ts';

export type ClaimResult =
  /** Nobody used the key yet, or who did died before answering: act, then `store` or `release`. */
  | { readonly state: 'claimed' }
  | { readonly state: 'answered'; readonly status: number; readonly body: Json }
  | { readonly state: 'in_progress' }
  /** The key was used for a request with another body. */
  | { readonly state: 'reused' };

/** A request that takes longer has died: nothing in the API may take that long. */
const ABANDONED_AFTER = '2 minutes';

const CLAIM_SQL = `
  INSERT INTO idempotency_keys AS known (project_id, key, route, request_hash)
  VALUES (:projectId, :key, :route, :requestHash)
  ON CONFLICT (project_id, key, route) DO UPDATE SET created_at = now()
  WHERE known.response_status IS NULL AND known.request_hash = excluded.request_hash
    AND known.created_at < now() - interval '${ABANDONED_AFTER}'
  RETURNING key`;

export type IdempotencyKeyRepository = ReturnType<typeof createIdempotencyKeyRepository>;

export function createIdempotencyKeyRepository(database: Knex) {
  const at = (projectId: string, { key, route }: RequestKey) => ({
    project_id: projectId,
    key,
    route,
  });

  return {
    async claim(projectId: string, request: RequestKey): Promise<ClaimResult> {
      const { rows } = await database.raw<{ rows: unknown[] }>(CLAIM_SQL, {
        projectId,
        key: request.key,
        route: request.route,
        requestHash: request.requestHash,
      });
      if (rows.length > 0) return { state: 'claimed' };
      const known: KeyRow | undefined = await database('idempotency_keys')
        .where(at(projectId, request))
        .first('request_hash', 'response_status', 'response_body');
      // Released between the two statements: who asks again will claim it.
      if (known === undefined) return { state: 'in_progress' };
      if (!known.request_hash.equals(request.requestHash)) return { state: 'reused' };
      return known.response_status === null
        ? { state: 'in_progress' }
        : { state: 'answered', status: known.response_status, body: known.response_body };
    },

    async store(
      projectId: string,
      request: RequestKey,
      answer: { readonly status: number; readonly body: unknown },
    ): Promise<void> {
      await database('idempotency_keys')
        .where(at(projectId, request))
        .update({ response_status: answer.status, response_body: toJsonParameter(answer.body) });
    },

    /** The request was refused or failed: the key may be used again. */
    async release(projectId: string, request: RequestKey): Promise<void> {
      await database('idempotency_keys')
        .where({ ...at(projectId, request), response_status: null })
        .delete();
    },

    /** Forgets keys that were first used before the moment. @returns how many */
    async prune(before: Date): Promise<number> {
      return database('idempotency_keys').where('created_at', '<', before).delete();
    },
  };
}

interface KeyRow {
  readonly request_hash: Buffer;
  readonly response_status: number | null;
  readonly response_body: Json;
}
