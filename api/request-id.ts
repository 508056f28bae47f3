import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

const ACCEPTABLE = /^[\w.:-]{1,128}$/;
const HEADER = 'x-request-id';

/** Gives every request an id: the caller's own, or a new one. It is answered in the same header. */
export function assignRequestId(): RequestHandler {
  return (request, response, next) => {
    const given = request.get(HEADER);
    response.set(HEADER, given !== undefined && ACCEPTABLE.test(given) ? given : randomUUID());
    next();
  };
}

export function requestIdOf(response: Response): string {
  return response.get(HEADER) ?? '';
}
