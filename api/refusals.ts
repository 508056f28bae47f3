/** Refusals that several endpoints share. */
import { ApiError } from './problem.ts';

export function reusedKey(): ApiError {
  return new ApiError(
    'idempotency_key_reused',
    'This Idempotency-Key was used for a request with another body. Use a new key for a new request.',
  );
}

export function inProgress(): ApiError {
  return new ApiError(
    'request_in_progress',
    'A request with this Idempotency-Key is being handled. Ask again in a moment.',
    { retryAfterSeconds: 1 },
  );
}

export function unknownWorkflow(workflowId: string): ApiError {
  return new ApiError('workflow_not_found', `There is no workflow "${workflowId}".`);
}

export function unknownVersion(workflowId: string, version: number): ApiError {
  return new ApiError(
    'version_not_found',
    `Workflow "${workflowId}" has no version ${version}. GET /api/workflows/${workflowId}/versions lists those it has.`,
  );
}

export function unknownLead(): ApiError {
  return new ApiError(
    'lead_not_found',
    'There is no lead with this id. Create it first, or send `lead` with its data where a lead is taken.',
  );
}

export function unknownExecution(): ApiError {
  return new ApiError('execution_not_found', 'There is no execution with this id.');
}
