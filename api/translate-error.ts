/** Translates whatever a request ended with into an ApiError, once, at the edge. */
import { isNativeError } from 'node:util/types';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { ApiError } from './problem.ts';

/**
 * Network failures and PostgreSQL's classes of connection errors: the database is away or going.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const DATABASE_AWAY =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|08\w{3}|57P0[123]|53300|25006)$/;
const KNEX_AWAY =
  /Timeout acquiring a connection|Connection terminated|Connection ended|Unable to acquire a connection/;

/** gRPC status codes that mean that the server can't be asked now: deadline, exhausted, unavailable. */
const GRPC_AWAY: readonly number[] = [4, 8, 14];

/** @returns the error as the API answers it; anything unexpected becomes `internal_error` */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isTemporalAway(error)) {
    return new ApiError(
      'temporal_unavailable',
      'Temporal does not answer. Try again; nothing was changed.',
      { retryAfterSeconds: 5, cause: error },
    );
  }
  if (isDatabaseAway(error)) {
    return new ApiError(
      'database_unavailable',
      'The database does not answer. Try again; repeat with the same Idempotency-Key if the request acts.',
      { retryAfterSeconds: 5, cause: error },
    );
  }
  // Express marks what it refuses by itself, such as an undecodable path, with a status.
  if (isNativeError(error) && 'status' in error && error.status === 400) {
    return new ApiError(
      'malformed_request',
      'The address of the request can’t be decoded. Check its percent signs.',
      { cause: error },
    );
  }
  return new ApiError(
    'internal_error',
    'Something went wrong on our side; it is in the log under this request id.',
    { cause: error },
  );
}

export function isDatabaseAway(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  // Connecting to a name with several addresses fails with all their errors at once.
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.some(isDatabaseAway);
  if ('code' in error && typeof error.code === 'string' && DATABASE_AWAY.test(error.code)) {
    return true;
  }
  return KNEX_AWAY.test(error.message);
}

export function isTemporalAway(error: unknown): boolean {
  if (isGrpcServiceError(error)) return GRPC_AWAY.includes(error.code);
  return error instanceof ServiceError && isGrpcServiceError(error.cause)
    ? GRPC_AWAY.includes(error.cause.code)
    : false;
}
