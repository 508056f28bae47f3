/**
 * What the API answers when it can't do what was asked: RFC 9457 problem details. The codes are a
 * closed union; each has one status and one title, given by one exhaustive switch.
 */
import { z } from 'zod';

export const PROBLEM_CODES = [
  'malformed_json',
  'malformed_yaml',
  'malformed_request',
  'api_key_missing',
  'api_key_invalid',
  'scope_missing',
  'hook_unauthorized',
  'route_not_found',
  'workflow_not_found',
  'version_not_found',
  'execution_not_found',
  'node_not_found',
  'pin_not_found',
  'lead_not_found',
  'credential_not_found',
  'trigger_not_found',
  'hook_not_found',
  'channel_not_found',
  'method_not_allowed',
  'workflow_exists',
  'workflow_not_published',
  'workflow_in_use',
  'lead_exists',
  'credential_exists',
  'execution_ended',
  'execution_not_ended',
  'execution_not_handed_over',
  'node_not_unknown',
  'not_waiting',
  'already_decided',
  'outcome_unknown',
  'idempotency_key_reused',
  'request_in_progress',
  'body_too_large',
  'execution_too_large',
  'media_type_unsupported',
  'invalid_request',
  'invalid_definition',
  'credentials_missing',
  'rate_limited',
  'execution_failed',
  'internal_error',
  'database_unavailable',
  'temporal_unavailable',
  'worker_unavailable',
  'not_ready',
  'hook_unavailable',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** One thing that is wrong with a request or a definition. */
export const problemIssueSchema = z
  .object({
    code: z.string().meta({ example: 'invalid_type' }),
    severity: z.enum(['error', 'warning']),
    nodeId: z.string().optional(),
    pointer: z.string().meta({
      description: 'JSON pointer into the body, or the name of a parameter',
      example: '/lead/email',
    }),
    message: z.string(),
    line: z.int().optional().meta({ description: 'Where it stands in a text, from 1' }),
    column: z.int().optional(),
  })
  .meta({ id: 'ProblemIssue' });
export type ProblemIssue = z.output<typeof problemIssueSchema>;

export const problemSchema = z
  .looseObject({
    type: z.string().meta({ example: 'urn:masar:problem:workflow_not_found' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    error: z.enum(PROBLEM_CODES).meta({ description: 'Stable code, for programs' }),
    message: z.string().meta({ description: 'The same as `detail`' }),
    issues: z.array(problemIssueSchema).optional(),
    retryAfter: z.int().optional().meta({ description: 'Seconds to wait, as in Retry-After' }),
    requestId: z.string().meta({ description: 'Also in the header x-request-id and in the log' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });
export type Problem = z.output<typeof problemSchema>;

export interface ApiErrorOptions {
  readonly issues?: readonly ProblemIssue[];
  /** Seconds after which the same request may succeed. */
  readonly retryAfterSeconds?: number;
  /** Members that this kind of problem has besides the usual ones. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A refusal. The message says what happened and what to do; it never holds personal data. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode;
  readonly issues: readonly ProblemIssue[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.issues = options.issues;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.extra = options.extra ?? {};
  }
}

/** @returns the HTTP status and the title of a kind of problem */
export function describeProblem(code: ProblemCode): { status: number; title: string } {
  switch (code) {
    case 'malformed_json':
      return { status: 400, title: 'The body is not JSON' };
    case 'malformed_yaml':
      return { status: 400, title: 'The body is not YAML' };
    case 'malformed_request':
      return { status: 400, title: 'The request is malformed' };
    case 'api_key_missing':
      return { status: 401, title: 'No API key' };
    case 'api_key_invalid':
      return { status: 401, title: 'Unknown API key' };
    case 'scope_missing':
      return { status: 403, title: 'Not allowed with this API key' };
    case 'route_not_found':
      return { status: 404, title: 'No such address' };
    case 'workflow_not_found':
      return { status: 404, title: 'No such workflow' };
    case 'version_not_found':
      return { status: 404, title: 'No such version' };
    case 'execution_not_found':
      return { status: 404, title: 'No such execution' };
    case 'node_not_found':
      return { status: 404, title: 'No such node' };
    case 'pin_not_found':
      return { status: 404, title: 'No such pin' };
    case 'lead_not_found':
      return { status: 404, title: 'No such lead' };
    case 'credential_not_found':
      return { status: 404, title: 'No such credential' };
    case 'trigger_not_found':
      return { status: 404, title: 'No such trigger' };
    case 'hook_not_found':
      return { status: 404, title: 'No such webhook' };
    case 'channel_not_found':
      return { status: 404, title: 'No such inbound channel' };
    case 'hook_unauthorized':
      return { status: 401, title: 'The sender is not known' };
    case 'execution_failed':
      return { status: 500, title: 'The automation failed' };
    case 'hook_unavailable':
      return { status: 503, title: 'The automation can’t be started' };
    case 'method_not_allowed':
      return { status: 405, title: 'Method not allowed' };
    case 'workflow_exists':
      return { status: 409, title: 'The workflow exists already' };
    case 'workflow_not_published':
      return { status: 409, title: 'The workflow is not published' };
    case 'workflow_in_use':
      return { status: 409, title: 'The workflow has unfinished executions' };
    case 'lead_exists':
      return { status: 409, title: 'The lead exists already' };
    case 'credential_exists':
      return { status: 409, title: 'The name of the credential is taken' };
    case 'execution_ended':
      return { status: 409, title: 'The execution has ended' };
    case 'execution_not_ended':
      return { status: 409, title: 'The execution has not ended' };
    case 'execution_not_handed_over':
      return { status: 409, title: 'The execution is not handed over yet' };
    case 'not_waiting':
      return { status: 409, title: 'The node is not waiting for this' };
    case 'already_decided':
      return { status: 409, title: 'The decision was taken already' };
    case 'outcome_unknown':
      return { status: 409, title: 'It is not known whether a node has acted' };
    case 'node_not_unknown':
      return { status: 409, title: 'The node is not in doubt' };
    case 'idempotency_key_reused':
      return { status: 409, title: 'The Idempotency-Key belongs to another request' };
    case 'request_in_progress':
      return { status: 409, title: 'The same request is in progress' };
    case 'execution_too_large':
      return { status: 413, title: 'The execution is too large' };
    case 'body_too_large':
      return { status: 413, title: 'The body is too large' };
    case 'media_type_unsupported':
      return { status: 415, title: 'The body has an unsupported type' };
    case 'invalid_request':
      return { status: 422, title: 'The request is invalid' };
    case 'invalid_definition':
      return { status: 422, title: 'The definition has errors' };
    case 'credentials_missing':
      return { status: 422, title: 'Credentials are missing' };
    case 'rate_limited':
      return { status: 429, title: 'Too many requests' };
    case 'internal_error':
      return { status: 500, title: 'Internal error' };
    case 'database_unavailable':
      return { status: 503, title: 'The database is away' };
    case 'temporal_unavailable':
      return { status: 503, title: 'Temporal is away' };
    case 'worker_unavailable':
      return { status: 503, title: 'No worker answered' };
    case 'not_ready':
      return { status: 503, title: 'Not ready' };
  }
}

/** The body of an error answer. */
export function toProblem(error: ApiError, requestId: string): Problem {
  const { status, title } = describeProblem(error.code);
  return {
    type: `urn:masar:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    error: error.code,
    message: error.message,
    ...(error.issues === undefined ? {} : { issues: [...error.issues] }),
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfter: error.retryAfterSeconds }),
    ...error.extra,
    requestId,
  };
}
