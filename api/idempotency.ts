/** Keeps the first answer to an Idempotency-Key and gives it again. */
import type { IdempotencyKeyRepository } from '../db/repositories/idempotency-keys.ts';
import type { Answer } from './endpoint.ts';
import { canonicalJson } from './identifiers.ts';
import { ApiError } from './problem.ts';
import { inProgress, reusedKey } from './refusals.ts';

/** Tells a request from another one without keeping it. */
export type Fingerprint = (text: string) => Buffer;

const KEY = /^[\x21-\x7e]{1,255}$/;

/** @throws ApiError if the header is not a usable key */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (KEY.test(header)) return header;
  throw new ApiError(
    'malformed_request',
    'The Idempotency-Key must have 1 to 255 ASCII characters without spaces, for example a UUID.',
  );
}

/**
 * Runs a request under its key: the first one acts, a repeated one gets the same answer, one with
 * another body is refused. A refusal or a failure is not kept, so that the request can be mended.
 * @param request.route what is asked for, parameters filled in
 */
export async function runOnce(
  deps: { readonly keys: IdempotencyKeyRepository; readonly fingerprint: Fingerprint },
  projectId: string,
  request: { readonly key: string; readonly route: string; readonly body: unknown },
  run: () => Promise<Answer>,
): Promise<Answer & { readonly replayed: boolean }> {
  const requestKey = {
    key: request.key,
    route: request.route,
    requestHash: deps.fingerprint(canonicalJson(request.body)),
  };
  const { keys } = deps;
  const claim = await keys.claim(projectId, requestKey);
  switch (claim.state) {
    case 'answered':
      return { status: claim.status, body: claim.body ?? undefined, replayed: true };
    case 'in_progress':
      throw inProgress();
    case 'reused':
      throw reusedKey();
    case 'claimed':
      break;
  }
  let answer: Answer;
  try {
    answer = await run();
  } catch (error) {
    await keys.release(projectId, requestKey);
    throw error;
  }
  await keys.store(projectId, requestKey, { status: answer.status, body: answer.body });
  return { ...answer, replayed: false };
}
