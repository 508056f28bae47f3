import type { RequestHandler } from 'express';
import type { Logger } from '../cli/logger.ts';
import { requestIdOf } from './request-id.ts';
import type { RequestFacts } from './router.ts';

/**
 * Logs every request once it is answered: what was asked for, by which key, and how it went. Names
 * the endpoint instead of the address, because an address can hold a lead's id.
 */
export function logAccess(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const begun = performance.now();
    response.once('close', () => {
      const facts: RequestFacts = response.locals;
      const { statusCode } = response;
      const fields = {
        requestId: requestIdOf(response),
        method: request.method,
        operation: facts.operationId,
        status: statusCode,
        // False: the client went away before the answer was complete.
        complete: response.writableFinished,
        durationMs: Math.round(performance.now() - begun),
        keyId: facts.keyId,
        projectId: facts.projectId,
      };
      // Probes and reads would drown what changes something.
      if (statusCode >= 500) logger.warn('request', fields);
      else if (request.method === 'GET') logger.debug('request', fields);
      else logger.info('request', fields);
    });
    next();
  };
}
