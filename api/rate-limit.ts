import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { Authenticator } from './authentication.ts';
import { ApiError } from './problem.ts';

const WINDOW_MS = 60_000;
/** Probes and scrapers must always get through. */
const EXEMPT = /\/(?:health|metrics)\/?$/;

/**
 * Limits requests per API key (per address for who has none) in each process, with the headers
 * RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-08.
 */
export function limitRate(perMinute: number, authenticator: Authenticator): RequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'automation',
    skip: (request) => EXEMPT.test(request.path),
    keyGenerator: async (request) => {
      // A made-up key must not open a fresh allowance, so only known keys count by themselves.
      const caller = await authenticator.tryIdentify(request);
      const key = caller === undefined ? ipKeyGenerator(request.ip ?? '') : caller.keyId;
      return createHash('sha256').update(key).digest('base64url');
    },
    handler: (_request, response, next) => {
      const seconds = Number(response.get('retry-after') ?? WINDOW_MS / 1_000);
      next(
        new ApiError(
          'rate_limited',
          `More than ${perMinute} requests in a minute. Try again in ${seconds} s.`,
          { retryAfterSeconds: seconds },
        ),
      );
    },
  });
}
